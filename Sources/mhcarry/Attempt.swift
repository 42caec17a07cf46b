// One attempt for one message: who is delivered here, who goes out by which account, and what came of it.

import Glibc
import MailFormat
import MailRouting
import Reporting
import RunControl
import SpoolQueue

/// The attempt under way for a locked message. Unchecked, as it belongs to one thread at a time: the run hands it to an
/// account's thread and joins that before it goes on.
final class Attempt: @unchecked Sendable {
    let message: LockedMessage
    private let hub: CarrierHub
    /// Recipients to be delivered here, by mailbox.
    private var local: [String: [Int]] = [:]
    /// Recipients still to be carried, by account, in the order of the routes.
    private var remote: [(account: String, recipients: [Int])] = []
    /// How many accounts each recipient has behind its present one, where a route names several.
    private var alternatives: [Int: [String]] = [:]
    /// Recipients whose route says that they come back when it cannot be reached.
    private var comesBack: Set<Int> = []

    init(of message: LockedMessage, hub: CarrierHub) {
        self.message = message
        self.hub = hub
    }

    /// The account whose turn it is; `nil` when nothing is left to carry.
    var nextAccount: String? { remote.first?.account }

    /// Marks the attempt, delivers what is local, and sorts the rest by account.
    /// - Returns: whether there is anything to carry or to end.
    func begin() throws -> Bool {
        try message.resumeNotices(write: writeNotice)
        guard message.state.hold == nil else { return false }
        if try message.finish() == .removed { return false }
        let now = Clock.seconds()
        // First the room: without it nothing begins, so nothing looks as if it had died.
        try message.reserve()
        try message.beginAttempt(next: now + hub.policy.delay(afterTries: message.state.tries + 1))
        if try message.content.hasLooped() {
            try conclude([(message.state.waiting, .failed(Self.circles))], by: "local")
            return true
        }
        for index in message.state.waiting where isDue(message.state.recipients[index], now) { try place(index) }
        for (mailbox, recipients) in local.sorted(by: { $0.value[0] < $1.value[0] }) {
            try conclude(deliver(recipients, to: mailbox), by: "local")
        }
        return true
    }

    private static let circles = Reply(
        status: "5.4.6", text: "the message goes in circles: it has more than \(LoopStop.receivedLimit) Received fields"
    )

    private func isDue(_ recipient: RecipientState, _ now: Int) -> Bool {
        hub.isForced || hub.policy.isDue(recipient.next, now: now)
    }

    /// Finds the recipient's mailbox here, or its way out.
    private func place(_ index: Int) throws {
        guard case .address(let address) = message.state.recipients[index].destination else {
            return try conclude(index, .failed(Reply(status: "5.3.5", text: "this release delivers to no such target")))
        }
        if let name = mailboxForNotice(to: address) { return local[name, default: []].append(index) }
        switch hub.locals.resolve(address) {
        case .mailbox(let name):
            local[name, default: []].append(index)
        case .unknownHere:
            try conclude(index, .failed(Reply(status: "5.1.1", text: "no such mailbox here")))
        case .blocked:
            try conclude(index, .failed(Reply(status: "5.1.1", text: "this address takes no mail")))
        case .elsewhere:
            try route(index, to: address)
        }
    }

    /// Whether this is a notice of our own.
    private var isNotice: Bool { message.envelope.isNotice }

    /// The mailbox for a notice of our own: that of the person who submitted what it tells of, whatever sender was given;
    /// else that of the person who has `address` at a provider, which takes no mail without a reverse-path from customers.
    private func mailboxForNotice(to address: Address) -> String? {
        guard isNotice else { return nil }
        if let name = message.envelope.identity?.description, hub.settings.mailbox(name) != nil { return name }
        return hub.accountsByAddress.account(of: address).flatMap { hub.settings.account($0)?.owner }
    }

    /// Makes one copy in the mailbox for all of `recipients`.
    private func deliver(_ recipients: [Int], to mailbox: String) -> [(recipients: [Int], outcome: Outcome)] {
        let delivery = LocalDelivery(message: message, recipients: recipients, mailbox: mailbox, hub: hub)
        switch delivery.carryOut() {
        case .delivered(let reply, let place): return [(recipients, .delivered(reply, place: place))]
        case .deferred(let reply): return recipients.map { ([$0], deferral(reply, of: $0)) }
        case .postponed(let reply):
            return [(recipients, .postponed(reply, next: Clock.seconds() + hub.policy.delay(afterTries: 1)))]
        }
    }

    /// The last stop of a notice that nobody takes is the postmaster's mailbox: a failure must not vanish (SE11).
    private func atLastStop(_ outcome: Outcome, of index: Int) -> [(recipients: [Int], outcome: Outcome)] {
        guard isNotice, let name = hub.postmaster else { return [([index], outcome)] }
        switch outcome {
        case .failed, .held: return deliver([index], to: name)
        case .delivered, .deferred, .postponed: return [([index], outcome)]
        }
    }

    private func route(_ index: Int, to address: Address) throws {
        let decision = hub.routing.decide(
            for: message.envelope.submitter(hubUser: geteuid()), reversePath: message.envelope.reversePath,
            recipient: address, headerFrom: message.envelope.headerFrom)
        var accounts = decision.accounts
        // A person's order, of the hub's own user, to whom every account is open.
        if let pinned = message.state.route { accounts = [pinned] }
        guard let first = accounts.first else {
            let words = decision.reasons.last ?? "no account sends for this sender"
            return try conclude(index, holding(Reply(status: "4.4.4", text: "no route: \(words)"), of: index))
        }
        alternatives[index] = Array(accounts.dropFirst())
        if decision.steps.last?.onConnectFailure == .bounce { comesBack.insert(index) }
        add([index], to: first)
    }

    private func add(_ recipients: [Int], to account: String) {
        if let at = remote.firstIndex(where: { $0.account == account }) {
            remote[at].recipients += recipients
        } else {
            remote.append((account, recipients))
        }
    }

    // MARK: For the account's thread

    /// The recipients that ``nextAccount`` is to carry.
    var recipients: [Int] { remote.first?.recipients ?? [] }

    /// Takes what came of some recipients of ``nextAccount``, and writes it down before it returns (DECISIONS 6).
    /// Recipients whose route was not to be had go on to the next account of their route.
    func take(_ results: [AccountResult], from account: String) throws {
        if remote.first?.account == account {
            let taken = Set(results.flatMap(\.recipients))
            remote[0].recipients.removeAll { taken.contains($0) }
            if remote[0].recipients.isEmpty { remote.removeFirst() }
        }
        var items: [(recipients: [Int], outcome: Outcome)] = []
        for result in results {
            var final: [Int] = []
            for index in result.recipients {
                if result.isRouteFault, let other = alternatives[index]?.first {
                    alternatives[index]?.removeFirst()
                    add([index], to: other)
                } else if result.isUnreachable, comesBack.contains(index),
                    case .postponed(let reply, _) = result.outcome
                {
                    items.append(([index], .failed(reply)))
                } else {
                    final.append(index)
                }
            }
            if !final.isEmpty { items.append((final, result.outcome)) }
        }
        try conclude(items, by: account)
    }

    /// Gives up on what is left, after an error of our own.
    func abandon() { remote = [] }

    /// The outcome for now of a temporary trouble of recipient `index`: another try, or the end after the lifetime.
    func deferral(_ reply: Reply, of index: Int) -> Outcome {
        let now = Clock.seconds()
        let tries = message.state.recipients[index].tries + 1
        let age = hub.policy.age(arrival: message.envelope.arrival, firstResult: message.state.firstResult, now: now)
        if hub.policy.isExpired(age: age, tries: tries) {
            return .failed(
                Reply(status: "4.4.7", remote: reply.remote, text: "gave up after \(tries) tries: \(reply.text)"))
        }
        return .deferred(reply, next: now + hub.policy.delay(afterTries: tries))
    }

    /// The outcome for now of what our side keeps from leaving (DECISIONS 49): looked at again by the rc of then, after
    /// the longest delay, or the end after the lifetime.
    func holding(_ reply: Reply, of index: Int) -> Outcome {
        let outcome = deferral(reply, of: index)
        guard case .deferred = outcome else { return outcome }
        return .held(reply, next: Clock.seconds() + hub.policy.delay(afterTries: .max))
    }

    // MARK: The end

    private func conclude(_ index: Int, _ outcome: Outcome) throws { try conclude([([index], outcome)], by: "local") }

    /// Writes the results down, in one record.
    private func conclude(_ results: [(recipients: [Int], outcome: Outcome)], by account: String) throws {
        var items = results
        if isNotice {
            items = results.flatMap { result in
                result.recipients.flatMap { atLastStop(result.outcome, of: $0) }
            }
        }
        guard !items.isEmpty else { return }
        for item in items {
            for index in item.recipients { log(index, item.outcome, account) }
        }
        try message.record(items, at: Clock.seconds(), isLast: false)
    }

    /// Writes the attempt down, and the notices it owes.
    func end() {
        guard !message.isRemoved else { return }
        do {
            if try message.endAttempt(at: Clock.seconds()) == .removed { return }
            try sendNotices()
            _ = try message.finish()
        } catch {
            hub.note(error, of: message.id)
        }
    }

    private func sendNotices() throws {
        let now = Clock.seconds()
        for kind in [NoticeKind.failure, .success] {
            _ = try message.sendNotice(kind, about: message.state.owed(kind), write: writeNotice)
        }
        let held = message.state.owed(.held)
        if try message.sendNotice(.held, about: held, write: writeNotice) != nil, let first = held.first {
            let reply = message.state.recipients[first].reply
            let why = [reply?.remote, reply?.text].compactMap { $0 }.joined(separator: ": ")
            writeToStandardError(
                "\(CommandName.called(else: "mhcarry")): \(message.id) is held: \(printable(why)); see mhqueue why \(message.id)"
            )
        }
        let age = hub.policy.age(arrival: message.envelope.arrival, firstResult: message.state.firstResult, now: now)
        // By age alone: mail that waits for a route at fault has no tries, and is late all the same.
        if hub.policy.isLate(age: age, tries: max(1, message.state.tries)) {
            _ = try message.sendNotice(.delay, about: message.state.owed(.delay), write: writeNotice)
        }
    }

    private func writeNotice(
        _ id: QueueID, _ kind: NoticeKind, _ recipients: [Int]
    ) throws(QueueError) -> LockedMessage.Notice {
        try hub.notices.write(
            kind, about: recipients, of: NoticeWriter.Subject(message), id: id, at: .now(), in: hub.queue)
    }

    private func log(_ index: Int, _ outcome: Outcome, _ account: String) {
        let (status, reply): (String, Reply)
        switch outcome {
        case .delivered(let told, _, _): (status, reply) = ("sent", told)
        case .failed(let told): (status, reply) = ("failed", told)
        case .deferred(let told, _): (status, reply) = ("deferred", told)
        case .postponed(let told, _): (status, reply) = ("waiting", told)
        case .held(let told, _): (status, reply) = ("held", told)
        }
        let recipient = message.state.recipients[index]
        hub.log.write(
            status == "held" ? .warning : .info, "delivery",
            [
                ("id", message.id.text), ("from", "\(message.envelope.reversePath)"),
                ("to", "<\(recipient.destination.description)>"), ("route", account),
                ("host", reply.remote), ("size", "\(message.content.count)"), ("status", status), ("dsn", reply.status),
                ("delay", "\(max(0, Clock.seconds() - message.envelope.arrival))"), ("msg", reply.text),
            ])
    }
}
