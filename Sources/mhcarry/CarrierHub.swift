// What all parts of a run share: settings, queue, routing, log.

import AccountSessions
import AddressExpansion
import Blocking
import Delivery
import DurableFiles
import FetchCalendar
import Glibc
import LoginLedger
import MailFormat
import MailRouting
import MessageContent
import Reporting
import Resolver
import RunControl
import SpoolQueue
import Synchronization

/// The hub as its carrier sees it. Values and handles that are safe to share between threads.
final class CarrierHub: Sendable {
    let settings: HubSettings
    let queue: Queue
    let maildirs: OpenMaildirs
    let paths: Paths
    let hops: HopStates
    let locals: LocalAddresses
    let expander: Expander
    let routing: RoutingTable
    let limits: RouteLimits
    /// The names of the routes whose mail leaves in a way of its own: changed, or counted.
    let markedRoutes: Set<String>
    /// Which account has an address at a provider, whether the account sends or not.
    let accountsByAddress: RoutingTable
    let policy: RetryPolicy
    /// When the last message came in before this run, in seconds since 1970: a clock that shows less is wrong, or was.
    private let lastAccept: Int
    let uplink: Uplink
    let notices: NoticeWriter
    private let noticeBudget: NoticeBudgets
    let log: Log
    /// Whether a person asked: a next hop at fault is probed at once then.
    let isForced: Bool
    /// The first error of our own in this run, such as of a disk or a file: it gives the exit status.
    private let firstError = Mutex<(any Complaint)?>(nil)
    private let unrecorded = Atomic(0)
    private let heldUnowned = Atomic(false)
    let aliasFaults = AliasFaults()
    private let accountsUsed = Mutex<Set<String>>([])
    /// Made when it is needed: few hubs ask DNS themselves.
    private let dns = Mutex<(any MailResolver)?>(nil)

    /// - Parameters:
    ///   - online: the name of the connection that somebody has announced: what waits for it is carried, and nothing else.
    ///   - faults: forced disk faults of a test, in the queue.
    init(
        _ settings: HubSettings, log: Log, isForced: Bool, online: String? = nil, faults: Faults? = nil
    ) throws {
        self.settings = settings
        self.log = log
        self.isForced = isForced
        paths = Paths(
            settings,
            logins: LoginRecords(in: settings.stateDirectory, watching: settings.sources, isForced: isForced) {
                log.write(.warning, "login", [("words", $0)])
            }, warn: { log.write(.warning, "transcript", [("words", $0)]) })
        maildirs = OpenMaildirs { log.write(.warning, "sweep", [("error", sentence($0))]) }
        queue = try Queue(state: settings.stateDirectory, faults: faults)
        hops = try HopStates(in: queue.state)
        noticeBudget = NoticeBudgets(in: queue.state)
        let isQueryNeeded = settings.routes.contains { !$0.online.isEmpty }
        uplink = Uplink(
            isQueryNeeded ? settings.onlineQuery : nil, announced: online, in: queue.state, log: log)
        lastAccept = try WakeMark.read(in: queue.run).modified
        locals = settings.localAddresses
        expander = Expander(settings)
        routing = settings.routingTable
        limits = try RouteLimits(settings, in: queue, longest: settings.queue.longestRetry.wholeSeconds) {
            log.write(.error, "limit", [("route", $1), ("error", sentence($0))])
        }
        let changing = settings.routes.filter { !$0.rewrites.isEmpty || $0.shownRecipients != nil }.map(\.name)
        markedRoutes = limits.names.union(changing)
        accountsByAddress = RoutingTable(
            routes: [], accounts: settings.accounts.map { SendingAccount(name: $0.name, addresses: $0.addresses) })
        var policy = RetryPolicy()
        policy.lifetime = settings.queue.lifetime.wholeSeconds
        policy.warnAfter = settings.queue.warnAfter.map(\.wholeSeconds)
        policy.firstDelay = settings.queue.firstRetry.wholeSeconds
        policy.longestDelay = settings.queue.longestRetry.wholeSeconds
        self.policy = policy
        let (texts, fault) = settings.noticeTexts
        if let fault { log.write(.warning, "notice-texts", [("error", fault)]) }
        notices = NoticeWriter(host: settings.hostname, texts: texts, policy: policy)
    }

    /// Whom DNS is asked by, as the rc says.
    func resolver() throws(ResolverError) -> any MailResolver {
        try dns.withLock { dns throws(ResolverError) in
            if let dns { return dns }
            let made = try settings.makeResolver()
            dns = made
            return made
        }
    }

    /// The age of `message` in seconds; `nil` while it cannot be known, and nothing is given up by age.
    func age(of message: LockedMessage) -> Int? {
        policy.age(
            arrival: message.acceptance.arrival, firstResult: message.state.firstResult, now: Clock.seconds(),
            newestState: lastAccept)
    }

    /// Notes that the results of a message that was carried cannot be recorded. One may have a bad file; from the second
    /// on it is the disk, and each further message would be sent again by the next run.
    func noteUnrecorded() { unrecorded.add(1, ordering: .relaxed) }

    /// Whether nothing further is to be sent, as results cannot be recorded.
    var cannotRecord: Bool { unrecorded.load(ordering: .relaxed) > 1 }
    /// Whether the run is to end soon: it was told so, or cannot record what it does.
    var isEnding: Bool { StopSignal.hasCome || cannotRecord }

    /// Notes that a message of somebody without a mailbox here was held by rule: see ``UnownedMail``.
    func noteHeldUnowned() { heldUnowned.store(true, ordering: .relaxed) }

    /// Whether one was held in this run.
    var hasHeldUnowned: Bool { heldUnowned.load(ordering: .relaxed) }

    /// Notes that mail was sent through the account.
    func noteSent(through account: String) { _ = accountsUsed.withLock { $0.insert(account) } }

    /// Tells `mhfetch --due` of the accounts that it fetches from only when mail was sent through them.
    func askForFetching() {
        let used = accountsUsed.withLock { $0 }
        let asking = settings.accounts.filter { $0.isOnlyWhenSending && used.contains($0.name) }.map(\.name)
        guard !asking.isEmpty else { return }
        let now = Clock.seconds()
        let file = DueFile(in: settings.stateDirectory, watching: settings.sources, on: .machine, now: now)
        do throws(StateFileError) {
            try file.change { list in
                for account in asking { list.noteSent(account, at: now) }
            }
            // For who waits for it, such as a path unit of systemd: the list itself changes with each run of mhfetch.
            do throws(DurableError) {
                try queue.run.replace("sent", with: Array("\(now)\n".utf8), isDurable: false)
            } catch {
                throw .disk(error)
            }
        } catch {
            log.write(.warning, "due", [("error", sentence(error))])
        }
    }

    /// Whether next hops at fault are asked at once: a person asks, or the way to them is open now.
    var asksAtOnce: Bool { isForced || !uplink.connectivity.carriesAll }

    /// Whether there is room for another notice in this hour; else it stays owed.
    func mayNotify() -> Bool {
        do throws(StateFileError) { return try noticeBudget.spend(now: Clock.seconds()) } catch {
            log.write(.warning, "notices", [("error", sentence(error))])
            return true
        }
    }

    /// Tells the postmaster of mail that has waited for a connection for long, once.
    func tellOfWaiting() {
        uplink.conclude(tellingAfter: settings.alertAfter) { since, words in
            let date = MailDate.now()
            let id = queue.makeID(seconds: date.seconds)
            try queue.add(try notices.write(waitingForConnection: words, since: since, id: id, at: date), id: id)
        }
    }

    /// Notes an error of our own about one message; the run goes on with the others.
    func note(_ error: any Error, of id: QueueID) { note(error, at: id.text) }

    /// As ``note(_:of:)``, for a name in the queue that may be no message's.
    func note(_ error: any Error, at name: String) {
        if case QueueError.busy = error { return }  // another run has it
        keep(error, "attempt", ("id", name))
    }

    /// Notes an error of our own that keeps a hop's mail from going; the run goes on with the others.
    func note(_ error: any Error, of hop: NextHop) { keep(error, "hop", ("hop", hop.description)) }

    private func keep(_ error: any Error, _ event: String, _ subject: (String, String?)) {
        log.write(.error, event, [subject, ("error", sentence(error))])
        guard let error = error as? any Complaint else { return }
        firstError.withLock { $0 = $0 ?? error }
    }

    /// The mailbox of the postmaster; `nil` for a hub without mailboxes.
    var postmaster: String? {
        if let address = try? Address("postmaster@\(settings.hostname)"),
            case .mailbox(let name) = locals.resolve(address)
        {
            return name
        }
        return settings.postmaster ?? settings.mailboxes.first?.name
    }

    /// The error that the run ends with, if any.
    var failure: (any Complaint)? { firstError.withLock { $0 } }
}

/// The time of day.
enum Clock {
    /// Seconds since 1970.
    static func seconds() -> Int { time(nil) }
}

extension Duration {
    /// Seconds, the rest cut off.
    var wholeSeconds: Int { Int(clamping: components.seconds) }
}
