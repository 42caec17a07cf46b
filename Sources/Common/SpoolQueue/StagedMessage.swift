// A message on its way in, before anything is known of it for sure: in memory while small, else in an unsynced file.

import DurableFiles
import MailEnvelope
import Synchronization

/// Octets that came in but are not accepted yet (DECISIONS 2): LF line ends, no envelope, nothing durable.
///
/// Up to 64 KiB stay in memory, while all staged messages of the process together hold less than 32 MiB; the rest goes
/// to a file in `queue/tmp`. Whatever is left goes with the object.
public final class StagedMessage: Sendable {
    /// The most octets of one message kept in memory.
    public static let memoryLimit = 64 * 1024
    /// The most octets of all staged messages of this process kept in memory.
    public static let memoryBudget = 32 << 20

    private static let inMemory = Atomic(0)

    private struct State {
        var memory: [UInt8] = []
        /// Octets counted in `inMemory`.
        var charged = 0
        var file: File?
        var count = 0
        var counter = ContentCounter()
        var failure: QueueError?
    }

    private let directory: Directory
    private let name: String
    private let state = Mutex(State())

    init(in directory: Directory) {
        self.directory = directory
        name = "staged.\(UniqueName.random())"
    }

    deinit {
        state.withLock { state in
            Self.release(&state)
            // What cannot be removed now goes with the leftovers of `tmp` after 36 hours.
            if state.file != nil { _ = try? directory.unlink(name) }
        }
    }

    /// Octets so far.
    public var count: Int { state.withLock { $0.count } }

    /// What has been counted of them.
    var counter: ContentCounter { state.withLock { $0.counter } }

    /// Adds `octets` at the end.
    /// - Throws: ``QueueError/noSpace(_:)`` and others; the message can only be discarded then.
    public func append(_ octets: [UInt8]) throws(QueueError) {
        try state.withLock { (state) throws(QueueError) in
            if let failure = state.failure { throw failure }
            do throws(DurableError) {
                try add(octets, to: &state)
                state.count += octets.count
                state.counter.count(octets)
            } catch {
                state.failure = QueueError(error)
                throw QueueError(error)
            }
        }
    }

    /// At most `limit` octets from `offset` on; empty at the end.
    public func read(atMost limit: Int, at offset: Int) throws(QueueError) -> [UInt8] {
        try state.withLock { (state) throws(QueueError) in
            guard offset >= 0, offset < state.count else { return [] }
            let count = min(limit, state.count - offset)
            guard let file = state.file else { return Array(state.memory[offset..<(offset + count)]) }
            return try durably { () throws(DurableError) in try file.read(atMost: count, at: offset) }
        }
    }

    /// Appends all octets to `target`.
    func write(to target: File) throws(DurableError) {
        try state.withLock { (state) throws(DurableError) in
            if let file = state.file {
                try target.copy(state.count, from: file, at: 0)
            } else {
                try target.write(state.memory)
            }
        }
    }

    /// All octets when they are in memory.
    var inMemoryOctets: [UInt8]? { state.withLock { $0.file == nil ? $0.memory : nil } }

    private func add(_ octets: [UInt8], to state: inout State) throws(DurableError) {
        if let file = state.file { return try file.write(octets) }
        let total = state.count + octets.count
        if total <= Self.memoryLimit {
            let all = Self.inMemory.add(octets.count, ordering: .relaxed).newValue
            state.charged += octets.count
            if all <= Self.memoryBudget {
                state.memory.append(contentsOf: octets)
                return
            }
        }
        let file = try directory.createExclusive(name)
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
