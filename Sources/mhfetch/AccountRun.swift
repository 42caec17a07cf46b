// One run for one account: connect, log in, fetch what is new, delete what may go, and report what could not be done.

import AccountSessions
import Blocking
import CommandStart
import Delivery
import DurableFiles
import FetchCalendar
import FetchLedger
import FetchSpool
import Glibc
import IMAPProtocol
import InternetAddress
import MaildirStore
import Octets
import Reporting
import RunControl
import Transport

/// A run for one account. Holds what its collectors share.
final class AccountRun {
    /// The longest that a whole session may take. A server that stays within the timeouts can drip for ever; what was
    /// fetched until then is safe, and the next run goes on from there.
    static let sessionLimit = Duration.seconds(12 * 3600)
    /// How long an account may keep another one waiting.
    static let turnLimit = Duration.seconds(3600)

    let account: AccountSettings
    let hub: StartedHub
    private let paths: Paths
    let ledger: AccountLedger
    private let request: AccountRuns.Request
    private let due: DueAccounts
    let means: RunMeans
    /// How the folders stood when they were looked at, for whoever waits for news of them.
    var marks: [String: FolderMark] = [:]
    /// For standard output.
    private(set) var printed = ""
    var progress: Progress
    var tally = Tally()
    /// Why folders could not be fetched.
    var stops: [String] = []
    /// What keeps fetched mail here; empty for nothing.
    private(set) var waits = ""
    /// `nil` in a dry run, which writes nothing.
    let delivery: BatchDelivery?
    /// Hands on what is spooled; `nil` where nothing is, and nothing will be, and where another process does.
    let handOver: HandOver?
    /// `nil` where nothing is spooled, and nothing will be.
    let spool: Maildir?
    /// How long this run still waits for places before it goes on.
    var placePatience: Duration
    /// Whether nobody asked for this account by name, and nobody may read along.
    var isByTimer: Bool { request.isDue || request.isIdle }
    var isDue: Bool { request.isDue }
    var isVerbose: Bool { request.isVerbose }
    /// Whether that was not told in a while. Where a command stays, neither a person nor the log is told more often.
    func isNews(_ words: String) -> Bool { request.told?.isNews(words, of: account.name) ?? true }
    /// What the run is for.
    var errand: Errand { request.errand }
    var acceptFolder: String? { request.acceptFolder }
    var refetchFolder: String? { request.refetchFolder }
    /// Whether what is here already is taken as known, by its Message-ID.
    var reindexes: Bool { request.reindexes }
    var isDry: Bool { delivery == nil }
    /// The Maildir of the account's owner.
    private let maildir: String
    private var letters: StoredLetters?
    /// The time of day that this run serves.
    private var serving: FetchPlan.Served?
    /// Whether the server has let us in.
    private(set) var hasCome = false
    /// The server's address, as far as it can be told from here.
    private(set) var peer: IPAddress?
    private var clockIsRight = true
    private let began = Deadline.now
    /// Since the run began.
    var seconds: Int { Int(clamping: began.elapsed.components.seconds) }
    /// Whether the turn ended before all was looked at.
    private var hasRest = false
    /// Whether `per-run` is reached: nothing more is looked at.
    private(set) var isRationed = false
    /// What this run has asked for.
    private var rationed = (messages: 0, octets: 0)

    /// - Parameters:
    ///   - due: knows when the run of all accounts began.
    /// - Throws: when the account has no owner, or the owner's Maildir cannot be opened: then there is nowhere to fetch
    ///   to.
    init(
        account: AccountSettings, hub: StartedHub, paths: Paths, ledger: AccountLedger, _ request: AccountRuns.Request,
        due: DueAccounts, _ means: RunMeans = RunMeans()
    ) throws {
        guard let owner = account.owner, let mailbox = hub.settings.mailbox(owner) else {
            throw FetchError.noOwner(account.name, position: account.position)
        }
        maildir = mailbox.maildir
        let (log, name) = (hub.log, account.name)
        let standing = means.standingHandOver?.handOver
        let spool =
            try standing?.spool.maildir
            ?? ledger.folder.flatMap { try FetchSpool.maildir(in: $0, making: account.needsSpool) }
        if let standing {
            handOver = standing
        } else {
            // A slow place would keep the process that watches the account from its lock.
            let isOthers = try means.standingHandOver == nil && !request.retriesAll && ledger.isWatched()
            handOver = try spool.flatMap { isOthers ? nil : try FetchSpool.open($0) }.map {
                try HandOver(of: account, from: $0, hub: hub, over: paths, isForced: request.retriesAll)
            }
            handOver.map { means.standingHandOver?.keep($0) }
        }
        self.spool = spool
        placePatience = means.standingHandOver == nil ? Self.placePatience : StandingHandOver.patience
        delivery =
            request.isDry
            ? nil
            : BatchDelivery(
                ledger: ledger, inbox: try Maildir(path: maildir, making: true), spool: spool,
                usesSpool: account.needsSpool, pool: means.pool
            ) { log.write(.warning, "sweep", [("account", name), ("error", sentence($0))]) }
        self.account = account
        self.hub = hub
        self.paths = paths
        self.ledger = ledger
        self.request = request
        self.due = due
        self.means = means
        progress = Progress(of: account.name, row: hub.settings.accounts.firstIndex { $0.name == account.name } ?? 0)
        delivery?.onSpooling = { [weak self] in try self?.handOver?.take($0) }
        if account.logsMessages { delivery?.onDelivery = { [weak self] in self?.logDelivery(of: $0, $1) } }
    }

    /// Adds a line to what is printed.
    func say(_ line: String) { printed += "\(account.name): \(line)\n" }

    /// The account's state, as its ledger has it.
    var state: FetchState { ledger.state }

    /// The time in seconds since 1970; never less than the build date, as any clock that was set shows more.
    var now: Int { max(Glibc.time(nil), ClockSanity.buildDate) }

    /// Does the whole run.
    /// - Returns: `temporaryFailure` when a message or a folder could not be fetched, or what was fetched waits.
    func carryOut() throws -> ExitStatus {
        checkClock()
        defer { progress.end() }
        // Before the account's lock is given back.
        defer { if means.standingHandOver == nil { handOver?.end() } }
        // A time of the day is for all folders.
        serving = means.folder == nil ? due.timeServed(of: account, after: state.past) : nil
        try ledger.beginRun(at: runTime)
        do {
            try recover()
            try beginHandOver()
            try collect()
            try delivery?.settle()
            if let words = try endHandOver() {
                tally.waiting = handOver?.count ?? 0
                waits = words
                tellWaiting(words)
            }
        } catch {
            keepWhatIsWhole()
            noteEnd(of: error)
            report()
            throw error  // the one to report, even if it could not be recorded
        }
        // What is fetched and waits for its places is a matter of the spool, which tells of it.
        let status: ExitStatus = tally.failed + tally.stopped == 0 ? .ok : .temporaryFailure
        let rest =
            hasRest
            ? "the turn of another account came first, the rest follows"
            : isRationed ? "`per-run` is reached, the rest follows" : ""
        try serveTime()
        let words = stops.isEmpty ? "some mail could not be fetched" : told(stops)
        try ledger.endRun(at: now, status: status.rawValue, status == .ok ? rest : words)
        try noteTotal()
        try ledger.compactIfWorthwhile()
        report()
        return waits.isEmpty ? status : .temporaryFailure
    }

    /// Finds out what became of the batches of a run that died.
    func recover() throws {
        // What the spool has is as it came, but for this one.
        let hasFields = account.addsReceived || account.addsDeliveredTo && !account.needsSpool
        try delivery?.recover(at: now, hasFields: hasFields)
    }

    /// The first of several sentences, and how many there are.
    private func told(_ sentences: [String]) -> String {
        guard sentences.count > 1 else { return sentences.first ?? "" }
        return "\(sentences[0]); and \(sentences.count - 1) more"
    }

    /// When this run counts as begun: one time for all accounts, so that one behind a slow one does not slip; never
    /// before another run that went between, and never after now.
    private var runTime: Int { min(max(due.start, min(state.lastRun, now)), now) }

    private func noteEnd(of error: any Error) {
        var (status, words) = (AccountFault(account: "", error: error).exitStatus, sentence(error))
        if StopSignal.hasCome { (status, words) = (.temporaryFailure, "told to stop before all was fetched") }
        do {
            let isAway = isAway(error)
            if !isAway { try serveTime() }
            try ledger.endRun(at: now, status: status.rawValue, words)
            if isAway { try ledger.noteAway() }
            try noteTotal()
            // Also where no run ends well: a journal must not grow for ever.
            try ledger.compactIfWorthwhile()
        } catch {
            // What ended the run is thrown by the caller. Without a record of its end `--status` counts the run as one
            // that died.
            noteFault(error)
        }
    }

    private func noteTotal() throws {
        try ledger.add(FetchState.Total(messages: delivery?.published ?? 0, octets: tally.octets))
    }

    private func serveTime() throws { if let serving { try ledger.serve(serving) } }

    /// Whether the run did not come to the server, or was told to stop: its turn comes again soon. What a person must mend
    /// does not count.
    private func isAway(_ error: any Error) -> Bool {
        if StopSignal.hasCome { return true }
        return switch AccountFault(account: "", error: error).exitStatus {
        case .temporaryFailure, .noHost, .unavailable: !hasCome
        default: false
        }
    }

    private func collect() throws {
        guard let server = account.fetchServer else {
            throw FetchError.doesNotFetch(account.name, position: account.position)
        }
        if account.speaksInClear(to: server) { tell("in clear, as \"tls off insecure\" says") }
        if let standing = means.standing {
            let isNew = standing.session == nil
            let session = try standing.open(at: server)
            noteSession(
                session.exchange.wire.facts, by: session.mechanism, isCompressed: session.isCompressed, isNew: isNew)
            return try IMAPCollector(run: self, session: session).collect()
        }
        // A dry run changes nothing.
        let commands = isDry ? nil : ConnectionCommands(account: account)
        try commands?.before()
        do { try collect(from: server) } catch {
            // The first error is the one to report.
            do throws(FetchError) { try commands?.after() } catch { noteFault(error) }
            throw error
        }
        try commands?.after()
    }

    private func collect(from server: AccountServer) throws {
        if account.fetch?.service.isIMAP == true {
            let session = try IMAPSession.open(account, at: server, over: paths, within: Self.sessionLimit)
            noteSession(session.exchange.wire.facts, by: session.mechanism, isCompressed: session.isCompressed)
            try IMAPCollector(run: self, session: session).collect()
            try session.logOut()
        } else {
            func open() throws(AccountError) -> POP3Session {
                try POP3Session.open(account, at: server, over: paths, within: Self.sessionLimit)
            }
            let session = try means.seat.map { try $0.dial(open) } ?? open()
            noteSession(session.exchange.wire.facts, by: session.mechanism)
            try POP3Collector(run: self, session: session).collect()
        }
    }

    /// Notes that the server has let us in.
    private func noteSession(
        _ wire: WireFacts, by mechanism: String?, isCompressed: Bool = false, isNew: Bool = true
    ) {
        (hasCome, peer) = (true, wire.remoteAddress?.address)
        guard isNew else { return }
        let tls = wire.tls.map { "\($0.version), \($0.cipher)" } ?? "in clear"
        let login = mechanism.map { ", as \(account.user ?? "nobody") by \($0)" } ?? ""
        tell("\(wire.peer)\(login), \(tls)\(isCompressed ? ", compressed" : "")")
    }

    /// Notes an error behind the one that is reported.
    func noteFault(_ error: any Error) {
        guard isNews(sentence(error)) else { return }
        hub.log.write(.error, "fetch", [("account", account.name), ("error", sentence(error))])
    }

    /// Keeps what was fetched before the error, and records it, so that it is not fetched again.
    private func keepWhatIsWhole() {
        do {
            try delivery?.publish()
            try delivery?.settle()
        } catch {
            noteFault(error)
        }
        do {
            if let words = try endHandOver() { tellWaiting(words) }
        } catch {
            // The first error is reported by the caller; this one often has the same cause. The next run finds out what
            // became of the batch.
            noteFault(error)
        }
    }

    private func checkClock() {
        let time = Glibc.time(nil)
        clockIsRight = ClockSanity.trusts(time, newestState: state.lastRun)
        guard !clockIsRight, case .days = account.keep else { return }
        complain("the clock is behind that of earlier runs, so nothing is deleted by age; set it right")
    }

    // MARK: For the collectors

    /// The program that sees headers first; never in a dry run.
    var filter: HeaderFilter? {
        account.filter.isEmpty || isDry ? nil : HeaderFilter(argv: account.filter)
    }

    /// What the owner's Maildir had when it was first asked for: it is read once for all folders of a server.
    func storedLetters() throws -> StoredLetters {
        if let letters { return letters }
        let read = try StoredLetters(in: Maildir(path: maildir, making: true))
        letters = read
        return read
    }

    /// Begins a batch of `messages`, if there is enough free space.
    func begin(_ messages: [Pending]) throws {
        guard let delivery else { preconditionFailure("a dry run fetches nothing") }
        means.files?.growToFetch()
        try delivery.demandRoom(hub.settings.limits.freeSpace)
        try demandSpoolRoom()
        // Should it bring us down again, what came before it is safe.
        if let alone = messages.first, messages.count == 1, state.isSuspect(alone.key) { try delivery.settle() }
        for message in messages where state.isUnfetched(message.key) { try ledger.doubtSiblings(of: message.key) }
        try delivery.begin(messages.map(\.key), at: now)
    }

    /// Whether this session is to end between two batches, as another account has waited for ``turnLimit``. What is
    /// left comes with the next run.
    func isTurnOver() -> Bool {
        guard hasRest || (began.elapsed >= means.turnLimit && means.othersWait()) else { return false }
        if !hasRest { tell("another account waits, the rest comes with the next run") }
        hasRest = true
        return true
    }

    /// Whether the batch under way has as much as a batch may have; see ``BatchDelivery/isFull``.
    var isBatchFull: Bool { delivery?.isFull ?? false }

    /// Drops the batch under way: nothing of it is published.
    func abandon() { delivery?.abandon() }

    /// Hands the batch over to be published while the next one comes in.
    func publish() throws { try delivery?.publish() }

    /// Makes the end of every batch durable: only then may its messages be deleted at the source.
    func settle() throws {
        try delivery?.settle()
        try awaitPlaces()
    }

    /// Where mail for a folder of the owner's Maildir goes, be it by way of the spool; `nil` for the inbox.
    func destination(_ folder: FolderName?) -> Destination {
        let spoolPath = account.needsSpool ? spool?.path : nil
        return Destination(maildir: spoolPath ?? maildir, folder: folder)
    }

    /// The error of a folder whose UIDs mean other messages than before, with the commands to choose from.
    func renumbered(_ folder: String) -> FetchError {
        .renumbered(
            folder: folder, accept: commandLine("--accept-folder", folder),
            refetch: commandLine("--refetch-folder", folder), reindex: commandLine("--reindex"))
    }

    /// The command to type for this account, quoted for a shell.
    func commandLine(_ option: String, _ value: String? = nil) -> String {
        let rc = request.explicitRC.map { ["-C", $0] } ?? []
        let words = value.map { $0.hasPrefix("-") ? ["\(option)=\($0)"] : [option, $0] } ?? [option]
        return (["mhfetch"] + rc + words + [account.name]).map(shellQuoted).joined(separator: " ")
    }

    /// Whether what was fetched at `time` in run `number` may be deleted at the source now: by age, and after three
    /// sightings, so that a wrong clock alone deletes nothing.
    func mayGo(fetched time: Int, in number: Int) -> Bool {
        // What was never fetched is never deleted.
        guard number > 0 else { return false }
        if errand == .flush { return true }
        return switch account.keep {
        case .on: false
        case .off: true
        case .days(let days): clockIsRight && now - time >= days * 86_400 && state.run - number >= 3
        }
    }

    /// As many of `messages`, from the first on, as this run may still fetch.
    /// - Returns: also whether that is all of them.
    func ration(_ messages: [Pending]) -> (taken: [Pending], isAll: Bool) {
        let limit = account.runLimit
        var taken: [Pending] = []
        for message in messages {
            let total = rationed.octets.adding(told: message.cost)
            let isOver = limit.octets.map { rationed.messages > 0 && total > $0 } ?? false
            if isOver || limit.messages.map({ rationed.messages >= $0 }) ?? false {
                if !isRationed { tell("\"per-run\" is reached, the rest comes with the next run") }
                isRationed = true
                return (taken, false)
            }
            rationed = (rationed.messages + 1, total)
            taken.append(message)
        }
        return (taken, true)
    }

    func isLeftAlone(_ key: MessageKey) -> Bool { !request.retriesAll && state.isLeftAlone(key, now: now) }
}
