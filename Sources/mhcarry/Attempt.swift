// One attempt for one message: who is delivered here, who goes out by which account, and what came of it.

import Glibc
import MailEnvelope
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
        for index in message.state.waiting where isDue(message.state.recipients[index], now) { try place(index) }
        for (mailbox, recipients) in local.sorted(by: { $0.value[0] < $1.value[0] }) {
            try conclude(deliver(recipients, to: mailbox), by: "local")
        }
        return true
    }

    private func isDue(_ recipient: RecipientState, _ now: Int) -> Bool {
        hub.isForced || hub.policy.isDue(recipient.next, now: now)
    }

    /// Finds the recipient's mailbox here, or its way out.
    private func place(_ index: Int) throws {
        guard case .address(let address) = message.state.recipients[index].destination else {
            return try conclude(index, .permanent(3, 5, text: "this release delivers to no such target"))
        }
        if let name = mailboxForNotice(to: address) { return local[name, default: []].append(index) }
        switch hub.locals.resolve(address) {
        case .mailbox(let name):
            local[name, default: []].append(index)
        case .unknownHere:
            try conclude(index, .permanent(1, 1, text: "no such mailbox here"))
        case .blocked:
            try conclude(index, .permanent(1, 1, text: "this address takes no mail"))
        case .elsewhere:
            try route(index, to: address)
        }
    }

    /// The mailbox for a notice of our own: that of the person who submitted what it tells of, whatever sender was given;
    /// else that of the person who has `address` at a provider, which takes no mail without a reverse-path from customers.
    private func mailboxForNotice(to address: Address) -> String? {
        guard message.isNotice else { return nil }
        if let name = message.acceptance.identity?.description, hub.settings.mailbox(name) != nil { return name }
        return hub.accountsByAddress.account(of: address).flatMap { hub.settings.account($0)?.owner }
    }

    /// Makes one copy in the mailbox for all of `recipients`.
    private func deliver(_ recipients: [Int], to mailbox: String) -> [AttemptResult] {
        let delivery = LocalDelivery(message: message, recipients: recipients, mailbox: mailbox, hub: hub)
        return results(
            of: delivery.carryOut(), for: recipients, notBefore: hub.policy.delay(afterTries: 1) + Clock.seconds())
    }

    /// The last stop of a notice that nobody takes is the postmaster's mailbox: a failure must not vanish (SE11).
    private func atLastStop(_ result: AttemptResult) -> [AttemptResult] {
        guard message.isNotice, let name = hub.postmaster else { return [result] }
        switch result.verdict.kind {
        case .permanent, .heldByRule: return result.recipients.flatMap { deliver([$0], to: name) }
        case .delivered, .temporary, .faultOfHop: return [result]
        }
    }

    private func route(_ index: Int, to address: Address) throws {
        let decision = hub.routing.decide(
            for: message.submitter(for: index, hubUser: geteuid()), reversePath: message.envelope.reversePath,
            recipient: address, headerFrom: message.acceptance.headerFrom,
            chosen: message.acceptance.account?.description)
        var accounts = decision.accounts
        // A person's order, of the hub's own user, to whom every account is open.
        if let pinned = message.state.route { accounts = [pinned] }
        guard let first = accounts.first else {
            let words = decision.reasons.last ?? "no account sends for this sender"
            return try conclude(index, .heldByRule(4, 4, text: "no route: \(words)"))
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
        var items: [AttemptResult] = []
        for result in results {
            var final: [Int] = []
            for index in result.recipients {
                if result.mayGoElsewhere, let other = alternatives[index]?.first {
                    alternatives[index]?.removeFirst()
                    add([index], to: other)
                } else if result.isUnreachable, comesBack.contains(index) {
                    items.append(AttemptResult(recipients: [index], result.verdict.ended()))
                } else {
                    final.append(index)
                }
            }
            items += self.results(of: result.verdict, for: final, notBefore: result.notBefore)
        }
        try conclude(items, by: account)
    }

    /// Gives up on what is left, after an error of our own.
    func abandon() { remote = [] }

    /// What `verdict` means for now: when the next try may be, or the end after the lifetime. What our side keeps from
    /// leaving is looked at again by the rc of then, after the longest delay (DECISIONS 49).
    /// - Parameter notBefore: when a hop at fault may be asked again, in seconds since 1970.
    private func results(of verdict: Verdict, for recipients: [Int], notBefore: Int) -> [AttemptResult] {
        guard !verdict.isFinal, verdict.countsAsTry else {
            return recipients.isEmpty ? [] : [AttemptResult(recipients: recipients, verdict, next: notBefore)]
        }
        let now = Clock.seconds()
        let age = hub.age(of: message)
        return recipients.map { index in
            let tries = message.state.recipients[index].tries + 1
            if hub.policy.isExpired(age: age, tries: tries) {
                return AttemptResult(recipients: [index], verdict.givenUp(afterTries: tries))
            }
            let delay = hub.policy.delay(afterTries: verdict.kind == .heldByRule ? .max : tries)
            return AttemptResult(recipients: [index], verdict, next: now + delay)
        }
    }

    // MARK: The end

    private func conclude(_ index: Int, _ verdict: Verdict) throws {
        try conclude(results(of: verdict, for: [index], notBefore: 0), by: "local")
    }

    /// Writes the results down, in one record.
    private func conclude(_ results: [AttemptResult], by account: String) throws {
        let items = results.flatMap(atLastStop)
        guard !items.isEmpty else { return }
        // First the record: what goes out is written down before anything else may take time, or the life of the run.
        try message.record(items, at: Clock.seconds(), isLast: false)
        for item in items {
            for index in item.recipients { log(index, item.verdict, account) }
        }
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
        for kind in [NoticeKind.failure, .success] {
            _ = try message.sendNotice(kind, about: message.state.owed(kind), write: writeNotice)
        }
        let held = message.state.owed(.held)
        if try message.sendNotice(.held, about: held, write: writeNotice) != nil, let first = held.first {
            let why = message.state.recipients[first].verdict?.description ?? ""
            writeToStandardError(
                "\(CommandName.called(else: "mhcarry")): \(message.id) is held: \(printable(why)); see mhqueue why \(message.id)"
            )
        }
        let age = hub.age(of: message)
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

    private func log(_ index: Int, _ verdict: Verdict, _ account: String) {
        let status =
            switch verdict.kind {
            case .delivered: "sent"
            case .permanent: "failed"
            case .temporary: "deferred"
            case .faultOfHop: "waiting"
            case .heldByRule: "held"
            }
        let recipient = message.state.recipients[index]
        hub.log.write(
            verdict.kind == .heldByRule ? .warning : .info, "delivery",
            [
                ("id", message.id.text), ("from", "\(message.envelope.reversePath)"),
                ("to", "<\(recipient.destination.description)>"), ("route", account),
                ("host", verdict.remote), ("size", "\(message.content.size)"), ("status", status),
                ("dsn", "\(verdict.status)"),
                ("delay", "\(max(0, Clock.seconds() - message.acceptance.arrival))"), ("msg", verdict.text),
            ])
    }
}
