// A message that is being made or received: in memory while small, else in a file without a name.

import DurableFiles
import MailEnvelope
import Octets
import Synchronization

/// Octets that are appended, and can be read as they stand: LF line ends, no envelope, nothing durable.
///
/// Up to 64 KiB stay in memory, while all scratches of the process together hold no more than 32 MiB; a larger one goes
/// to a file without a name, in a directory of the hub's own and never in $TMPDIR. The file is gone with the object,
/// and with the process.
public final class Scratch: Content {
    /// The most octets of one message kept in memory.
    public static let memoryLimit = 64 * 1024
    /// The most octets of all scratches of this process kept in memory.
    public static let memoryBudget = 32 << 20

    private static let inMemory = Atomic(0)

    private struct State {
        var memory: [UInt8] = []
        /// Octets counted in `inMemory`.
        var charged = 0
        var file: File?
        var size = 0
        var counter = ContentCounter()
        var isSigned = false
        var failure: DurableError?
    }

    private let directory: Directory
    private let state = Mutex(State())

    /// - Parameter directory: where the file is made, if one is needed.
    public init(in directory: Directory) { self.directory = directory }

    deinit { state.withLock { Self.release(&$0) } }

    public var size: Int { state.withLock { $0.size } }

    public var facts: ContentFacts { state.withLock { $0.counter.facts(isSigned: $0.isSigned) } }

    /// Whether it is small, and there was room for it.
    var isInMemory: Bool { state.withLock { $0.file == nil } }

    /// Notes what a caller that has read the header knows: whether the message is signed, or may be
    /// (``MailFormat/HeaderSection/mayBeSigned``).
    public func note(isSigned: Bool) { state.withLock { $0.isSigned = isSigned } }

    /// Adds `octets` at the end.
    /// - Throws: ``DurableError``; the message can only be discarded then, and every later append throws the same.
    public func append(_ octets: [UInt8]) throws(DurableError) {
        try state.withLock { (state) throws(DurableError) in
            if let failure = state.failure { throw failure }
            do throws(DurableError) {
                try add(octets, to: &state)
            } catch {
                state.failure = error
                throw error
            }
            state.size += octets.count
            state.counter.count(octets)
        }
    }

    public func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8] {
        try state.withLock { (state) throws(DurableError) in
            guard offset >= 0, offset < state.size, limit > 0 else { return [] }
            let count = min(limit, state.size - offset)
            guard let file = state.file else { return Array(state.memory[offset..<(offset + count)]) }
            return try file.read(atMost: count, at: offset)
        }
    }

    public func write(to target: File, behind start: [UInt8]) throws(DurableError) {
        try state.withLock { (state) throws(DurableError) in
            guard let file = state.file else { return try target.write(start + state.memory) }
            try target.write(start)
            try target.copy(state.size, from: file, at: 0)
        }
    }

    private func add(_ octets: [UInt8], to state: inout State) throws(DurableError) {
        if let file = state.file { return try file.write(octets) }
        let total = state.size + octets.count
        if total <= Self.memoryLimit {
            let all = Self.inMemory.add(octets.count, ordering: .relaxed).newValue
            state.charged += octets.count
            if all <= Self.memoryBudget {
                state.memory.append(contentsOf: octets)
                return
            }
        }
        let file = try directory.createUnnamed()
        state.file = file
        try file.write(state.memory)
        try file.write(octets)
        state.memory = []
        Self.release(&state)
    }

    private static func release(_ state: inout State) {
        inMemory.subtract(state.charged, ordering: .relaxed)
        state.charged = 0
    }
}
