// Many independent blocking jobs on a few threads: eight fsyncs at once cost little more than one.

import Glibc
import Synchronization

/// Runs jobs on at most `threads` threads, the caller's included, and waits for all of them.
public struct WorkerPool: Sendable {
    /// What one job threw.
    public struct Failure: Sendable {
        /// The index of the job.
        public let job: Int
        public let error: any Error
    }

    private let threads: Int

    /// - Parameter threads: threads at work at once; at least 1.
    public init(threads: Int) { self.threads = max(1, threads) }

    /// Runs `job(0)` to `job(count - 1)` in no particular order. A failing job stops no other.
    /// - Returns: what was thrown, ordered by job; empty when all went well. Few threads to be had means slower, not
    ///   failed: the caller's own thread works too.
    public func run(count: Int, _ job: @escaping @Sendable (Int) throws -> Void) -> [Failure] {
        guard count > 0 else { return [] }
        let shared = Shared()
        let work: @Sendable () -> Void = {
            while true {
                let index = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do { try job(index) } catch {
                    shared.failures.withLock { $0.append(Failure(job: index, error: error)) }
                }
            }
        }
        var helpers: [BlockingThread] = []
        for _ in 1..<max(1, min(threads, count)) {
            guard let helper = try? BlockingThread(name: "worker", work) else { break }
            helpers.append(helper)
        }
        work()
        for helper in helpers { helper.join() }
        return shared.failures.withLock { $0.sorted { $0.job < $1.job } }
    }

    /// Runs each of `jobs`; see ``run(count:_:)``.
    public func run(_ jobs: [@Sendable () throws -> Void]) -> [Failure] {
        run(count: jobs.count) { index in try jobs[index]() }
    }

    private final class Shared: Sendable {
        let next = Atomic(0)
        let failures = Mutex<[Failure]>([])
    }
}
