// Mail that leaves the hub by a program, as a route with `pipe` has it.

import Delivery
import MailEnvelope
import MessageContent
import RunControl

/// Hands messages to the program of one route, once for each recipient.
struct ProgramDelivery {
    private let route: RouteSettings?
    private let name: String
    private let hub: CarrierHub

    init(by route: String, hub: CarrierHub) {
        (name, self.hub) = (route, hub)
        self.route = hub.settings.routes.first { $0.name == route }
    }

    /// - Parameter assignment: for one recipient.
    func carryOut(_ assignment: Assignment) -> HopResult {
        if let none = hub.limits.spend(assignment.recipients.count, by: name).none {
            return HopResult(assignment.recipients, none)
        }
        return HopResult(assignment.recipients, verdict(on: assignment))
    }

    private func verdict(on assignment: Assignment) -> Verdict {
        guard let route else { return .temporary(3, 5, text: "the rc has no route \(name)") }
        let by = assignment.recipients.first.flatMap { assignment.routes[$0] }
        let prepared = hub.prepare(assignment, for: assignment.recipients, to: .program(route: name), by: by)
        if let verdict = prepared.verdict { return verdict }
        let form = MboxForm(hasFromLine: route.hasFromLine, isQuoted: route.quotesFromLines)
        let agent = PlaceDelivery(assignment, hub).program(
            route.pipe, as: form, from: prepared.envelope.reversePath)
        return agent.deliver(prepared)[0]
    }
}
