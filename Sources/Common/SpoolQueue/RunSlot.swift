// How many runs of the queue may go on at once, and how none misses mail that comes in meanwhile.

import DurableFiles

/// The right to be one of the few runs of the queue; given back with the end of the object.
public final class RunSlot: Sendable {
    /// The most runs at once.
    public static let count = 3

    private let lock: FileLock

    private init(_ lock: FileLock) { self.lock = lock }

    /// A free slot in `directory`, `<state>/run`; `nil` when all are in use.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when a lock file cannot be opened or made.
    public static func tryAcquire(in directory: Directory) throws(QueueError) -> RunSlot? {
        for number in 0..<count {
            let lock = try durably { () throws(DurableError) in
                try FileLock.tryAcquire("slot.\(number)", in: directory)
            }
            if let lock { return RunSlot(lock) }
        }
        return nil
    }
}

/// What `run/wake` holds: changed with every accepted message, once that is durable.
///
/// A run reads it before its listing and again after giving back its slot; if it changed, the run starts over.
public struct WakeMark: Sendable, Hashable {
    private static let name = "wake"

    private let nonce: [UInt8]
    /// When the last message was accepted, in seconds since 1970; 0 for never.
    public let modified: Int
    private let nanoseconds: Int
    private let inode: UInt

    /// Changes the mark.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)``.
    public static func touch(in directory: Directory) throws(QueueError) {
        try durably { () throws(DurableError) in
            // The clock that stamps files is too coarse to tell apart two messages accepted at one moment; a nonce
            // does.
            try directory.openOrMake(name).write(Array(UniqueName.random().utf8))
        }
    }

    /// The mark as it stands; equal to an earlier one only if nothing was accepted in between.
    /// - Throws: ``QueueError/disk(_:)``.
    public static func read(in directory: Directory) throws(QueueError) -> WakeMark {
        try durably { () throws(DurableError) in
            guard let file = try directory.open(name) else {
                return WakeMark(nonce: [], modified: 0, nanoseconds: 0, inode: 0)
            }
            let status = try file.status()
            return WakeMark(
                nonce: try file.read(atMost: 64, at: 0), modified: status.modified,
                nanoseconds: status.modifiedNanoseconds, inode: status.inode)
        }
    }
}

extension RunSlot {
    /// Whether a run has the first slot now. That run sees what was accepted before this call, as it looks at the wake
    /// mark once more after giving back its slot. Runs in the other slots do not count.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)``.
    public static func isTaken(in directory: Directory) throws(QueueError) -> Bool {
        try durably { () throws(DurableError) in
            guard let lock = try FileLock.tryAcquire("slot.0", in: directory) else { return true }
            try lock.release()
            return false
        }
    }
}
