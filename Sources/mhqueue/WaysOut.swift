// Where the mail of the queue would go now, by the rc as it is and what is known of next hops.

import AddressExpansion
import Glibc
import MailEnvelope
import MailFormat
import MailRouting
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// What decides where a recipient's mail goes. It asks nobody: of DNS, servers and programs it knows what a run has
/// noted.
struct WaysOut {
    /// Where one goes.
    enum Way {
        case mailbox(String)
        /// The copy in the folder of the mailbox that sent it.
        case sentCopy(String)
        /// An alias that a run will follow.
        case alias
        /// A mailbox, and where that forwards.
        case forward(String)
        /// An alias that cannot be read here.
        case unreadable
        /// A program, a file or nothing, as an alias says.
        case target
        case failed(Verdict)
        case unknown
        /// Out of the hub.
        case out(Leaving)
    }

    /// How mail leaves the hub.
    struct Leaving {
        let decision: RouteDecision
        /// The hops, in the order in which they are tried.
        let hops: [NextHop]
        /// The route of the first of them; `nil` for an account without one.
        let route: String?
        /// What an alias orders, or a person.
        let order: [String]
    }

    private let routing: RoutingTable
    private let expander: Expander
    let hops: HopStates
    let online: OnlineRecord
    /// When the routes that have carried what their limits allow have room again, by name, in seconds since 1970.
    let rooms: [String: Int]

    init(
        routing: RoutingTable, expander: Expander, hops: HopStates, online: OnlineRecord = OnlineRecord(),
        rooms: [String: Int] = [:]
    ) {
        (self.routing, self.expander, self.hops, self.online, self.rooms) = (routing, expander, hops, online, rooms)
    }

    /// By the hub's settings.
    init(_ settings: HubSettings, _ queue: Queue) throws {
        self.init(
            routing: settings.routingTable, expander: Expander(settings), hops: try HopStates(in: queue.state),
            online: try OnlineRecord.last(in: queue.state), rooms: try settings.routesWithoutRoom(in: queue))
    }

    /// Whether a route or an account that sends has that name.
    func has(_ name: String) -> Bool { routing.step(named: name) != nil }

    /// Where the recipient at `index` goes.
    func way(of index: Int, in message: QueuedMessage) -> Way {
        let (envelope, acceptance, state) = (message.envelope, message.acceptance, message.state.recipients[index])
        if acceptance.isNotice(envelope), let name = acceptance.identity?.description { return .mailbox(name) }
        if let name = state.recipient.mailboxOfSentCopy { return .sentCopy(name) }
        switch expander.standing(of: index, in: message.state.recipients) {
        case .unanswered(.alias): return .alias
        case .unanswered(.forward(let name)): return .forward(name)
        case .unanswered(.again): return .unreadable
        case .target: return .target
        case .failed(let verdict): return .failed(verdict)
        case .address(.mailbox(let name)): return .mailbox(name)
        case .address(.unknownHere), .address(.blocked), .address(.alias): return .unknown
        case .address(.elsewhere):
            guard case .address(let address) = state.destination else { return .unknown }
            return .out(leaving(message, state, to: address))
        }
    }

    private func leaving(_ message: QueuedMessage, _ state: RecipientState, to address: Address) -> Leaving {
        let (envelope, acceptance) = (message.envelope, message.acceptance)
        let decision = routing.decide(
            for: acceptance.submitter(of: envelope, for: state, hubUser: geteuid()),
            reversePath: envelope.reversePath, recipient: address, headerFrom: acceptance.headerFrom,
            chosen: acceptance.account?.description, connectivity: online.connectivity)
        if let name = message.state.route {
            let step = routing.step(named: name) ?? .alone(name)
            return Leaving(
                decision: decision, hops: step.ways.map { NextHop($0, to: address) }, route: step.route, order: [name])
        }
        guard state.via.isEmpty else {
            return Leaving(
                decision: decision, hops: state.via.map { .account($0) }, route: nil, order: state.via)
        }
        return Leaving(
            decision: decision, hops: decision.ways.map { NextHop($0, to: address) },
            route: decision.steps.first?.route, order: [])
    }

    /// Whether the recipient at `index` would leave by the route or the account `name`.
    func leads(_ index: Int, of message: QueuedMessage, by name: String) -> Bool {
        guard case .out(let leaving) = way(of: index, in: message) else { return false }
        if case .account(name)? = leaving.hops.first { return true }
        return leaving.route == name
    }
}

extension HubSettings {
    fileprivate func routesWithoutRoom(in queue: Queue) throws -> [String: Int] {
        let limited = routes.compactMap { route in route.limit.map { (name: route.name, limit: $0) } }
        guard !limited.isEmpty else { return [:] }
        let quotas = try RouteQuotas(in: queue.state)
        var rooms: [String: Int] = [:]
        for route in limited {
            rooms[route.name] = try quotas.nextRoom(of: route.name, by: route.limit, now: Int(time(nil)))
        }
        return rooms
    }
}
