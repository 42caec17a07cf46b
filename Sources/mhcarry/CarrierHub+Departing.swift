// A queued message on its way out of the queue, for some of its recipients.

import MailRouting
import MessageContent
import RunControl
import SMTPProtocol
import SpoolQueue

extension CarrierHub {
    private func rewrites(to hop: NextHop, by route: String?) -> DepartingRewrites? {
        guard hop.leavesHub else { return nil }
        let rules = settings.routes.first { $0.name == route }?.rewrites ?? []
        let account = if case .account(let name) = hop { settings.account(name) } else { AccountSettings?.none }
        return DepartingRewrites(rules: RewriteRules(rules, locals: locals), replyTo: account?.replyTo)
    }

    /// `assignment` as it departs for `hop` and the recipients with these indexes.
    /// - Parameters:
    ///   - route: the name of the route by which all of them go there, if it changes what leaves.
    ///   - isServed: whether the hop is a mailbox that a server of the house has, which writes the fields of a delivery.
    ///   - offers: what the server takes, where it is one.
    func prepare(
        _ assignment: Assignment, for indexes: [Int], to hop: NextHop, by route: String? = nil, isServed: Bool = false,
        offering offers: SMTPCapabilities? = nil
    ) -> Prepared {
        let departing = assignment.message.with(assignment.envelope(for: indexes))
        let hides = assignment.acceptance.isOfOurs && hidesRecipients(by: route)
        let fit = offers.map {
            ServerFit(
                offers: $0,
                isOurs: assignment.acceptance.isOfOurs || assignment.acceptance.isNotice(assignment.message.envelope))
        }
        return prepare(
            departing, of: assignment.id, to: hop, by: route, hiding: hides, isServed: isServed, fitting: fit)
    }

    /// A message as it departs for `hop` and all its recipients.
    /// - Parameter hides: whether it shows no others.
    func prepare(
        _ departing: Message, of id: QueueID, to hop: NextHop, by route: String?, hiding hides: Bool,
        isServed: Bool = false, fitting fit: ServerFit? = nil
    ) -> Prepared {
        let steps =
            (hides ? RecipientHiding.steps : []) + (rewrites(to: hop, by: route)?.steps ?? []) + (fit?.steps ?? [])
        let moment = Moment.departing(to: isServed ? .account(hop.name) : hop)
        let prepared = Plan.at(moment, rewriting: steps).run(on: departing) { queue.scratch() }
        for fault in prepared.faults {
            log.write(.error, "step", [("id", id.text), ("error", "\(fault)")])
        }
        // Verdicts are matched with recipients by their order.
        precondition(
            prepared.envelope.recipients.count == departing.envelope.recipients.count,
            "a step has changed who it departs for")
        return prepared
    }
}
