// A hub with a queue of its own and no network, whose recorder is asked by the test in the lanes' place.

import Blocking
import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import RunControl
import SpoolQueue
import Testing

@testable import mhcarry

/// Alice has the accounts `one` and `two`; bob and carol are at home only.
struct CarrierBench {
    let scratch = ScratchDirectory()
    let hub: CarrierHub

    init(routes: String = "", postmaster: String = "alice", isForced: Bool = false, top: String = "") throws {
        let rc = """
            hostname hub.example
            \(top)
            state \(scratch.file("state"))
            maildirs \(scratch.file("mail"))/%m
            log none
            free-space 1M
            retry 60 600
            postmaster \(postmaster)
            mailbox alice
                address alice@home.example
            mailbox bob
                address bob@home.example
            mailbox carol
            account one
                owner alice
                address alice@one.example
                auth off
                tls off
                send smtp 127.0.0.1:9
            account two
                owner alice
                auth off
                tls off
                send smtp 127.0.0.1:9
            \(routes)
            """
        let path = scratch.write(rc + "\n", to: "rc")
        let settings = try HubSettings.load(explicitPath: path)
        hub = try CarrierHub(settings, log: try Log(program: "test", to: .nowhere), isForced: isForced)
    }

    /// Another run with the same rc, for which everything is due.
    func forced() throws -> CarrierHub {
        try CarrierHub(hub.settings, log: try Log(program: "test", to: .nowhere), isForced: true)
    }

    /// Another run with the same rc, whose disk fails.
    func run(with faults: Faults) throws -> CarrierHub {
        try CarrierHub(hub.settings, log: try Log(program: "test", to: .nowhere), isForced: false, faults: faults)
    }

    func message(
        from: String = "alice@one.example", to: [String], age: Int = 0, by submitter: String? = "alice",
        source: Acceptance.Source = .unixUser(4_000_000_000), account: String? = nil,
        notify: Notify = .unspecified, content: String = "Subject: x\n\nx\n"
    ) throws -> QueueEntry {
        let envelope = Envelope(
            reversePath: from.isEmpty ? .null : .address(try Address(from)),
            recipients: try to.map { .init(try Address($0), notify: notify) })
        let acceptance = Acceptance(
            arrival: Clock.seconds() - age, source: source, identity: submitter.map { EnvelopeText(cleaning: $0) },
            account: account.map { EnvelopeText(cleaning: $0) })
        let content = ContentInMemory(Array(content.utf8))
        let id = try hub.queue.add(Prepared(Message(envelope, content)), acceptance)
        return try #require(try hub.queue.find(id))
    }

    var queued: [QueueEntry] { get throws { try hub.queue.list().entries } }

    /// The message as it is in the queue now.
    func message(_ entry: QueueEntry) throws -> QueuedMessage {
        try #require(try hub.queue.find(entry.id).flatMap { try hub.queue.peek($0) })
    }

    /// Carries every notice that waits to where it belongs.
    func carryNotices() throws {
        for entry in try queued {
            guard let message = try hub.queue.peek(entry), message.acceptance.isNotice(message.envelope) else {
                continue
            }
            try carry(entry)
        }
    }

    func mail(of name: String) -> [String] {
        ScratchDirectory.names(in: scratch.file("mail/\(name)/new")).map {
            String(decoding: ScratchDirectory.read(scratch.file("mail/\(name)/new/\($0)")) ?? [], as: UTF8.self)
        }
    }

    /// Carries one message to all hops that it goes to, as the lanes of a run do.
    @discardableResult
    func carry(
        _ entry: QueueEntry, faults: [String: HopFault] = [:], leaving left: Set<String> = [],
        by hub: CarrierHub? = nil, _ answer: (Play.Part) throws -> Play.Answer = { _ in .left }
    ) throws -> [NextHop] {
        try Play(hub ?? self.hub).carry(entry, faults: faults, leaving: left, answer)
    }
}

/// The lanes of a run, one step after the other.
final class Play {
    /// A part of a message that an account is to carry.
    struct Part {
        let account: String
        let assignment: Assignment
        var recipients: [Int] { assignment.recipients }
    }

    enum Answer {
        case results([HopResult], fault: HopFault? = nil)
        /// The session ends before it has begun.
        case left
        /// All of it has this verdict.
        case all(Verdict)
    }

    let recorder: Recorder
    private let hub: CarrierHub

    init(_ hub: CarrierHub) {
        self.hub = hub
        recorder = Recorder(hub: hub)
    }

    /// A child that another test has just forked holds our descriptors, and with them old locks, until its exec.
    private func awaitLock(of id: QueueID) throws {
        let deadline = Deadline(after: .seconds(10))
        while !deadline.hasPassed {
            guard let entry = try hub.queue.find(id) else { return }
            if let locked = try hub.queue.lock(entry) { return locked.unlock() }
            sched_yield()
        }
    }

    /// - Parameters:
    ///   - faults: the accounts that are at fault before they have anything.
    ///   - left: those whose lanes carry nothing more in this run.
    /// - Returns: the hops that were asked, in order.
    func carry(
        _ entry: QueueEntry, faults: [String: HopFault], leaving left: Set<String> = [],
        _ answer: (Part) throws -> Answer
    ) throws -> [NextHop] {
        try awaitLock(of: entry.id)
        let job = Job(try #require(try hub.queue.find(entry.id)))
        let message = try #require(try hub.queue.peek(job.entry))
        let subject = Placement.Subject(
            envelope: message.envelope, acceptance: message.acceptance, state: message.state)
        var hops = message.state.hold == nil ? Placement(of: subject, hub: hub).hops.map(\.hop) : []
        var asked: [NextHop] = []
        var done = 0
        var put = max(1, hops.count)
        job.waitsAt = Set(hops)
        func note(_ outcome: Recorder.Outcome) {
            hops += outcome.handed.map(\.hop)
            put += outcome.handed.count
            done += outcome.done
        }
        if hops.isEmpty { note(recorder.carryOut([.settle(job)])) }
        while !hops.isEmpty {
            let hop = hops.removeFirst()
            asked.append(hop)
            if left.contains(hop.name) {
                note(recorder.carryOut([.leave(job, hop)]))
                continue
            }
            if case .account(let name) = hop, let fault = faults[name] {
                note(recorder.carryOut([.refuse(job, hop, fault)]))
                continue
            }
            let promise = Promise<Assignment?>()
            note(recorder.carryOut([.begin(job, hop, promise)]))
            guard let assignment = promise.wait() else { continue }
            var report = Recorder.Report(job: job, hop: hop)
            switch hop {
            case .mailbox(let name):
                let verdict = LocalDelivery(to: name, hub: hub).carryOut(assignment)
                report.results = [HopResult(assignment.recipients, verdict)]
            case .target(let text):
                let verdict = TargetDelivery(to: text, hub: hub).carryOut(assignment)
                report.results = [HopResult(assignment.recipients, verdict)]
            case .expansion: report.answers = assignment.answers(by: hub.expander)
            case .program(let route):
                report.results = [ProgramDelivery(by: route, hub: hub).carryOut(assignment)]
            case .domain: preconditionFailure("no server here takes mail for domains")
            case .account(let name):
                switch try answer(Part(account: name, assignment: assignment)) {
                case .results(let results, let fault): (report.results, report.fault) = (results, fault)
                case .left: break
                case .all(let verdict): report.results = [HopResult(assignment.recipients, verdict)]
                }
                let said = Set(report.results.flatMap(\.recipients))
                report.released = assignment.recipients.filter { !said.contains($0) }
            }
            note(recorder.carryOut([.record(report, Promise())]))
        }
        #expect(done == put, "the run would never end, or too early: \(done) of \(put)")
        #expect(job.attempt == nil)
        return asked
    }
}

extension Play.Answer {
    static func sent(_ recipients: [Int]) -> Play.Answer {
        .results([HopResult(recipients, .delivered(.passedOn, from: "mx", text: "250 ok"))])
    }
}
