// How many runs of the queue there may be, and how none misses what came in meanwhile.

import DurableFiles

/// One of the few places for a run of the queue; given back when released.
public final class RunSlot: Sendable {
    /// Runs at once.
    public static let count = 3

    private let lock: FileLock

    private init(_ lock: FileLock) { self.lock = lock }

    /// A free slot in `directory`, `<state>/run`; `nil` when all are taken.
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

/// What `run/wake` says: changed by every accept once its message is durable.
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
    public static func touch(in directory: Directory) throws(QueueError) {
        try durably { () throws(DurableError) in
            // The clock that stamps files is too coarse to tell two accepts of one moment apart: a nonce does.
            try directory.openOrMake(name).write(Array(UniqueName.random().utf8))
        }
    }

    /// The mark as it stands; equal to an earlier one only if nothing was accepted between.
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
    /// Whether a run goes on now. It sees what was accepted before this was asked: it looks at the wake mark once more
    /// after it has given back its slot.
    public static func isTaken(in directory: Directory) throws(QueueError) -> Bool {
        try durably { () throws(DurableError) in
            guard let lock = try FileLock.tryAcquire("slot.0", in: directory) else { return true }
            try lock.release()
            return false
        }
    }
}
