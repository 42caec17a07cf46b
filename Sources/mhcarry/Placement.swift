// Which next hop each recipient of a message goes to, by the rc as it is now.

import AddressExpansion
import Glibc
import MailAliases
import MailEnvelope
import MailFormat
import MailRouting
import MessageContent
import RunControl
import SpoolQueue

/// The next hop of each recipient that is due. It changes nothing, and asks no more than aliases files whether they know
/// an address.
struct Placement {
    /// What the next hops are found by.
    struct Subject {
        let envelope: Envelope
        let acceptance: Acceptance
        let state: MessageState
        /// Recipients that this run has tried already.
        var isTried: Set<Int> = []
        /// Recipients of a notice that could not be delivered: their last stop is the postmaster's mailbox, as a
        /// failure must not vanish.
        var atLastStop: Set<Int> = []
        /// What hops have said in this attempt that do not take a recipient now: others of its routes are asked.
        var passed: [Int: [PassedHop]] = [:]
        /// What was asked about recipients, and led nowhere.
        var answered: [Int: Set<Expander.Question>] = [:]
        /// The hops that this run does not ask any more.
        var left: Set<NextHop> = []
    }

    /// Recipients by next hop, in the order of the first of each.
    private(set) var hops: [(hop: NextHop, recipients: [Int])] = []
    /// The verdicts on recipients without a hop.
    private(set) var verdicts: [(recipient: Int, verdict: Verdict)] = []
    /// The names of the routes that chose the hop of a recipient, of those whose mail leaves in a way of its own.
    private(set) var routes: [Int: String] = [:]
    /// What has to be found out about the recipients that go to ``NextHop/expansion``.
    private(set) var questions: [Int: Expander.Question] = [:]
    /// Recipients whose mail waits until the hub is connected.
    private(set) var awaiting: [Int] = []
    /// Recipients whose route carries nothing more for now.
    private(set) var postponed: [(recipient: Int, why: Postponement)] = []
    /// Recipients whose mail, by their route, is returned when the hop cannot be reached.
    private(set) var comesBack: Set<Int> = []

    /// - Parameters:
    ///   - faults: the hops at fault: another way of its routes is used where one works, else the one that may be asked
    ///     again first.
    ///   - recipients: places these alone; `nil` for all.
    init(
        of subject: Subject, hub: CarrierHub, avoiding faults: [NextHop: HopFault] = [:], among recipients: [Int]? = nil
    ) {
        let now = Clock.seconds()
        for index in recipients ?? subject.state.waiting where !subject.isTried.contains(index) {
            guard hub.isForced || hub.policy.isDue(subject.state.recipients[index].next, now: now) else { continue }
            place(index, subject, hub, faults)
        }
    }

    /// The recipients that go to `hop`.
    func recipients(for hop: NextHop) -> [Int] { hops.first { $0.hop == hop }?.recipients ?? [] }

    private mutating func place(_ index: Int, _ subject: Subject, _ hub: CarrierHub, _ faults: [NextHop: HopFault]) {
        if subject.atLastStop.contains(index), let name = hub.postmaster { return add(index, to: .mailbox(name)) }
        let recipients = subject.state.recipients
        let address: Address? = if case .address(let its) = recipients[index].destination { its } else { nil }
        if let address, let name = Self.mailbox(forNoticeTo: address, subject, hub) {
            return add(index, to: .mailbox(name))
        }
        if recipients[index].recipient.mailboxOfSentCopy != nil {
            guard hub.uplink.connectivity.carriesAll else { return awaiting.append(index) }
            return add(index, to: .target(recipients[index].destination.description))
        }
        let standing = hub.expander.standing(of: index, in: recipients, answered: subject.answered[index] ?? [])
        guard hub.uplink.connectivity.carriesAll || standing == .address(.elsewhere) else {
            return awaiting.append(index)
        }
        switch standing {
        case .unanswered(let question):
            questions[index] = question
            add(index, to: .expansion)
        case .failed(let verdict): verdicts.append((index, verdict))
        case .target(.nowhere):
            let name = recipients[index].alias?.description ?? ""
            verdicts.append((index, .delivered(.relayed, text: "dropped, as the alias \(name) says")))
        case .target: add(index, to: .target(recipients[index].destination.description))
        case .address(.mailbox(let name)): add(index, to: .mailbox(name))
        case .address(.blocked): verdicts.append((index, .permanent(1, 1, text: "this address takes no mail")))
        case .address(.elsewhere):
            if let address { route(index, to: address, subject, hub, faults) }
        case .address(.unknownHere), .address(.alias):
            verdicts.append((index, .permanent(1, 1, text: "no such mailbox here")))
        }
    }

    /// The mailbox for a notice of our own: the one that submitted the message it is about, whatever sender was given;
    /// else that of the owner of the account that has `address`, as providers accept no mail with a null reverse-path
    /// from customers.
    private static func mailbox(forNoticeTo address: Address, _ subject: Subject, _ hub: CarrierHub) -> String? {
        guard subject.acceptance.isNotice(subject.envelope) else { return nil }
        if let name = subject.acceptance.identity?.description, hub.settings.mailbox(name) != nil { return name }
        return hub.accountsByAddress.account(of: address).flatMap { hub.settings.account($0)?.owner }
    }

    private mutating func route(
        _ index: Int, to address: Address, _ subject: Subject, _ hub: CarrierHub, _ faults: [NextHop: HopFault]
    ) {
        let (envelope, acceptance) = (subject.envelope, subject.acceptance)
        let decision = hub.routing.decide(
            for: acceptance.submitter(of: envelope, for: subject.state.recipients[index], hubUser: geteuid()),
            reversePath: envelope.reversePath, recipient: address, headerFrom: acceptance.headerFrom,
            chosen: acceptance.account?.description, connectivity: hub.uplink.connectivity)
        var ways = decision.ways
        // What an alias says is the hub's own order.
        let via = subject.state.recipients[index].via
        if !via.isEmpty { ways = via.map { .account($0) } }
        // A person's order counts as the hub's own user's, to whom every account is open.
        let pinned = subject.state.route.map { hub.routing.step(named: $0) ?? .alone($0) }
        if let pinned { ways = pinned.ways }
        if !via.isEmpty || subject.state.route != nil, !hub.uplink.connectivity.carriesAll { ways = [] }
        let mayBeHeld = (decision.isHeld || pinned != nil) && hub.uplink.connectivity.carriesAll
        guard !ways.isEmpty || mayBeHeld else { return awaiting.append(index) }
        func route(of way: WayOut) -> String? {
            (pinned ?? decision.steps.first { $0.ways.contains(way) })?.route.flatMap {
                hub.markedRoutes.contains($0) ? $0 : nil
            }
        }
        var choices = ways.map { way in
            (
                hop: NextHop(way, to: address), route: route(of: way),
                postponed: route(of: way).flatMap { hub.limits.postponement(of: $0) }
            )
        }
        if let passed = subject.passed[index] {
            choices.removeAll { choice in passed.contains { $0.hop == choice.hop } }
            // A refusal for now is what the sender hears of, unless another way can be tried at once.
            let isOpen = choices.contains { choice in
                faults[choice.hop] == nil && !subject.left.contains(choice.hop) && choice.postponed == nil
            }
            let said = passed.first { $0.verdict.kind == .temporary } ?? (choices.isEmpty ? passed.first : nil)
            if !isOpen, let said { return verdicts.append((index, said.verdict)) }
        }
        func time(_ choice: (hop: NextHop, route: String?, postponed: Postponement?)) -> Int {
            max(faults[choice.hop].map { max(1, $0.until) } ?? 0, choice.postponed?.until ?? 0)
        }
        guard let choice = choices.min(by: { time($0) < time($1) }) else {
            let words =
                subject.state.route.map { "route \($0), chosen by hand, has no account that sends" }
                ?? decision.reasons.last ?? "no account sends for this sender"
            return verdicts.append((index, .heldByRule(4, 4, text: "no route: \(words)")))
        }
        if let why = choice.postponed { return postponed.append((index, why)) }
        routes[index] = choice.route
        if (pinned ?? decision.steps.last)?.onConnectFailure == .bounce { comesBack.insert(index) }
        add(index, to: choice.hop)
    }

    private mutating func add(_ recipient: Int, to hop: NextHop) {
        if let at = hops.firstIndex(where: { $0.hop == hop }) {
            hops[at].recipients.append(recipient)
        } else {
            hops.append((hop, [recipient]))
        }
    }
}
