// A queued message on its way out of the queue, for some of its recipients.

import MessageContent
import SpoolQueue

extension CarrierHub {
    /// `assignment` as it departs for `hop` and the recipients with these indexes, which must have addresses.
    func prepare(_ assignment: Assignment, for indexes: [Int], to hop: NextHop) -> Prepared {
        let departing = assignment.message.with(assignment.envelope(for: indexes))
        let prepared = Plan.at(.departing(to: hop)).run(on: departing) { queue.scratch() }
        for fault in prepared.faults {
            log.write(.error, "step", [("id", assignment.id.text), ("error", "\(fault)")])
        }
        // Verdicts are matched with recipients by their order.
        precondition(prepared.envelope.recipients.count == indexes.count, "a step has changed who it departs for")
        return prepared
    }
}
