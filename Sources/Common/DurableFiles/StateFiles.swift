// Small states, each in a file of its own: a keyword and a word in each line, replaced as a whole under a lock.

import Octets
import Reporting

/// What is kept in such a file.
public protocol KeptState: Sendable, Equatable {
    /// The first word of its file, such as `mailhub-hop`.
    static var kind: String { get }
    /// Octets of a file that are read.
    static var sizeLimit: Int { get }
    /// Whether a change outlasts a power cut. Else one may take the file, or leave it empty.
    static var isDurable: Bool { get }
    /// The state of what has no file yet.
    init()
    /// Its lines. A value may be any text.
    var lines: [(keyword: String, value: String)] { get }
    /// Takes a line that ``lines`` has written.
    /// - Returns: `false` when it is none of ours.
    mutating func take(_ keyword: String, _ value: String) -> Bool
}

extension KeptState {
    /// A state has a few hundred.
    public static var sizeLimit: Int { 16_384 }
    public static var isDurable: Bool { true }

    static var version: Int { 1 }

    var octets: [UInt8] {
        let text = lines.map { "\($0.keyword) \(JournalWord.encode($0.value))\n" }.joined()
        return Array("\(Self.kind) \(Self.version)\n\(text)".utf8)
    }

    /// The version that `octets` claim to be of; `nil` when they do not begin as such a file does.
    static func version(of octets: [UInt8]) -> Int? {
        let words = octets.prefix { $0 != 0x0A }.split(separator: 0x20)
        guard words.count == 2, words[0].elementsEqual(kind.utf8) else { return nil }
        return JournalWord.number(words[1])
    }

    /// Reads what ``octets`` writes; `nil` when it is of another version or damaged.
    init?(_ octets: [UInt8]) {
        guard Self.version(of: octets) == Self.version else { return nil }
        self.init()
        for line in octets.split(separator: 0x0A).dropFirst() {
            let words = line.split(separator: 0x20)
            guard words.count == 2, let value = JournalWord.decode(words[1]),
                take(String(decoding: words[0], as: UTF8.self), value)
            else { return nil }
        }
    }
}

/// The states of one kind, in a directory.
public struct StateFiles<State: KeptState>: Sendable {
    public let directory: Directory

    public init(in directory: Directory) { self.directory = directory }

    /// The state `name`, without a lock; a fresh one when there is none, and where a power cut may have left a file that
    /// makes no sense.
    /// - Throws: ``StateFileError``.
    public func read(_ name: String) throws(StateFileError) -> State {
        let octets = try StateFileError.telling { () throws(DurableError) -> [UInt8]? in
            guard let file = try directory.open(name) else { return nil }
            return try file.status().isRegular ? try file.read(atMost: State.sizeLimit, at: 0) : []
        }
        guard let octets else { return State() }
        if let state = State(octets) { return state }
        let path = "\(directory.path)/\(name)"
        if let version = State.version(of: octets), version > State.version { throw .newerVersion(path: path) }
        guard State.isDurable else { return State() }
        throw .damaged(path: path)
    }

    /// Changes the state `name` under its lock; durable on return.
    /// - Returns: the state after the change.
    /// - Throws: ``StateFileError``.
    @discardableResult
    public func change(_ name: String, _ body: (inout State) -> Void) throws(StateFileError) -> State {
        let lock = try StateFileError.telling { () throws(DurableError) in
            try FileLock.acquire("\(name).lock", in: directory)
        }
        defer { _ = try? lock.release() }  // one that cannot be released ends with its descriptor
        return try changeLocked(name, body)
    }

    /// As ``change(_:_:)``, for a caller that keeps others away by a lock of its own.
    @discardableResult
    public func changeLocked(_ name: String, _ body: (inout State) -> Void) throws(StateFileError) -> State {
        var state = try read(name)
        let before = state
        body(&state)
        if state != before {
            let octets = state.octets
            try StateFileError.telling { () throws(DurableError) in
                try directory.replace(name, with: octets, isDurable: State.isDurable)
            }
        }
        return state
    }

    /// A file name for any text: each octet but ASCII letters, digits, `-` and `_` stands as `%XX`; never the name of a
    /// lock.
    /// - Parameter text: of a long one the first octets and a checksum of the whole.
    public static func fileName(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var octets: [UInt8] = []
        for octet in text.utf8.prefix(70) {
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: octets.append(octet)
            default: octets += [0x25, digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        let name = String(decoding: octets, as: UTF8.self)
        return text.utf8.count > 70 ? "\(name)%\(CRC32C.hex(Array(text.utf8)))" : name
    }
}

/// Why a small state cannot be read or changed.
public enum StateFileError: Complaint, Hashable {
    case disk(DurableError)
    /// A file of a newer release; it is left alone.
    case newerVersion(path: String)
    /// A file that makes no sense; it is left alone.
    case damaged(path: String)

    static func telling<Value>(_ body: () throws(DurableError) -> Value) throws(StateFileError) -> Value {
        do throws(DurableError) { return try body() } catch { throw .disk(error) }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .newerVersion, .damaged: .osFile
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .newerVersion(let path):
            "\(path): was written by a newer release; it is left alone: run that release, or remove the file"
        case .damaged(let path): "\(path): cannot be read; remove it: only what was known of a fault there is lost"
        }
    }
}
