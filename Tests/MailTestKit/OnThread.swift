// What blocks must not sit on the few threads that run the tests: it gets a thread of its own.

import Blocking
import Synchronization

/// Runs `body`, which may block, on a new thread, and gives back what it returns or throws.
///
/// Some at a time, the others wait their turn: beside two hundred others a server would be slow enough to be told from a
/// broken one by patience alone. So no `body` may wait for another test's.
///
/// It stays within the test that calls it: an expectation that fails inside `body` is that test's failure.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    await Turn.take()
    defer { Turn.giveBack() }
    return try await withTaskExecutorPreference(OwnThread()) { try body() }
}

/// The right to block, for more tests than the machine has processors, since much of a test is waiting.
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

/// Gives every piece of a task a thread of its own, outside the pool that all tests share.
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
