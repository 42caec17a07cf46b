// The line between two processes of the hub: whole messages, and descriptors with them.

internal import CMHSys
import Glibc
import Reporting
import Synchronization

/// A message between processes of the hub, in one datagram: a kind and its fields. An enum for each direction.
///
/// A child's message names things of the rc, never a program, a path or an address: it may be an intruder's.
public protocol LineMessage: Sendable {
    /// The message as octets, at most ``ProcessLine/limit``; see ``LineFields``.
    var octets: [UInt8] { get }
    /// Descriptors that go with it, at most ``ProcessLine/descriptorLimit``; ours stay open.
    var descriptors: [Int32] { get }
    /// - Parameter fields: all of which must be read, and all descriptors taken.
    /// - Returns: `nil` for a malformed message.
    init?(_ fields: inout LineFields)
}

extension LineMessage {
    public var descriptors: [Int32] { [] }
}

/// One end of a line: a SOCK_SEQPACKET socket. Any thread may send; one receives.
public final class ProcessLine: Sendable {
    /// Octets of a message, and descriptors that come with one.
    public static let limit = 4_096
    public static let descriptorLimit = 2

    /// Our end, to be polled.
    public let descriptor: Int32

    /// Takes over `descriptor`, which is closed with this object.
    public init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// A new line.
    /// - Returns: our end, and the child's, which the caller closes once the child has it.
    /// - Throws: ``LineFault/system(doing:code:)``.
    public static func pair() throws(LineFault) -> (ours: ProcessLine, theirs: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw .system(doing: "make a socket pair", code: errno)
        }
        return (ProcessLine(ends[0]), ends[1])
    }

    /// Sends `message`, and never waits.
    /// - Returns: `false` when the line is full: the other side has not read for long.
    /// - Throws: ``LineFault/ended`` when the other side has hung up, ``LineFault/system(doing:code:)``.
    @discardableResult
    public func send(_ message: some LineMessage) throws(LineFault) -> Bool {
        let octets = message.octets
        let descriptors = message.descriptors
        precondition(octets.count <= Self.limit, "a message of \(octets.count) octets between processes")
        while true {
            let sent = unsafe octets.withUnsafeBytes {
                unsafe mh_send_packet(
                    descriptor, $0.baseAddress, $0.count, descriptors, Int32(descriptors.count))
            }
            if sent >= 0 { return true }
            switch errno {
            case EINTR: continue
            case EAGAIN: return false
            case EPIPE, ECONNRESET: throw .ended
            case let code: throw .system(doing: "send to another process of the hub", code: code)
            }
        }
    }

    /// The next message from the other side; `nil` when there is none yet. Never waits.
    /// - Throws: ``LineFault/ended`` when it has hung up, ``LineFault/nonsense`` for a malformed message,
    ///   ``LineFault/system(doing:code:)``.
    public func receive<Message: LineMessage>(_: Message.Type = Message.self) throws(LineFault) -> Message? {
        var octets = [UInt8](repeating: 0, count: Self.limit)
        var found = [Int32](repeating: -1, count: Self.descriptorLimit)
        var count: Int32 = 0
        let length = unsafe octets.withUnsafeMutableBytes {
            unsafe mh_receive_packet(descriptor, $0.baseAddress, $0.count, &found, &count)
        }
        guard length >= 0 else {
            switch errno {
            case EAGAIN, EINTR: return nil
            case ECONNRESET: throw .ended
            case let code: throw .system(doing: "receive from another process of the hub", code: code)
            }
        }
        // Owned at once, so that they are closed whatever they came with.
        let handed = found.prefix(max(0, Int(count))).map { HandedDescriptor($0) }
        guard length > 0 else { throw count == 0 ? .ended : .nonsense }
        guard count >= 0 else { throw .nonsense }
        var fields = LineFields(Array(octets[..<length]), handed)
        guard let message = Message(&fields), fields.isUsedUp else { throw .nonsense }
        return message
    }
}

/// The fields of a message as they are read, and written: a kind octet first. `nil` is read where octets are missing.
public struct LineFields {
    private var octets: [UInt8]
    private var at = 0
    private var handed: [HandedDescriptor]

    init(_ octets: [UInt8], _ handed: [HandedDescriptor]) { (self.octets, self.handed) = (octets, handed) }

    /// The fields of a message to be sent.
    public init(kind: UInt8) { self.init([kind], []) }

    /// The message as octets.
    public var message: [UInt8] { octets }
    var isUsedUp: Bool { at == octets.count && handed.isEmpty }

    /// Adds a number, the highest octet first.
    public mutating func add(_ number: UInt32) {
        unsafe withUnsafeBytes(of: number.bigEndian) { unsafe octets.append(contentsOf: $0) }
    }

    /// Adds octets, at most 65,535, with their count in front.
    public mutating func add(_ text: [UInt8]) {
        octets += [UInt8(text.count >> 8), UInt8(text.count & 0xFF)]
        octets += text
    }

    /// The next octet; the first is the kind.
    public mutating func octet() -> UInt8? { take(1)?.first }

    public mutating func number() -> UInt32? { take(4)?.reduce(0) { $0 << 8 | UInt32($1) } }

    /// The next octets with their count in front; `nil` also for more than `limit`.
    public mutating func text(atMost limit: Int) -> [UInt8]? {
        guard let count = take(2)?.reduce(0, { $0 << 8 | Int($1) }), count <= limit else { return nil }
        return take(count).map { Array($0) }
    }

    /// The next descriptor that came with the message.
    public mutating func descriptor() -> HandedDescriptor? { handed.isEmpty ? nil : handed.removeFirst() }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard octets.count - at >= count else { return nil }
        defer { at += count }
        return octets[at..<(at + count)]
    }
}

/// A descriptor on its way from process to process. One that was received is closed with this object, unless taken.
public final class HandedDescriptor: Sendable {
    public let value: Int32
    private let isOurs: Atomic<Bool>

    /// One that was received.
    init(_ value: Int32) {
        self.value = value
        isOurs = Atomic(true)
    }

    /// One to be sent, which stays its owner's.
    public init(lending value: Int32) {
        self.value = value
        isOurs = Atomic(false)
    }

    deinit { if isOurs.load(ordering: .relaxed) { close(value) } }

    /// The descriptor, which the caller closes from now on.
    public func take() -> Int32 {
        isOurs.store(false, ordering: .relaxed)
        return value
    }
}

/// Why a line to another process of the hub is of no use.
public enum LineFault: Complaint, Hashable {
    /// The other process has hung up: it has ended.
    case ended
    /// It sent what no process of the hub sends.
    case nonsense
    case system(doing: String, code: Int32)

    public var exitStatus: ExitStatus {
        switch self {
        case .ended: .temporaryFailure
        case .nonsense: .protocolError
        case .system: .osError
        }
    }

    public var description: String {
        switch self {
        case .ended: "the other process of the hub has ended"
        case .nonsense: "another process of the hub sent a malformed message; restart the hub"
        case .system(let doing, let code): "cannot \(doing): \(reason(code))"
        }
    }
}
