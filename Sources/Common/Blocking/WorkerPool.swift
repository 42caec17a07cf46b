// Many independent blocking jobs on a few threads: eight fsyncs at once cost little more than one.

import Glibc
import Synchronization

/// Runs jobs on at most `threads` threads, the caller's included, and waits for all of them. Its own threads are
/// started when there is work for them, and kept until the pool is released. It helps one caller at a time: a second
/// one does its jobs alone.
public final class WorkerPool: Sendable {
    /// What one job threw.
    public struct Failure: Sendable {
        /// The index of the job.
        public let job: Int
        public let error: any Error
    }

    private struct State: Sendable {
        var round: Round?
        /// Rounds so far.
        var rounds = 0
        /// Helpers at work on `round`.
        var busy = 0
        var isOver = false
    }

    /// At work at once.
    public let threads: Int
    private let state = Monitor(State())
    private let helpers = Mutex<[BlockingThread]>([])

    /// - Parameter threads: threads at work at once; at least 1.
    public init(threads: Int) { self.threads = max(1, threads) }

    deinit {
        state.change { $0.isOver = true }
        for helper in helpers.withLock({ $0 }) { helper.join() }
    }

    /// Runs `job(0)` to `job(count - 1)` in no particular order. A failing job stops no other.
    /// - Returns: what was thrown, ordered by job; empty when all went well. Where the system grants few threads it is
    ///   slower, but does not fail: the caller's own thread works too.
    public func run(count: Int, _ job: @escaping @Sendable (Int) throws -> Void) -> [Failure] {
        let round = Round(count: count, job)
        let isHelped =
            count > 1 && threads > 1
            && state.change { state in
                guard state.round == nil else { return false }
                state.round = round
                state.rounds += 1
                return true
            }
        if isHelped { start(min(threads, count) - 1) }
        round.work()
        if isHelped {
            state.change { $0.round = nil }
            _ = state.wait { $0.busy == 0 ? true : nil }
        }
        return round.failures.withLock { $0.sorted { $0.job < $1.job } }
    }

    /// Runs each of `jobs`; see ``run(count:_:)``.
    public func run(_ jobs: [@Sendable () throws -> Void]) -> [Failure] {
        run(count: jobs.count) { index in try jobs[index]() }
    }

    /// Sees to it that `wanted` helpers are there, as far as the system grants them.
    private func start(_ wanted: Int) {
        helpers.withLock { helpers in
            while helpers.count < wanted {
                // Captures the state, not the pool, which would never be released. Without this helper fewer do the
                // round.
                let state = state
                guard let helper = try? BlockingThread(name: "worker", { Self.help(state) }) else { return }
                helpers.append(helper)
            }
        }
    }

    private enum Task {
        case work(Round)
        case end
    }

    private static func help(_ state: Monitor<State>) {
        var last = 0
        while true {
            // A helper joins a round once only: what is unfinished after it is with others, for whom the caller waits.
            let task = state.wait { state -> Task? in
                if state.isOver { return .end }
                guard let round = state.round, state.rounds > last else { return nil }
                last = state.rounds
                state.busy += 1
                return .work(round)
            }
            guard case .work(let round) = task else { return }
            round.work()
            state.change { $0.busy -= 1 }
        }
    }

    /// The jobs of one call.
    private final class Round: Sendable {
        private let count: Int
        private let job: @Sendable (Int) throws -> Void
        private let next = Atomic(0)
        let failures = Mutex<[Failure]>([])

        init(count: Int, _ job: @escaping @Sendable (Int) throws -> Void) { (self.count, self.job) = (count, job) }

        /// Runs jobs until none is left.
        func work() {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do { try job(index) } catch {
                    failures.withLock { $0.append(Failure(job: index, error: error)) }
                }
            }
        }
    }
}
