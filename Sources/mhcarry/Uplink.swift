// Whether the hub is online, and over which connection: asked by one run for all, and seldom.

import Blocking
import DurableFiles
import MailFormat
import MailRouting
import Programs
import Reporting
import RunControl
import SpoolQueue
import Synchronization
import Transport

/// The answer to `online-query`, and the mail that waits for another one.
final class Uplink: Sendable {
    /// How long an answer holds, over all runs, in seconds.
    static let validity = 30
    /// How long a program may take.
    static let patience = Duration.seconds(10)
    /// Octets of a name.
    static let nameLimit = 64

    private struct State {
        var connectivity: Connectivity
        var asked: Deadline?
        var hasWaiting = false
    }

    private let query: OnlineQuery?
    private let log: Log
    private let records: StateFiles<OnlineRecord>
    private let state: Mutex<State>
    /// Only tests run programs as root.
    let isForced: Bool

    /// - Parameters:
    ///   - name: of the connection that somebody has announced; nobody is asked then.
    ///   - directory: the hub's state directory.
    init(_ query: OnlineQuery?, announced name: String?, in directory: Directory, log: Log, isForced: Bool = false) {
        (self.query, self.log, self.isForced) = (name == nil ? query : nil, log, isForced)
        records = StateFiles(in: directory)
        state = Mutex(State(connectivity: name.map { .announced($0) } ?? .offline))
    }

    /// As it was found last.
    var connectivity: Connectivity { state.withLock { $0.connectivity } }

    /// Asks, unless it is known. Takes as long as the program.
    func look() {
        guard let query, state.withLock({ $0.asked.map { $0.elapsed >= .seconds(Self.validity) } ?? true }) else {
            return
        }
        let found: Connectivity
        do throws(StateFileError) {
            found = try change { record in
                let now = Clock.seconds()
                guard !(record.asked...record.asked + Self.validity).contains(now) else { return }
                let before = record.fault
                (record.name, record.fault, record.asked) = (nil, nil, now)
                switch ask(query) {
                case .success(let name): record.name = name
                case .failure(let error): record.fault = sentence(error)
                }
                guard let fault = record.fault, fault != before else { return }
                log.write(.warning, "online-query", [("error", fault)])
            }.connectivity
        } catch {
            log.write(.error, "online-query", [("error", sentence(error))])
            found = .offline
        }
        state.withLock { ($0.connectivity, $0.asked) = (found, .now) }
    }

    private func change(_ body: (inout OnlineRecord) -> Void) throws(StateFileError) -> OnlineRecord {
        try records.change(OnlineRecord.fileName, body)
    }

    private func ask(_ query: OnlineQuery) -> Result<String?, any Error> {
        Result {
            switch query {
            case .interface(let names): return names.first(where: NetworkInterface.isUp)
            case .file(let path): return Self.name(in: try Self.start(of: path))
            case .command(let argv):
                var program = Program(argv: argv, deadline: Deadline(after: Self.patience), outputLimit: 1024)
                if isForced { program.isRoot = { false } }
                let result = try program.run()
                if case .exited(let status) = result.ending, status != 0 { return nil }
                try result.requireSuccess(of: argv[0])
                return Self.name(in: result.output)
            }
        }
    }

    /// What a file begins with; nothing where there is none.
    private static func start(of path: String) throws(DurableError) -> [UInt8] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = try Directory(path: parts.dropLast().joined(separator: "/") + "/")
        guard let file = try folder.open(String(parts.last ?? "")) else { return [] }
        return try file.status().isRegular ? file.read(atMost: 1024, at: 0) : []
    }

    /// The first line, if it may be a name.
    private static func name(in octets: [UInt8]) -> String? {
        let line = octets.prefix { $0 != 0x0A }
        let name = String(decoding: line, as: UTF8.self).trimming { $0 == " " || $0 == "\t" || $0 == "\r" }
        guard !name.isEmpty, name.utf8.count <= nameLimit, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return nil
        }
        return name
    }

    /// Notes that there is mail which waits for a connection.
    func noteWaiting() { state.withLock { $0.hasWaiting = true } }

    /// Ends a run that has seen the whole queue.
    /// - Parameters:
    ///   - patience: how long mail may wait before a person is told; `nil` for ever.
    ///   - tell: tells since when it has been waiting, and why; what it throws has been told of, and it is done again.
    func conclude(tellingAfter patience: Duration?, _ tell: (Int, String) throws -> Void) {
        let (connectivity, hasWaiting) = state.withLock { ($0.connectivity, $0.hasWaiting) }
        guard connectivity.carriesAll else { return }
        do {
            guard try hasWaiting || records.read(OnlineRecord.fileName).waiting > 0 else { return }
            let now = Clock.seconds()
            let record = try change { record in
                if !hasWaiting { (record.waiting, record.isTold) = (0, false) }
                if hasWaiting, record.waiting == 0 || record.waiting > now { record.waiting = now }
            }
            guard let patience, hasWaiting, !record.isTold, ClockSanity.trusts(record.waiting),
                now - record.waiting >= patience.wholeSeconds
            else { return }
            try tell(record.waiting, record.fault ?? record.name.map { "online by \($0)" } ?? "offline")
            _ = try change { $0.isTold = true }
        } catch {
            log.write(.error, "online-query", [("error", sentence(error))])
        }
    }
}

extension String {
    /// Without what satisfies `isDropped` at both ends.
    fileprivate func trimming(_ isDropped: (Character) -> Bool) -> String {
        var rest = self[...]
        while let first = rest.first, isDropped(first) { rest.removeFirst() }
        while let last = rest.last, isDropped(last) { rest.removeLast() }
        return String(rest)
    }
}
