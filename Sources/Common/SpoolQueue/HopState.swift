// What is known of a next hop beyond single messages: its fault, when to probe it, how far a person was told.

import DurableFiles
import MailEnvelope
import MessageContent
import Octets

/// The state of one next hop, `<state>/hop/<kind>-<name>`.
public struct HopState: KeptState, Hashable {
    /// What is wrong with it, in words for a person; `nil`: nothing.
    public var fault: String?
    /// Since when it has been at fault, in seconds since 1970.
    public var since = 0
    /// From this time on, in seconds since 1970, one process may probe it, which sets the time anew; others skip it.
    public var nextProbe = 0
    /// How far a person was told of this fault: 0 not at all, 1 at once, 2 after a day, 3 after five.
    public var told = 0
    /// Since when DNS has said that there is no such place, in seconds since 1970; 0 where it has not.
    public var missingSince = 0

    public init() {}

    public static let kind = "mailhub-hop"

    public var lines: [(keyword: String, value: String)] {
        let words = fault.map { [("fault", EnvelopeText(cleaning: $0).description)] } ?? []
        return words + [("since", "\(max(0, since))"), ("probe", "\(max(0, nextProbe))"), ("told", "\(max(0, told))")]
            + (missingSince > 0 ? [("missing", "\(missingSince)")] : [])
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        if keyword == "fault" {
            fault = value
            return true
        }
        guard let number = JournalWord.number(value.utf8) else { return false }
        switch keyword {
        case "since": since = number
        case "probe": nextProbe = number
        case "told": told = number
        case "missing": missingSince = number
        default: return false
        }
        return true
    }
}

/// The right to one of the connections that a next hop may have at once.
public struct HopConnection: Sendable {
    let lock: FileLock

    /// Gives it back, by unlocking and not by closing alone: a child that is just being started holds our descriptors
    /// until its exec. A lock that cannot be released ends with the descriptor.
    public func release() { _ = try? lock.release() }
}

/// The states of all next hops of a hub.
public final class HopStates: Sendable {
    private let files: StateFiles<HopState>
    private var directory: Directory { files.directory }

    /// - Parameter state: the hub's state directory.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when `hop` cannot be opened or made in it.
    public init(in state: Directory) throws(QueueError) {
        files = StateFiles(
            in: try durably { () throws(DurableError) in try state.directory("hop", making: 0o700) })
    }

    /// The state of `hop`, without a lock; a fresh one when there is none.
    /// - Throws: ``QueueError/newerVersion(path:)``, ``QueueError/hopDamaged(path:)``, ``QueueError/disk(_:)``.
    public func read(_ hop: NextHop) throws(QueueError) -> HopState {
        try read(named: Self.fileName(hop))
    }

    /// Changes the state of `hop` under its lock; durable on return.
    /// - Returns: the state after the change.
    /// - Throws: as ``read(_:)``; also ``QueueError/noSpace(_:)``.
    @discardableResult
    public func change(_ hop: NextHop, _ body: (inout HopState) -> Void) throws(QueueError) -> HopState {
        let name = Self.fileName(hop)
        guard !hop.isStranger else { return try changeStranger(name, body) }
        do throws(StateFileError) { return try files.change(name, body) } catch { throw QueueError(error) }
    }

    /// How long the state of a stranger's domain or host is kept after its last change, in seconds.
    static let strangerAge = 7 * 86_400
    /// Such states at most: what is wrong with one beyond that is found out anew each time.
    static let strangerLimit = 10_000

    /// Held over each change of a stranger's state. One for all of them: a lock for each could never be removed.
    private static let strangersLock = "strangers.lock"

    /// As ``change(_:_:)`` for the host of that name, of those that take the mail of strangers' domains.
    @discardableResult
    public func change(host: String, _ body: (inout HopState) -> Void) throws(QueueError) -> HopState {
        try changeStranger(Self.fileName(host: host), body)
    }

    /// As ``read(_:)`` for such a host.
    public func read(host: String) throws(QueueError) -> HopState { try read(named: Self.fileName(host: host)) }

    private func read(named name: String) throws(QueueError) -> HopState {
        do throws(StateFileError) { return try files.read(name) } catch { throw QueueError(error) }
    }

    /// Changes the state of a stranger under their lock. Where there are too many already, nothing is kept of a new one.
    /// - Returns: the state as it is, or would be, after the change.
    private func changeStranger(
        _ name: String, _ body: (inout HopState) -> Void
    ) throws(QueueError) -> HopState {
        try withStrangersLocked { () throws(QueueError) in
            let hasRoom = try durably { () throws(DurableError) in
                guard try directory.status(of: name) == nil else { return true }
                return try directory.names().count(where: Self.isOfStranger) < Self.strangerLimit
            }
            guard hasRoom else {
                var state = HopState()
                body(&state)
                return state
            }
            do throws(StateFileError) { return try files.changeLocked(name, body) } catch { throw QueueError(error) }
        }
    }

    private func withStrangersLocked<Value>(_ body: () throws(QueueError) -> Value) throws(QueueError) -> Value {
        let lock = try durably { () throws(DurableError) in
            try FileLock.acquire(Self.strangersLock, in: directory)
        }
        defer { _ = try? lock.release() }  // one that cannot be released ends with its descriptor
        return try body()
    }

    private static func isOfStranger(_ name: String) -> Bool { name.hasPrefix("host-") || name.hasPrefix("domain-") }

    /// Removes the states of strangers that have not changed for long.
    public func sweep(now: Int) throws(QueueError) {
        try withStrangersLocked { () throws(QueueError) in
            try durably { () throws(DurableError) in
                for name in try directory.names() where Self.isOfStranger(name) {
                    guard let status = try directory.status(of: name),
                        !(status.modified - 86_400...status.modified + Self.strangerAge).contains(now)
                    else { continue }
                    try directory.unlink(name)
                }
            }
        }
    }

    /// The right to one of `limit` connections to `hop`, over all processes, until it is released; `nil` when all are
    /// in use. All domains of one route have them together.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when a lock file cannot be opened or made.
    public func connection(_ hop: NextHop, atMost limit: Int) throws(QueueError) -> HopConnection? {
        for number in 0..<max(1, limit) {
            let lock = try durably { () throws(DurableError) in
                try FileLock.tryAcquire("\(Self.slotName(hop)).slot.\(number)", in: directory)
            }
            if let lock { return HopConnection(lock: lock) }
        }
        return nil
    }

    /// How many of the `limit` connections to `hop` are in use now, by whatever process.
    /// - Throws: ``QueueError/disk(_:)``.
    public func connectionsHeld(_ hop: NextHop, atMost limit: Int) throws(QueueError) -> Int {
        var count = 0
        for number in 0..<max(1, limit) {
            let isHeld = try durably { () throws(DurableError) in
                try FileLock.isHeld("\(Self.slotName(hop)).slot.\(number)", in: directory)
            }
            if isHeld { count += 1 }
        }
        return count
    }

    private static func slotName(_ hop: NextHop) -> String {
        guard case .domain(_, let route) = hop else { return fileName(hop) }
        return "route-" + StateFiles<HopState>.fileName(route)
    }

    private static func fileName(host: String) -> String {
        "host-" + StateFiles<HopState>.fileName(host.lowercased())
    }

    /// A file name for any next hop: its kind, then its name.
    static func fileName(_ hop: NextHop) -> String { "\(hop.kind)-" + StateFiles<HopState>.fileName(hop.name) }
}

extension QueueError {
    fileprivate init(_ error: StateFileError) {
        switch error {
        case .disk(let error): self.init(error)
        case .newerVersion(let path): self = .newerVersion(path: path)
        case .damaged(let path): self = .hopDamaged(path: path)
        }
    }
}
