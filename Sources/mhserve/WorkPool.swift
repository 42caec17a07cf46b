// Threads for work that blocks: the disk, password hashes. Bounded, so that a flood is refused instead of queued.

import NIOCore
import NIOPosix
import Synchronization

/// A fixed number of threads with a bounded queue before them.
final class WorkPool: Sendable {
    private let threads: NIOThreadPool
    private let limit: Int
    private let waiting = Atomic<Int>(0)

    /// - Parameter queue: how much work may wait or run at once.
    init(threads count: Int, queue: Int) {
        threads = NIOThreadPool(numberOfThreads: count)
        limit = queue
    }

    /// Starts the threads.
    func start() { threads.start() }

    /// Runs `work` on a thread of the pool, then completes on `loop`; `nil` when the queue is full.
    func run<T: Sendable>(on loop: any EventLoop, _ work: @escaping @Sendable () throws -> T) -> EventLoopFuture<T>? {
        guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
            waiting.subtract(1, ordering: .relaxed)
            return nil
        }
        return threads.runIfActive(eventLoop: loop) { [self] in
            defer { waiting.subtract(1, ordering: .relaxed) }
            return try work()
        }
    }

    /// Waits for the work in progress and ends the threads.
    func stop() throws { try threads.syncShutdownGracefully() }
}
