// What blocks must not sit on the few threads that run the tests: it gets a thread of its own.

import Blocking

/// Runs `body`, which may block, on a new thread, and gives back what it returns or throws.
///
/// It stays within the test that calls it: an expectation that fails inside `body` is that test's failure.
public func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(OwnThread()) { try body() }
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
