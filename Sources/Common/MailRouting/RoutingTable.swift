// Which way out a message takes, and why: routes in order, then the sender's own account, then the only one open.

import MailFormat

/// One step to try: the ways of one route in their order.
public struct RouteStep: Sendable, Hashable {
    /// The route's name; `nil` for an account that no route chose.
    public var route: String?
    public var ways: [WayOut]
    public var isLast: Bool
    public var onConnectFailure: ConnectFailure

    public init(route: String?, ways: [WayOut], isLast: Bool, onConnectFailure: ConnectFailure) {
        self.route = route
        self.ways = ways
        self.isLast = isLast
        self.onConnectFailure = onConnectFailure
    }

    /// A step without a route: this account and no other.
    public static func alone(_ account: String) -> RouteStep {
        RouteStep(route: nil, ways: [.account(account)], isLast: true, onConnectFailure: .defer)
    }
}

/// The ways a message may take to one recipient, best first, and how they were found.
public struct RouteDecision: Sendable, Hashable {
    /// Empty when there is no way: the message is held until the rc opens one.
    public var steps: [RouteStep]
    /// A sentence for each rule that was considered, for a person.
    public var reasons: [String]

    /// The way to try first.
    public var way: WayOut? { steps.first?.ways.first }
    /// Whether a way is only waiting for a connection of the hub: then the message waits, too, and goes no other way.
    public var awaitsConnection = false
    /// Every way in the order to try them, each once.
    public var ways: [WayOut] {
        var seen: Set<WayOut> = []
        return steps.flatMap(\.ways).filter { seen.insert($0).inserted }
    }
    public var isHeld: Bool { steps.isEmpty && !awaitsConnection }

    public init(steps: [RouteStep], reasons: [String]) {
        self.steps = steps
        self.reasons = reasons
    }
}

/// Routes and sending accounts. Made anew from the rc of the moment at every attempt, so that a corrected rc applies to
/// what is queued already.
public struct RoutingTable: Sendable, Hashable {
    public var routes: [Route]
    public var accounts: [SendingAccount]

    public init(routes: [Route], accounts: [SendingAccount]) {
        self.routes = routes
        self.accounts = accounts
    }

    /// The ways for one recipient of a message.
    ///
    /// Only accounts that are open to `submitter` count: a route chooses among them and opens none, while its ways besides
    /// accounts are open to everybody whose mail it takes. All routes that
    /// match count, in order, up to and including the first that is `last`. When none matches, mail from an account's
    /// address leaves through that account, and other mail through the only one that is open.
    /// - Parameters:
    ///   - headerFrom: the first address of the From field, if it could be read.
    ///   - chosen: the account that the submitter chose for this message; no other is considered.
    ///   - connectivity: whether the hub is connected, for routes that ask.
    public func decide(
        for submitter: Submitter, reversePath: ReversePath, recipient: Address, headerFrom: Address?,
        chosen: String? = nil, connectivity: Connectivity = .offline
    ) -> RouteDecision {
        var decision = RouteDecision(steps: [], reasons: [])
        let open = accounts.filter { $0.isOpen(to: submitter) }
        if let chosen {
            let isOpen = open.contains { $0.name == chosen }
            let isKnown = accounts.contains { $0.name == chosen }
            let obstacle = isOpen ? "" : isKnown ? ", and not open to \(submitter)" : ", and there is none that sends"
            decision.reasons = ["account \(chosen): chosen for this message\(obstacle)"]
            if isOpen, connectivity.carriesAll { decision.steps = [.alone(chosen)] }
            decision.awaitsConnection = isOpen && !connectivity.carriesAll
            return decision
        }
        for route in routes {
            if let why = route.refusal(reversePath: reversePath, recipient: recipient, headerFrom: headerFrom) {
                decision.reasons.append("route \(route.name): passed over, \(why)")
                continue
            }
            let usable = route.ways.filter { way in
                way.account.map { name in open.contains { $0.name == name } } ?? true
            }
            let named = Set(route.ways.compactMap(\.account))
            let closed = accounts.filter { named.contains($0.name) && !$0.isOpen(to: submitter) }
            let refused = closed.isEmpty ? nil : "not open to \(submitter): \(Self.services(closed))"
            guard !usable.isEmpty else {
                let why = refused ?? "none of its accounts can send"
                decision.reasons.append("route \(route.name): passed over, \(why)")
                continue
            }
            if let why = connectivity.refusal(of: route.online) {
                decision.reasons.append("route \(route.name): matches, and waits: \(why)")
                decision.awaitsConnection = true
                if route.isLast { break }
                continue
            }
            let end = (refused.map { "; \($0)" } ?? "") + (route.isLast ? "; last, so no later route is asked" : "")
            decision.reasons.append("route \(route.name): matches, \(route.told(usable))\(end)")
            decision.steps.append(
                RouteStep(
                    route: route.name, ways: usable, isLast: route.isLast,
                    onConnectFailure: route.onConnectFailure))
            if route.isLast { break }
        }
        guard decision.steps.isEmpty, !decision.awaitsConnection else { return decision }
        decideWithoutRoute(&decision, submitter, open, reversePath, headerFrom)
        guard !connectivity.carriesAll, !decision.steps.isEmpty else { return decision }
        (decision.steps, decision.awaitsConnection) = ([], true)
        return decision
    }

    /// The ways of the route of that name, or the account of that name where no route has it, as a person orders; which
    /// messages the route takes does not matter then.
    /// - Returns: `nil` for a name that is neither's.
    public func step(named name: String) -> RouteStep? {
        guard let route = routes.first(where: { $0.name == name }) else {
            return accounts.contains { $0.name == name } ? .alone(name) : nil
        }
        let usable = route.ways.filter { way in
            way.account.map { name in accounts.contains { $0.name == name } } ?? true
        }
        return RouteStep(route: name, ways: usable, isLast: true, onConnectFailure: route.onConnectFailure)
    }

    private func decideWithoutRoute(
        _ decision: inout RouteDecision, _ submitter: Submitter, _ open: [SendingAccount], _ reversePath: ReversePath,
        _ headerFrom: Address?
    ) {
        guard submitter != .notice else {
            return decision.reasons.append("a notice leaves by a route that takes <>, and none does")
        }
        func use(_ name: String, because reason: String) {
            decision.reasons.append("account \(name): \(reason)")
            decision.steps = [.alone(name)]
        }
        // Without an envelope sender the From field stands in.
        if let sender = reversePath.address ?? headerFrom {
            if let name = Self.account(of: sender, among: open) {
                return use(name, because: "\(sender) is one of its addresses")
            }
            decision.reasons.append(
                account(of: sender).map { "account \($0): has the address \(sender), and is not open to \(submitter)" }
                    ?? "no account has the address \(sender)")
        }
        switch open.count {
        case 0 where accounts.isEmpty:
            decision.reasons.append("no account can send: add a send line to one; held until then")
        case 0:
            let word = if case .mailbox(let name) = submitter { name } else { "everyone" }
            decision.reasons.append(
                "no account is open to \(submitter): \(Self.services(accounts)); open one with the line "
                    + "\"for \(word)\" in its block; held until then")
        case 1:
            use(open[0].name, because: "the only account that " + (accounts.count == 1 ? "can send" : "is open"))
        default:
            decision.reasons.append(
                "several accounts can send (\(open.map(\.name).joined(separator: " "))) and no route chooses: "
                    + "add a route with use ACCOUNT; held until then")
        }
    }

    private static func services(_ accounts: [SendingAccount]) -> String {
        accounts.map(\.service).joined(separator: ", ")
    }

    /// The account that `address` belongs to, an exact match before a glob; the local part is compared without case.
    public func account(of address: Address) -> String? { Self.account(of: address, among: accounts) }

    private static func account(of address: Address, among accounts: [SendingAccount]) -> String? {
        func owner(isGlob: Bool) -> String? {
            accounts.first { account in
                account.addresses.contains { $0.isGlob == isGlob && $0.matches(address, foldingLocalPart: true) }
            }?.name
        }
        return owner(isGlob: false) ?? owner(isGlob: true)
    }
}

extension Route {
    /// Where it leads, for a person.
    /// - Parameter ways: those of its ways that may be used.
    fileprivate func told(_ ways: [WayOut]) -> String {
        switch target {
        case .accounts: "use \(ways.map(\.name).joined(separator: " "))"
        case .direct: "straight to the recipient's domain"
        case .program: "to its program"
        }
    }
}
