// The transactions of one session: a message departs while the verdict on the one before is being written down.

import AccountSessions
import Blocking
import DurableFiles
import MailEnvelope
import MessageContent
import Reporting
import SMTPProtocol
import SpoolQueue
import Transport

/// Carries what waits in a lane over one session, one transaction after the other. Where the server offers PIPELINING
/// (RFC 2920), the end of a message and the envelope of the next leave together, so that a message costs one round
/// trip.
///
/// The final dot of a message is sent only when the results of the one before are durable: so a crash leaves at most
/// one message of a session in doubt.
struct Carriage {
    /// A transaction, and what came of it so far.
    private struct Transaction {
        let part: Part
        let recipients: [Int]
        let message: Prepared
        var outcome: TransactionOutcome
        /// Whether it was begun together with the end of another one.
        var isPipelined = false
        var hasContent = false
        /// Whether the end of the content was sent: without an answer the server may have the message.
        var isEnded = false
    }

    /// What the lane has given, and how much of it is still to be done. A class, as transactions share it.
    private final class Part {
        let assignment: Assignment
        /// Recipients that no transaction has yet.
        var rest: ArraySlice<Int>
        /// Recipients without a recorded result.
        var open: Set<Int>

        init(_ assignment: Assignment) {
            self.assignment = assignment
            rest = assignment.recipients[...]
            open = Set(assignment.recipients)
        }
    }

    private let session: ServerSession
    private let lane: Lane
    /// The transaction that the server replies to, and the one that was begun with its end.
    private var current: Transaction?
    private var following: Transaction?
    /// The message of which more transactions are to come.
    private var part: Part?
    /// The next message, asked for in advance.
    private var asked: Promise<Assignment?>?
    /// Kept when the last results are durable.
    private var recorded: Promise<Void>?
    private var transactions = 0

    init(over session: ServerSession, in lane: Lane) {
        self.session = session
        self.lane = lane
    }

    /// Carries until nothing waits, or the session can no longer be used.
    mutating func carry() {
        while session.isUsable, !lane.hub.isEnding, lane.fault == nil, let transaction = next() {
            if let words = session.unasked() {
                // Unasked text between two messages belongs to neither, and the next session gets this one. Before the
                // first message of a session that might repeat for ever, so it counts as a failure to get a session.
                if transactions == 0 { lane.noteFailure(HopFault("\(session.host) took no message: \(words)")) }
                return
            }
            current = transaction
            do {
                try session.begin(transaction.message)
                prefetch()
                while current != nil, session.isUsable { try take(try session.next()) }
            } catch {
                breakOff(error)
            }
            (current, following) = (nil, nil)
            if let limit = session.client.capabilities.transactionLimit, transactions >= limit { session.quit() }
        }
    }

    /// Ends the session when the results of what it sent are durable; what it has not begun is given back.
    mutating func end() {
        if let part, !part.open.isEmpty { lane.give(back: part.assignment.with(part.open.sorted())) }
        if let assignment = asked?.wait() ?? nil { lane.give(back: assignment) }
        (part, asked) = (nil, nil)
        recorded?.wait()
        session.quit()
    }

    // MARK: What comes next

    /// The next transaction: of the message under way, else of the next that waits.
    private mutating func next() -> Transaction? {
        while true {
            if part?.rest.isEmpty ?? true {
                guard let assignment = asked.flatMap({ $0.wait() }) ?? lane.next() else {
                    asked = nil
                    return nil
                }
                asked = nil
                part = Part(assignment)
            }
            guard let part else { return nil }
            let route = part.rest.first.flatMap { part.assignment.routes[$0] }
            // Each route may have it written anew in its way, and counts it for itself.
            let together = part.rest.prefix { part.assignment.routes[$0] == route }
            let isAlone = part.assignment.acceptance.isOfOurs && lane.hub.hidesRecipients(by: route)
            let most = isAlone ? 1 : min(session.recipientLimit, lane.hub.limits.most(by: route))
            let (granted, none) = lane.hub.limits.spend(min(together.count, most), by: route)
            if let none {
                part.rest = part.rest.dropFirst(together.count)
                record([HopResult(Array(together), none)], of: part)
                continue
            }
            let recipients = Array(together.prefix(granted))
            part.rest = part.rest.dropFirst(recipients.count)
            let message = lane.hub.prepare(
                part.assignment, for: recipients, to: lane.hop, by: route, offering: session.client.capabilities)
            let obstacle = session.client.obstacle(to: message.envelope, of: message.facts)
            guard let verdict = message.verdict ?? obstacle?.verdict(at: session.host) else {
                return Transaction(
                    part: part, recipients: recipients, message: message,
                    outcome: TransactionOutcome(count: recipients.count, at: session.host))
            }
            record(recipients.map { HopResult([$0], verdict) }, of: part)
        }
    }

    /// Asks for the next message, so that it is there when this one has been sent.
    private mutating func prefetch() {
        guard asked == nil, part?.rest.isEmpty ?? true, mayGoOn else { return }
        asked = lane.ask()
    }

    /// Whether another transaction may begin in this session.
    private var mayGoOn: Bool {
        guard lane.fault == nil, !lane.hub.isEnding else { return false }
        return session.client.capabilities.transactionLimit.map { transactions + 1 < $0 } ?? true
    }

    // MARK: What the server says

    private mutating func take(_ event: SMTPClient.Event) throws {
        let client = session.client
        switch current?.outcome.take(event, from: client) ?? .proceed {
        case .content: try sendContent()
        case .end: conclude()
        case .goodbye(let reply): goodbye(reply)
        case .proceed: try session.proceed()
        }
    }

    private mutating func settle(_ verdict: Verdict?) { current?.outcome.settle(verdict) }

    /// Sends the content, then, when it may, the end of data, and with that the next transaction.
    private mutating func sendContent() throws {
        guard let message = current?.message else { return }
        // A pipelined transaction that is not to be completed any more: after 354 only closing the connection takes it
        // back.
        if StopSignal.hasCome, current?.isPipelined == true { return session.close() }
        current?.hasContent = true
        let before = recorded
        if let reply = try session.stream(message, isHeld: { before?.isKept ?? true }) { return goodbye(reply) }
        before?.wait()
        // Nobody would know that it was sent.
        if lane.hub.cannotRecord { return session.close() }
        current?.isEnded = true
        if session.client.capabilities.pipelining, mayGoOn { following = next() }
        try session.endContent(isHeld: following != nil)
        guard let next = following else { return }
        following?.isPipelined = true
        try session.begin(next.message)
    }

    // MARK: What comes of it

    /// Concludes the current transaction, and goes on with the one after it.
    /// - Parameter words: what is wrong with the hop, besides what the verdicts say.
    private mutating func conclude(brokenOff isBroken: Bool = false, because words: String? = nil) {
        guard let done = current else { return }
        guard !isUnproved else { return leaveUnproved() }
        (current, following) = (following, nil)
        transactions += 1
        if current != nil { prefetch() }
        let verdicts = zip(done.recipients, done.outcome.verdicts)
        var results = verdicts.compactMap { recipient, verdict in
            verdict.map { HopResult([recipient], judged($0), isInDoubt: done.isEnded && !$0.isSMTP) }
        }
        if let refused = results.first(where: { $0.verdict.kind == .heldByRule })?.verdict, !done.part.rest.isEmpty {
            // The account accepts nothing from this sender: the other recipients are not tried.
            results.append(HopResult(Array(done.part.rest), refused))
            done.part.rest = []
        }
        let broken = lane.note(brokenOff: isBroken, by: session.host)
        let refused = results.first { $0.verdict.kind == .faultOfHop }?.verdict.description
        let fault = (words ?? refused ?? broken).map { HopFault($0) }
        // First the results: what was sent is recorded before anything else can take time, or end the run.
        record(results, of: done.part, fault: fault, released: verdicts.filter { $0.1 == nil }.map(\.0))
        if let fault {
            lane.fail(fault)
            session.quit()
        }
        lane.note(results)
    }

    /// What a verdict means here: nobody mends a stranger's host, or asks it to take a sender that it has refused.
    private func judged(_ verdict: Verdict) -> Verdict {
        guard lane.hop.isStranger else { return verdict }
        switch verdict.kind {
        case .faultOfHop: return verdict.counted()
        case .heldByRule where verdict.isSMTP: return verdict.ended()
        case .heldByRule, .delivered, .permanent, .temporary: return verdict
        }
    }

    private mutating func record(
        _ results: [HopResult], of part: Part, fault: HopFault? = nil, released: [Int] = []
    ) {
        for result in results { part.open.subtract(result.recipients) }
        part.open.subtract(released)
        let report = Recorder.Report(
            job: part.assignment.job, hop: lane.hop, results: results, released: released, fault: fault,
            isEnd: part.open.isEmpty)
        let promise = Promise<Void>()
        lane.recorder.ask(.record(report, promise))
        recorded = promise
    }

    /// Whether the transaction was begun with the end of the message before, and has not come to its content. Until
    /// then it is unknown which replies are its own: a reply too many to the message before would pass for that to
    /// MAIL, and each later one for the next command's. Only 354, which answers DATA and nothing else, proves that they
    /// are in step.
    private var isUnproved: Bool { current.map { $0.isPipelined && !$0.hasContent } ?? false }

    /// Leaves a transaction whose replies may be another's: it will be the first of another session, where they cannot
    /// be.
    private mutating func leaveUnproved() {
        (current, following) = (nil, nil)
        session.quit()
    }

    /// The server ends the session (421).
    private mutating func goodbye(_ reply: SMTPReply) {
        session.close()
        following = nil
        guard !isUnproved else { return leaveUnproved() }
        let client = session.client
        current?.outcome.settle(goodbye: reply, from: client)
        // Behind its sender this message may be the cause, and the others are still to be carried.
        guard current?.outcome.isBegun != true, !lane.hop.isStranger else { return conclude(brokenOff: true) }
        conclude(because: "\(session.host) closed the session: \(printable(reply.description))")
    }

    /// The connection, or the dialogue on it, can no longer be used.
    private mutating func breakOff(_ error: any Error) {
        session.close()
        following = nil
        guard !isUnproved else { return leaveUnproved() }
        let (begun, client) = (session.begunVerdict, session.client)
        current?.outcome.settle(begun: begun, from: client)
        // After a stop signal, what did not come to its end counts as no try.
        if case TransportError.stopped = error { return conclude() }
        if let error = error as? DurableError {
            // Our own disk failed to read the message: no server is to blame.
            if let job = current?.part.assignment.job { lane.hub.note(QueueError.disk(error), of: job.id) }
            settle(.temporary(3, 0, text: sentence(error)))
            return conclude()
        }
        let isBroken = current?.outcome.isSettled == false
        settle(.temporary(4, 2, from: session.host, text: sentence(error)))
        conclude(brokenOff: isBroken)
    }
}
