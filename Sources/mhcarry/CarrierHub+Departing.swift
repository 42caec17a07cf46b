// A queued message on its way out of the queue, for some of its recipients.

import MailRouting
import MessageContent
import SpoolQueue

extension CarrierHub {
    private func rewrites(to hop: NextHop, by route: String?) -> DepartingRewrites? {
        guard case .account(let name) = hop else { return nil }
        let rules = settings.routes.first { $0.name == route }?.rewrites ?? []
        return DepartingRewrites(
            rules: RewriteRules(rules, locals: locals), replyTo: settings.account(name)?.replyTo)
    }

    /// `assignment` as it departs for `hop` and the recipients with these indexes.
    /// - Parameter route: the name of the route by which all of them go there, if it changes what leaves.
    func prepare(
        _ assignment: Assignment, for indexes: [Int], to hop: NextHop, by route: String? = nil
    ) -> Prepared {
        let departing = assignment.message.with(assignment.envelope(for: indexes))
        let steps = rewrites(to: hop, by: route)?.steps ?? []
        let prepared = Plan.at(.departing(to: hop), rewriting: steps).run(on: departing) { queue.scratch() }
        for fault in prepared.faults {
            log.write(.error, "step", [("id", assignment.id.text), ("error", "\(fault)")])
        }
        // Verdicts are matched with recipients by their order.
        precondition(prepared.envelope.recipients.count == indexes.count, "a step has changed who it departs for")
        return prepared
    }
}
