// Threads for test bodies that block, which must not occupy the few threads that run all tests.

import Blocking
import Synchronization

/// Runs `body`, which may block, on a new thread, and returns what it returns or throws what it throws.
///
/// Only a few run at a time, and the others wait for their turn: if all ran at once, servers would be so slow that no
/// time limit could tell them from broken ones. So no `body` may wait for that of another test.
///
/// An expectation that fails inside `body` is a failure of the test that calls this.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    await Turn.take()
    defer { Turn.giveBack() }
    return try await withTaskExecutorPreference(OwnThread()) { try body() }
}

/// The right to block, given to more tests than most machines have processors, since tests wait most of the time.
private enum Turn {
    private struct Line {
        var free = 8
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private static let line = Mutex(Line())

    static func take() async {
        await withCheckedContinuation { continuation in
            let isFree = line.withLock { line in
                guard line.free > 0 else {
                    line.waiting.append(continuation)
                    return false
                }
                line.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    static func giveBack() {
        let next = line.withLock { line -> CheckedContinuation<Void, Never>? in
            guard line.waiting.isEmpty else { return line.waiting.removeFirst() }
            line.free += 1
            return nil
        }
        next?.resume()
    }
}

/// Runs every job of a task on a thread of its own, outside the pool that all tests share.
private final class OwnThread: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        do {
            _ = try BlockingThread(name: "test") { unsafe job.runSynchronously(on: executor) }
        } catch {
            preconditionFailure("no thread for a test: \(error)")
        }
    }
}
