// The one thread that holds locks, journals and states: it hands out what is to be carried, and records the results.

import Blocking
import MailEnvelope
import MessageContent
import Reporting
import SpoolQueue

/// The recorder of a run. Lanes give it results and are told when these are durable; all that comes in while one round
/// is written goes into the next.
///
/// Unchecked, as everything but the inbox is touched by the thread that calls ``work(_:)`` alone.
final class Recorder: @unchecked Sendable {
    enum Request: Sendable {
        /// A message for which no hop is known: a verdict or a notice may be due all the same.
        case settle(Job)
        /// A session is about to be opened for what goes to this hop: whether this run gets the lock of the message, so
        /// that two runs do not both connect for it.
        case claim(Job, NextHop, Promise<Bool>)
        /// A session is ready for what goes to this hop.
        case begin(Job, NextHop, Promise<Assignment?>)
        /// Results for recipients under way. The promise is kept once they are durable, or cannot be and that was
        /// reported.
        case record(Report, Promise<Void>)
        /// The hop is at fault, and the message has waited for it in vain.
        case refuse(Job, NextHop, HopFault)
        /// The hop cannot be used for other reasons: the message stays as it is.
        case leave(Job, NextHop)
    }

    /// What came of a part of a message at a hop.
    struct Report: Sendable {
        let job: Job
        let hop: NextHop
        var results: [HopResult] = []
        /// What was found out about recipients.
        var answers: [ExpansionAnswer] = []
        /// Recipients that the session had under way and has not begun; the run is done with them.
        var released: [Int] = []
        /// Why the hop can no longer be used, if it cannot.
        var fault: HopFault?
        /// Whether this concludes the part.
        var isEnd = true
    }

    /// What a round tells the run.
    struct Outcome {
        /// Messages that are to be carried to these hops now.
        var handed: [(job: Job, hop: NextHop)] = []
        /// Parts of messages with which the run is done.
        var done = 0
    }

    private struct Inbox {
        /// What sessions wait for.
        var urgent: [Request] = []
        /// What nobody waits for, of which there may be as much as the queue holds: the first `taken` are done.
        var others: [Request] = []
        var taken = 0
        var isClosed = false

        mutating func take() -> [Request]? {
            guard !urgent.isEmpty || !others.isEmpty || isClosed else { return nil }
            // Sessions wait while the others are opened and closed.
            let end = min(others.count, taken + (urgent.isEmpty ? Recorder.othersAtOnce : Recorder.othersBeside))
            let requests = urgent + others[taken..<end]
            urgent = []
            taken = end
            if taken == others.count { (others, taken) = ([], 0) }
            return requests
        }
    }

    /// The most requests of one round that nobody waits for: alone, and beside what sessions wait for.
    private static let othersAtOnce = 32
    private static let othersBeside = 2

    private let hub: CarrierHub
    private let inbox = Monitor(Inbox())
    /// Why hops cannot be used in this run.
    private var faults: [NextHop: HopFault] = [:]
    /// Messages of which nothing is under way, kept open since they wait in lanes.
    private var parked: [Job] = []
    /// The most of these: each has files open, and is locked against a person who would hold or remove it.
    private static let parkedLimit = 8

    init(hub: CarrierHub) { self.hub = hub }

    // MARK: For any thread

    func ask(_ request: Request) {
        inbox.change { inbox in
            switch request {
            case .claim, .begin, .record: inbox.urgent.append(request)
            case .settle, .refuse, .leave: inbox.others.append(request)
            }
        }
    }

    /// Lets ``work(_:)`` end when all is done that was asked.
    func close() { inbox.change { $0.isClosed = true } }

    // MARK: For its thread

    /// Does what it is asked, until it is closed.
    func work(_ tell: (Outcome) -> Void) {
        while let requests = inbox.wait({ $0.take() }), !requests.isEmpty { tell(carryOut(requests)) }
    }

    /// One round. Sessions that wait for something to send are served first; then all that came in is recorded at once.
    func carryOut(_ requests: [Request]) -> Outcome {
        // A hop that was at fault may be asked again by now; then its lane decides.
        faults = faults.filter { $0.value.until > Clock.seconds() }
        var round = RecorderRound(hub: hub)
        var begun: [(job: Job, assignment: Assignment, promise: Promise<Assignment?>)] = []
        let recorded = Set(requests.compactMap { if case .record(let report, _) = $0 { report.job.id } else { nil } })
        for case .begin(let job, let hop, let promise) in requests {
            job.waitsAt.remove(hop)
            guard let assignment = begin(job, at: hop, &round) else {
                round.done += 1
                promise.keep(nil)
                continue
            }
            // Where this round has results of the message to record, its next part leaves only when they are durable.
            if recorded.contains(job.id) || round.hasResults(of: job) {
                begun.append((job, assignment, promise))
            } else {
                promise.keep(assignment)
            }
        }
        var promises: [Promise<Void>] = []
        for request in requests {
            switch request {
            case .begin: break
            case .claim(let job, let hop, let promise):
                let isOurs = open(job, &round) != nil
                if !isOurs {
                    job.waitsAt.remove(hop)
                    round.done += 1
                }
                promise.keep(isOurs)
            case .settle(let job):
                if let attempt = open(job, &round) { settle(job, attempt, &round) }
                round.done += 1
            case .record(let report, let promise):
                record(report, &round)
                promises.append(promise)
                if report.isEnd { round.done += 1 }
            case .refuse(let job, let hop, let fault):
                job.waitsAt.remove(hop)
                refuse(job, at: hop, fault, &round)
                round.done += 1
            case .leave(let job, let hop):
                job.waitsAt.remove(hop)
                leave(job, at: hop, &round)
                round.done += 1
            }
        }
        var outcome = round.end { job in
            // A lane takes it up soon, and all of it would have to be read and synchronized again.
            guard job.attempt?.isUnderWay == false, !job.waitsAt.isEmpty else { return false }
            if parked.contains(where: { $0 === job }) { return true }
            guard parked.count < Self.parkedLimit else { return false }
            parked.append(job)
            return true
        }
        parked.removeAll { $0.attempt?.isUnderWay ?? true }
        for (job, assignment, promise) in begun {
            if job.isOver { outcome.done += 1 }
            promise.keep(job.isOver ? nil : assignment)
        }
        for promise in promises { promise.keep() }
        return outcome
    }

    /// The attempt of `job`: the one under way, or a new one under the lock of its message.
    private func open(_ job: Job, _ round: inout RecorderRound) -> Attempt? {
        guard !job.isOver else { return nil }
        if let attempt = job.attempt { return attempt }
        do {
            guard let message = try hub.queue.lock(job.entry) else {
                job.isOver = true
                return nil
            }
            let attempt = try Attempt(of: message, for: job, hub: hub, faults: faults)
            job.attempt = attempt
            round.include(job)
            return attempt
        } catch {
            round.give(up: job, because: error)
            return nil
        }
    }

    private func begin(_ job: Job, at hop: NextHop, _ round: inout RecorderRound) -> Assignment? {
        guard let attempt = open(job, &round) else { return nil }
        do {
            let assignment = try attempt.begin(at: hop)
            settle(job, attempt, &round)
            return job.isOver ? nil : assignment
        } catch {
            round.give(up: job, because: error)
            return nil
        }
    }

    /// Records the verdicts on recipients that need no hop.
    private func settle(_ job: Job, _ attempt: Attempt, _ round: inout RecorderRound) {
        do {
            round.record(try attempt.settle(), of: job, by: nil)
        } catch {
            round.give(up: job, because: error)
        }
    }

    private func record(_ report: Report, _ round: inout RecorderRound) {
        if let fault = report.fault { faults[report.hop] = fault }
        // Without an attempt, an error came up before, and was reported.
        guard let attempt = report.job.attempt else { return }
        attempt.release(report.released, from: report.hop)
        guard report.answers.isEmpty else { return expand(report, attempt, &round) }
        if case .target = report.hop {
            // What an alias names and cannot be, such as a file in a place of the hub's own.
            for verdict in report.results.map(\.verdict) where verdict.status == .transient(3, 5) {
                hub.aliasFaults.note(verdict.text)
            }
        }
        let items = attempt.take(report.results, from: report.hop, fault: report.fault)
        let settled = Set(items.flatMap(\.recipients))
        for result in report.results where result.goesElsewhere {
            round.log(
                AttemptResult(recipients: result.recipients.filter { !settled.contains($0) }, result.verdict),
                of: report.job, by: report.hop, as: "elsewhere")
        }
        round.record(items, of: report.job, by: report.hop)
    }

    /// Takes what was found out about recipients; those that get the message instead go on to their hops.
    private func expand(_ report: Report, _ attempt: Attempt, _ round: inout RecorderRound) {
        do {
            let items = try attempt.take(report.answers)
            for case .verdict(let verdict) in report.answers.map(\.answer) where verdict.kind == .temporary {
                hub.aliasFaults.note(verdict.text)
            }
            for case .into(let expansion) in report.answers.map(\.answer) {
                let names = expansion.children.prefix(10).map { "<\($0.destination.description)>" }.joined(
                    separator: " ")
                hub.log.write(
                    .info, "expansion",
                    [
                        ("id", report.job.id.text), ("count", "\(expansion.children.count)"), ("into", names),
                    ])
            }
            round.record(items, of: report.job, by: report.hop)
            // Of those that came instead, some may need no hop, and nothing else would ask for them in this run.
            settle(report.job, attempt, &round)
        } catch {
            round.give(up: report.job, because: error)
        }
    }

    private func leave(_ job: Job, at hop: NextHop, _ round: inout RecorderRound) {
        job.left.insert(hop)
        // What another account has said of it is not lost.
        guard let attempt = job.passed.isEmpty ? job.attempt : open(job, &round) else { return }
        attempt.leave(hop)
        round.include(job)
        if !job.passed.isEmpty { settle(job, attempt, &round) }
    }

    private func refuse(_ job: Job, at hop: NextHop, _ fault: HopFault, _ round: inout RecorderRound) {
        faults[hop] = fault
        guard let attempt = open(job, &round) else { return }
        do {
            round.record(try attempt.refuse(at: hop, fault), of: job, by: hop)
        } catch {
            round.give(up: job, because: error)
        }
    }
}
