// The threads that put one batch on disk while the next one comes in.

import Blocking
import Delivery

/// Puts batches on stable storage and publishes them, one after the other, beside the thread that hands them over.
final class BatchPublisher: Sendable {
    private struct Order: Sendable {
        let batch: StagedBatch
        let outcome: Promise<(any Error)?>
    }

    private struct State: Sendable {
        var orders: [Order] = []
        var isOver = false
    }

    private let pool: WorkerPool
    private let state = Monitor(State())
    /// `nil` where the caller's thread does everything.
    private let thread: BlockingThread?

    /// - Parameter pool: at work on a batch. With a single thread, or when the system grants no other, batches are put on
    ///   disk by the caller.
    init(pool: WorkerPool) {
        let state = state
        self.pool = pool
        thread = pool.threads < 2 ? nil : try? BlockingThread(name: "publisher") { Self.work(state, pool) }
    }

    deinit {
        state.change { $0.isOver = true }
        thread?.join()
    }

    /// Begins to put `batch` on disk.
    /// - Returns: its outcome: `nil` when all of it is published durably, else what failed; then all was taken back as
    ///   far as the disk allowed.
    func publish(_ batch: StagedBatch) -> Promise<(any Error)?> {
        let order = Order(batch: batch, outcome: Promise())
        if thread == nil { Self.carryOut(order, pool) } else { state.change { $0.orders.append(order) } }
        return order.outcome
    }

    private enum Task {
        case publish(Order)
        case end
    }

    private static func work(_ state: Monitor<State>, _ pool: WorkerPool) {
        while true {
            let task = state.wait { state -> Task? in
                if !state.orders.isEmpty { return .publish(state.orders.removeFirst()) }
                return state.isOver ? .end : nil
            }
            guard case .publish(let order) = task else { return }
            carryOut(order, pool)
        }
    }

    private static func carryOut(_ order: Order, _ pool: WorkerPool) {
        do {
            try order.batch.startWriteback()
            if let failure = pool.run(count: order.batch.count, { try order.batch.synchronize($0) }).first {
                throw failure.error
            }
            try order.batch.publish()
            order.outcome.keep(nil)
        } catch {
            order.outcome.keep(error)
        }
    }
}
