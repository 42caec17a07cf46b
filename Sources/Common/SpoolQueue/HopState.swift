// What is known of a next hop beyond single messages: its fault, when to probe it, how far a person was told.

import DurableFiles
import MailEnvelope
import MessageContent
import Octets

/// The state of one next hop, `<state>/hop/<kind>-<name>`.
public struct HopState: Sendable, Hashable {
    /// What is wrong with it, in words for a person; `nil`: nothing.
    public var fault: String?
    /// Since when it has been at fault, in seconds since 1970.
    public var since = 0
    /// From this time on, in seconds since 1970, one process may probe it, which sets the time anew; others skip it.
    public var nextProbe = 0
    /// How far a person was told of this fault: 0 not at all, 1 at once, 2 after a day, 3 after five.
    public var told = 0

    public init() {}

    var octets: [UInt8] {
        var text = "mailhub-hop 1\n"
        if let fault { text += "fault \(JournalWord.encode(EnvelopeText(cleaning: fault).description))\n" }
        text += "since \(max(0, since))\nprobe \(max(0, nextProbe))\ntold \(max(0, told))\n"
        return Array(text.utf8)
    }

    /// The version that `octets` claim to be of; `nil` when they do not begin as a hop's state does.
    static func version(of octets: [UInt8]) -> Int? {
        let words = octets.prefix { $0 != Octet.lf }.split(separator: Octet.space)
        guard words.count == 2, words[0].elementsEqual("mailhub-hop".utf8) else { return nil }
        return JournalWord.number(words[1])
    }

    /// Reads what ``octets`` writes; `nil` when it is of another version or damaged.
    init?(_ octets: [UInt8]) {
        guard Self.version(of: octets) == 1 else { return nil }
        let lines = octets.split(separator: Octet.lf).map { $0.split(separator: Octet.space) }
        for line in lines.dropFirst() {
            guard let verb = line.first else { return nil }
            let numbers = line.dropFirst().map { JournalWord.number($0) }
            switch (String(decoding: verb, as: UTF8.self), line.count) {
            case ("fault", 2):
                // A fault that cannot be read must not pass for none.
                guard let words = JournalWord.decode(line[1]) else { return nil }
                fault = words
            case ("since", 2):
                guard let time = numbers[0] else { return nil }
                since = time
            case ("probe", 2):
                guard let time = numbers[0] else { return nil }
                nextProbe = time
            case ("told", 2):
                guard let stage = numbers[0] else { return nil }
                told = stage
            default: return nil
            }
        }
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
    private let directory: Directory

    /// - Parameter state: the hub's state directory.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when `hop` cannot be opened or made in it.
    public init(in state: Directory) throws(QueueError) {
        directory = try durably { () throws(DurableError) in try state.directory("hop", making: 0o700) }
    }

    /// The state of `hop`, without a lock; a fresh one when there is none.
    /// - Throws: ``QueueError/newerVersion(path:)``, ``QueueError/hopDamaged(path:)``, ``QueueError/disk(_:)``.
    public func read(_ hop: NextHop) throws(QueueError) -> HopState {
        let name = Self.fileName(hop)
        let file = try durably { () throws(DurableError) in try directory.open(name) }
        guard let file else { return HopState() }
        let octets = try durably { () throws(DurableError) in
            try file.status().isRegular ? try file.read(atMost: 16_384, at: 0) : []
        }
        if let state = HopState(octets) { return state }
        let path = "\(directory.path)/\(name)"
        if let version = HopState.version(of: octets), version > 1 { throw .newerVersion(path: path) }
        throw .hopDamaged(path: path)
    }

    /// Changes the state of `hop` under its lock; durable on return.
    /// - Returns: the state after the change.
    /// - Throws: as ``read(_:)``; also ``QueueError/noSpace(_:)``.
    @discardableResult
    public func change(_ hop: NextHop, _ body: (inout HopState) -> Void) throws(QueueError) -> HopState {
        let name = Self.fileName(hop)
        let lock = try durably { () throws(DurableError) in try FileLock.acquire("\(name).lock", in: directory) }
        var state = try read(hop)
        let before = state
        body(&state)
        if state != before {
            let octets = state.octets
            try durably { () throws(DurableError) in try directory.replace(name, with: octets) }
        }
        _ = try? lock.release()
        return state
    }

    /// The right to one of `limit` connections to `hop`, over all processes, until it is released; `nil` when all are
    /// in use.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when a lock file cannot be opened or made.
    public func connection(_ hop: NextHop, atMost limit: Int) throws(QueueError) -> HopConnection? {
        for number in 0..<max(1, limit) {
            let lock = try durably { () throws(DurableError) in
                try FileLock.tryAcquire("\(Self.fileName(hop)).slot.\(number)", in: directory)
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
                try FileLock.isHeld("\(Self.fileName(hop)).slot.\(number)", in: directory)
            }
            if isHeld { count += 1 }
        }
        return count
    }

    /// A file name for any next hop: its kind, then its name, where each octet but ASCII letters, digits, `-` and `_`
    /// stands as `%XX`; never the name of a lock.
    static func fileName(_ hop: NextHop) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var octets = Array("\(hop.kind)-".utf8)
        for octet in hop.name.utf8.prefix(70) {
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: octets.append(octet)
            default: octets += [0x25, digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        let text = String(decoding: octets, as: UTF8.self)
        // A checksum of the whole keeps the files of long names apart.
        return hop.name.utf8.count > 70 ? "\(text)%\(CRC32C.hex(Array(hop.name.utf8)))" : text
    }
}
