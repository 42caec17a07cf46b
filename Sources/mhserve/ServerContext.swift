// What all sessions of a worker share: settings, mailboxes, the queue, pools, limits.

import AddressExpansion
import Delivery
import DurableFiles
import MailEnvelope
import MailFormat
import MailRouting
import MailboxLogins
import MaildirStore
import MessageContent
import NIOCore
import Reporting
import RunControl
import SMTPProtocol
import SpoolQueue
import Synchronization

final class ServerContext: Sendable {
    let settings: HubSettings
    let log: Log
    /// For lines about clients that were sent away.
    let refusals: RefusalLog
    let queue: Queue
    let expander: Expander
    let logins: Logins
    let certificates: Certificates
    let disk: WorkPool
    /// Asks the keeper for a queue run.
    let wake: @Sendable () -> Void
    private let hashing: WorkPool
    private let maildirs: OpenMaildirs
    private let shelf = SnapshotShelf()
    private let sizes = Mutex<[String: SizeCache]>([:])
    private let stopping = Atomic(false)

    init(settings: HubSettings, wake: @escaping @Sendable () -> Void, log: Log) throws {
        self.settings = settings
        self.wake = wake
        self.log = log
        let queue = try Queue(state: settings.stateDirectory)
        self.queue = queue
        let floor = settings.limits.freeSpace
        refusals = RefusalLog(log) {
            do {
                return try queue.state.freeOctets() < floor
            } catch {
                return true  // a disk that does not even answer
            }
        }
        maildirs = OpenMaildirs { log.write(.warning, "sweep", [("error", sentence($0))]) }
        // What a client waits for is not worth a file that is being edited.
        expander = Expander(settings, waits: false)
        expander.book.read()
        disk = WorkPool(threads: 16, queue: 4096)
        hashing = WorkPool(threads: 2, queue: 32)
        logins = try Logins(settings)
        certificates = Certificates(settings: settings, log: log)
    }

    /// The time a client may be silent between commands.
    var smtpIdle: TimeAmount { TimeAmount(settings.limits.smtpIdle) }
    var pop3Idle: TimeAmount { TimeAmount(settings.limits.pop3Idle) }
    /// The time for a block of content to come in (RFC 5321 §4.5.3.2.5 asks for 3 minutes) or to be taken.
    var smtpContentTime: TimeAmount { min(.minutes(3), smtpIdle) }
    var pop3ContentTime: TimeAmount { min(.minutes(3), pop3Idle) }

    var isStopping: Bool {
        get { stopping.load(ordering: .relaxed) }
        set { stopping.store(newValue, ordering: .relaxed) }
    }

    /// `envelope` with a whole address for each recipient, as ``address(of:)`` completes it.
    /// - Throws: ``ServerContextError/noAddress(_:)`` where RCPT has accepted a path without an address: a recipient
    ///   left out here would be lost behind a 250.
    func completed(_ envelope: Envelope) throws(ServerContextError) -> Envelope {
        var whole = envelope
        for index in whole.recipients.indices {
            let path = whole.recipients[index].forwardPath
            guard let address = address(of: path) else { throw .noAddress("\(path)") }
            whole.recipients[index].forwardPath = .address(address)
        }
        return whole
    }

    /// The address that `path` stands for, qualified; `nil` when it has no domain and there is none to give it.
    func address(of path: ForwardPath) -> Address? {
        switch path {
        case .postmaster:
            return try? Address(localPart: "postmaster", domain: settings.hostname)
        case .address(let address):
            if address.domain != nil { return address }
            return try? address.qualified(with: settings.qualify)
        }
    }

    /// Checks that the disk of the queue keeps the rc's `free-space`.
    /// - Parameter octets: about to be written.
    /// - Throws: ``QueuePressure/freeSpaceLow``, or the error of the disk.
    func checkFreeSpace(for octets: Int = 0) throws {
        let (needed, isTooMuch) = settings.limits.freeSpace.addingReportingOverflow(max(0, octets))
        guard !isTooMuch, try queue.state.freeOctets() >= needed else { throw QueuePressure.freeSpaceLow }
    }

    /// Delivers into the mailbox `name`, durably.
    /// - Returns: the name of the file.
    func deliver(_ message: Prepared, to name: String, arrival: MailDate) throws -> String {
        let file = try DeliveryName.random(seconds: arrival.seconds)
        let agent = MaildirAgent(
            to: Destination(maildir: try maildirPath(of: name)), as: file, place: try CopyPlace(mailbox: name),
            in: maildirs)
        try agent.copy(message)
        return file.unique
    }

    /// The messages of the mailbox `name` as they are now.
    func snapshot(of name: String) throws -> MaildirSnapshot {
        let maildir = try Maildir(path: try maildirPath(of: name), making: true)
        return try shelf.snapshot(
            of: [ShownMaildir(maildir, sizes: try sizeCache(of: name))], now: MailDate.now().seconds
        ) { [log] in
            log.write(
                .error, "messages left out", [("login", name), ("count", "\($0.count)"), ("first", $0.first)])
        }
    }

    private func sizeCache(of name: String) throws -> SizeCache {
        if let known = sizes.withLock({ $0[name] }) { return known }
        let directory = try queue.state.directory("sizes", making: 0o700)
        let made = try SizeCache(name, in: directory)
        return sizes.withLock { sizes in
            if let known = sizes[name] { return known }
            sizes[name] = made
            return made
        }
    }

    private func maildirPath(of name: String) throws -> String {
        guard let mailbox = settings.mailbox(name) else { throw ServerContextError.noSuchMailbox(name) }
        return mailbox.maildir
    }

    /// Answers `question` on a thread that may block; the line is held meanwhile.
    func find(_ question: LoginQuestion, on line: any SessionLine, then done: @escaping (LoginAnswer) -> Void) {
        let started = line.offload(to: hashing) {
            question.answer()
        } then: { result in
            switch result {
            case .success(let answer): done(answer)
            case .failure: done(.unknown)
            }
        }
        if !started { done(.unknown) }
    }

    /// Logs a try to log in, in a line that fail2ban can read.
    func logLogin(_ name: String?, _ outcome: LoginOutcome, service: Service, line: any SessionLine) {
        let level = if case .accepted = outcome { Log.Level.info } else { Log.Level.notice }
        log.write(
            level, "login",
            [
                ("service", service.name), ("client", "\(line.peer)"), ("login", name), ("status", outcome.word),
                ("tls", line.tls?.version),
            ])
    }

    /// Starts the threads of the pools, before the first session.
    func start() {
        disk.start()
        hashing.start()
    }

    /// Ends the pools, after the last session.
    func stop() throws {
        try disk.stop()
        try hashing.stop()
    }
}

enum ServerContextError: Complaint {
    case noSuchMailbox(String)
    /// RCPT has accepted it all the same.
    case noAddress(String)

    var exitStatus: ExitStatus {
        switch self {
        case .noSuchMailbox: .configuration
        case .noAddress: .software
        }
    }

    var description: String {
        switch self {
        case .noSuchMailbox(let name): "the rc has no mailbox \(name) (any more)"
        case .noAddress(let path): "\(path): was accepted as a recipient, and has no address to go to"
        }
    }
}

extension TimeAmount {
    init(_ duration: Duration) { self = .seconds(duration.components.seconds) }
}
