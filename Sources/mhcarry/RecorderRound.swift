// One round of the recorder: results of several messages, recorded together.

import MailEnvelope
import MessageContent
import Reporting
import SpoolQueue

/// Collects results, makes them durable, and closes the messages of which nothing is under way any more.
struct RecorderRound {
    private let hub: CarrierHub
    private var recording: Recording
    /// The messages of this round, in the order in which they came.
    private var jobs: [Job] = []
    private var known: Set<QueueID> = []
    /// What is logged, once it is durable.
    private var told: [(job: Job, item: AttemptResult, hop: NextHop?)] = []
    /// Parts of messages with which the run is done.
    var done = 0

    init(hub: CarrierHub) {
        self.hub = hub
        recording = Recording(in: hub.queue)
    }

    /// Includes `job` in the round, if it has an attempt.
    mutating func include(_ job: Job) {
        guard let attempt = job.attempt, known.insert(job.id).inserted else { return }
        jobs.append(job)
        recording.include(attempt.message)
    }

    /// Takes results for recipients of `job`; its attempt ends with them if no hop has a part of it under way.
    mutating func record(_ items: [AttemptResult], of job: Job, by hop: NextHop?) {
        guard let attempt = job.attempt else { return }
        include(job)
        guard !items.isEmpty || attempt.message.isInAttempt && !attempt.isUnderWay else { return }
        do throws(QueueError) {
            try recording.add(items, of: attempt.message, at: Clock.seconds(), isLast: !attempt.isUnderWay)
            told += items.map { (job, $0, hop) }
        } catch {
            if !items.isEmpty { noteUnrecorded(error) }
            give(up: job, because: error)
        }
    }

    /// Whether this round has results of `job` to record.
    func hasResults(of job: Job) -> Bool { told.contains { $0.job === job } }

    /// Results are lost to `error`; only the disk's count, since others concern one message.
    private func noteUnrecorded(_ error: QueueError) {
        switch error {
        case .disk, .noSpace: hub.noteUnrecorded()
        default: break
        }
    }

    /// Leaves `job` alone for the rest of the run.
    mutating func give(up job: Job, because error: any Error) {
        hub.note(error, of: job.id)
        job.isOver = true
        job.attempt = nil
    }

    /// Makes all results durable, queues the notices that are owed, and closes messages.
    /// - Parameter isKept: whether a message of which nothing is under way is to stay open all the same.
    consuming func end(keeping isKept: (Job) -> Bool) -> Recorder.Outcome {
        let attempts = Dictionary(uniqueKeysWithValues: jobs.compactMap { job in job.attempt.map { (job.id, $0) } })
        let errors = recording.commit { (message) throws(QueueError) in
            guard let attempt = attempts[message.id], !attempt.isUnderWay, !attempt.isIdle else { return }
            try attempt.sendNotices()
        }
        for (job, item, hop) in told where errors[job.id] == nil { log(item, of: job, by: hop) }
        var outcome = Recorder.Outcome(done: done)
        for job in jobs {
            guard let attempt = job.attempt else { continue }
            if let error = errors[job.id] {
                if told.contains(where: { $0.job === job }) { noteUnrecorded(error) }
                give(up: job, because: error)
            } else {
                outcome.handed += handOn(job, attempt, isKept)
            }
        }
        return outcome
    }

    /// Finds the hops that are still to be asked, and closes the message unless one has a part of it under way.
    private func handOn(_ job: Job, _ attempt: Attempt, _ isKept: (Job) -> Bool) -> [(job: Job, hop: NextHop)] {
        let message = attempt.message
        let hops = attempt.hopsToAsk().filter { job.waitsAt.insert($0).inserted }
        if message.isRemoved || !attempt.isUnderWay && !isKept(job) {
            do throws(QueueError) {
                try attempt.close()
            } catch {
                hub.note(error, of: job.id)
            }
            job.isOver = message.isRemoved
            job.entry = message.entry
            job.attempt = nil
        }
        return hops.map { (job, $0) }
    }

    /// - Parameter status: of what the attempt goes on with elsewhere; else the verdict says it.
    func log(_ item: AttemptResult, of job: Job, by hop: NextHop?, as status: String? = nil) {
        guard let message = job.attempt?.message else { return }
        let verdict = item.verdict
        let word =
            switch verdict.kind {
            case .delivered: "sent"
            case .permanent: "failed"
            case .temporary: "deferred"
            case .faultOfHop: "waiting"
            case .heldByRule: "held"
            }
        let route =
            switch hop {
            case .account(let name), .domain(_, let name), .program(let name): name
            case .mailbox, .target, .expansion, nil: "local"
            }
        if case .account(let name)? = hop, case .delivered = verdict.kind { hub.noteSent(through: name) }
        for index in item.recipients {
            let recipient = message.state.recipients[index]
            hub.log.write(
                verdict.kind == .heldByRule && status == nil ? .warning : .info, "delivery",
                [
                    ("id", message.id.text), ("from", "\(message.envelope.reversePath)"),
                    ("to", "<\(recipient.destination.description)>"), ("route", route),
                    ("host", verdict.remote), ("size", "\(message.content.size)"), ("status", status ?? word),
                    ("dsn", "\(verdict.status)"),
                    ("delay", "\(max(0, Clock.seconds() - message.acceptance.arrival))"), ("msg", verdict.text),
                ])
        }
    }
}
