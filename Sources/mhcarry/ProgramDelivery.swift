// Mail that leaves the hub by a program, as a route with `pipe` has it.

import Delivery
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

    func carryOut(_ assignment: Assignment) -> [HopResult] {
        guard let route else {
            return [HopResult(assignment.recipients, .temporary(3, 5, text: "the rc has no route \(name)"))]
        }
        return assignment.recipients.map { index in
            let one = assignment.with([index])
            let prepared = hub.prepare(one, for: [index], to: .program(route: name), by: assignment.routes[index])
            if let verdict = prepared.verdict { return HopResult([index], verdict) }
            let form = MboxForm(hasFromLine: route.hasFromLine, isQuoted: route.quotesFromLines)
            let agent = PlaceDelivery(one, hub).program(
                route.pipe, as: form, from: prepared.envelope.reversePath)
            return HopResult([index], agent.deliver(prepared)[0])
        }
    }
}
