// The mail of one next hop in this run: what waits for it, and the sessions that carry it.

import AccountSessions
import Blocking
import MailEnvelope
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// One lane of a run. A hop that is slow, or at fault, holds up what goes there and nothing else.
final class Lane: Sendable {
    private struct State {
        /// What waits; the first ``taken`` of it are handed out already.
        var waiting: [Job] = []
        var taken = 0
        /// What sessions were given and had not begun when they ended.
        var returned: [Assignment] = []
        /// Sessions that live or are being started, and how many there may be.
        var sessions = 0
        var limit: Int
        /// Whether a session was established in this run.
        var hasStood = false
        /// Whether the server has replied to any message.
        var hasAnswered = false
        /// Whether the hop is known to work: it accepted a message in this run. Until then one session is enough to
        /// find out.
        var isProved = false
        /// Why the hop is not asked now, and until when.
        var fault: HopFault?
        /// Sessions in a row that broke off before any verdict.
        var brokenInARow = 0
        /// Whether this run carries nothing more there, though nothing is known to be wrong with the hop.
        var isLeft = false
        /// Whether nothing more will come.
        var isOver = false

        var count: Int { returned.count + waiting.count - taken }

        /// Whether one more session is worth starting; if so, it is counted.
        mutating func grows() -> Bool {
            guard fault == nil, !isLeft, !isOver, sessions < limit, count > 0 else { return false }
            guard sessions == 0 || isProved && count > sessions * Lane.worthASession else { return false }
            sessions += 1
            return true
        }

        mutating func next() -> Job? {
            guard fault == nil, !isOver, taken < waiting.count else { return nil }
            defer {
                taken += 1
                if taken == waiting.count {
                    waiting = []
                    taken = 0
                }
            }
            return waiting[taken]
        }

        mutating func add(_ job: Job, isFirst: Bool) {
            guard isFirst else { return waiting.append(job) }
            if taken > 0 {
                taken -= 1
                waiting[taken] = job
            } else {
                waiting.insert(job, at: 0)
            }
        }

        /// Forgets a fault whose time is over: a run that goes on probes the hop as a new one would.
        mutating func forgetOldFault() {
            guard let fault, fault.until <= Clock.seconds() else { return }
            self.fault = nil
            (hasStood, hasAnswered, isProved, brokenInARow) = (false, false, false, 0)
        }

        /// Takes all that waits.
        mutating func drain() -> [Job] {
            defer {
                waiting = []
                taken = 0
            }
            return Array(waiting[taken...])
        }
    }

    /// Messages that must wait for each session before another one is worth starting, which takes as long as some
    /// messages.
    private static let worthASession = 4
    /// A single message may break one session; when this many in a row break, the server is at fault.
    private static let brokenLimit = 3

    let hop: NextHop
    let hub: CarrierHub
    let recorder: Recorder
    /// Sessions at once, over all runs.
    private let limit: Int
    private let health: HopHealth
    /// Where its sessions take a seat; `nil` for a hop with connections of its own.
    private let seats: Seats?
    private let state: Monitor<State>

    /// - Parameter sessions: the most at once, over all runs.
    init(to hop: NextHop, sessions: Int, seats: Seats? = nil, hub: CarrierHub, recorder: Recorder) {
        self.seats = seats
        self.hop = hop
        self.hub = hub
        self.recorder = recorder
        health = HopHealth(hub: hub)
        limit = sessions
        state = Monitor(State(limit: sessions))
    }

    // MARK: What waits

    /// Takes a message in, and starts a session for it where that is worth it.
    func put(_ job: Job) {
        if add(job) { grow() }
    }

    /// - Returns: `false` when nothing goes there now; the recorder is told so.
    private func add(_ job: Job, isFirst: Bool = false) -> Bool {
        let (fault, isLeft) = state.change { state in
            state.forgetOldFault()
            if state.fault == nil, !state.isLeft { state.add(job, isFirst: isFirst) }
            return (state.fault, state.isLeft)
        }
        if let fault {
            recorder.ask(.refuse(job, hop, fault))
        } else if isLeft {
            recorder.ask(.leave(job, hop))
        }
        return fault == nil && !isLeft
    }

    /// The next part to be carried, begun by the recorder; `nil` when nothing waits now.
    func next() -> Assignment? {
        while true {
            if let returned = state.change({ $0.fault == nil ? $0.returned.popLast() : nil }) { return returned }
            guard let promise = ask() else { return nil }
            if let assignment = promise.wait() { return assignment }
        }
    }

    /// Asks for the next part that waits, to be had when it is needed; `nil` when nothing waits now.
    func ask() -> Promise<Assignment?>? {
        guard let job = state.change({ $0.next() }) else { return nil }
        let promise = Promise<Assignment?>()
        recorder.ask(.begin(job, hop, promise))
        return promise
    }

    /// Takes back what a session did not begin; the next one gets it first.
    func give(back assignment: Assignment) {
        let (fault, isKept) = state.change { state in
            let isKept = state.fault == nil && !state.isOver && !state.isLeft
            if isKept { state.returned.append(assignment) }
            return (state.fault, isKept)
        }
        if let fault {
            refuse(assignment, fault)
        } else if !isKept {
            release(assignment)
        }
    }

    /// Waits until there is something to carry.
    /// - Returns: `false` when there will be nothing, or nothing came until `deadline`.
    func awaitWork(until deadline: Deadline) -> Bool {
        state.wait(until: deadline) { state -> Bool? in
            if state.isOver || state.isLeft || state.fault != nil || hub.isEnding { return false }
            return state.count > 0 ? true : nil
        } ?? false
    }

    // MARK: How the hop is

    /// Notes that no session could be had. While other sessions work, this is no fault of the hop: it grants no more
    /// than these.
    func noteFailure(_ fault: HopFault) {
        let isGranted = state.change { state in
            guard state.isProved, state.sessions > 1, state.fault == nil else { return false }
            state.limit = state.sessions - 1
            return true
        }
        if isGranted || isHeldElsewhere {
            hub.log.write(.info, "session refused", [("hop", hop.description), ("error", fault.words)])
            if !isGranted { leave() }
        } else {
            fail(fault)
        }
    }

    /// Whether another run has a session there: that run finds out what is wrong with the hop, if anything is.
    private var isHeldElsewhere: Bool {
        // A stranger's domain has no connections of its own.
        guard !hop.isStranger else { return false }
        do {
            return try hub.hops.connectionsHeld(hop, atMost: limit) > state.read(\.sessions)
        } catch {
            hub.note(error, of: hop)
            return false
        }
    }

    /// Notes verdicts on recipients: any reply of the server shows that the hop works; one that has accepted a message
    /// may have more sessions.
    func note(_ results: [HopResult]) {
        let kinds = results.filter(\.verdict.isSMTP).map(\.verdict.kind)
        let isAnswer = kinds.contains { $0 != .faultOfHop }
        let isTaken = kinds.contains { if case .delivered = $0 { true } else { false } }
        let (isMended, isProved) = state.change { state in
            defer { (state.hasAnswered, state.isProved) = (state.hasAnswered || isAnswer, state.isProved || isTaken) }
            return (isAnswer && !state.hasAnswered, isTaken && !state.isProved)
        }
        if isMended { noting { try health.mend(hop) } }
        if isProved { grow() }
    }

    /// Notes whether a session broke off.
    /// - Returns: what is wrong with the hop by that, if anything is.
    func note(brokenOff isBroken: Bool, by host: String) -> String? {
        let count = state.change { state in
            state.brokenInARow = isBroken ? state.brokenInARow + 1 : 0
            return state.brokenInARow
        }
        return count >= Self.brokenLimit ? "\(host) broke off \(count) sessions in a row" : nil
    }

    /// Why the hop cannot be used now; `nil` when it can.
    var fault: HopFault? { state.read(\.fault) }

    /// Notes that the hop is at fault, and lets its mail wait.
    /// - Parameter isNew: whether it was found out now, and not read from the state of the hop.
    func fail(_ fault: HopFault, isNew: Bool = true) {
        var known = fault
        if isNew, hop.isStranger, known.ofDestination == nil {
            known.ofDestination = .temporary(4, 2, text: known.words)
        }
        // A failure after a stop signal says nothing about the hop.
        if isNew, !StopSignal.hasCome { noting { known.until = try health.note(fault, of: hop) } }
        let final = known
        let (waiting, returned) = state.change { state in
            state.fault = state.fault ?? final
            defer { state.returned = [] }
            return (state.drain(), state.returned)
        }
        for job in waiting { recorder.ask(.refuse(job, hop, final)) }
        for assignment in returned { refuse(assignment, final) }
    }

    /// Whether the hop may be asked now, by its state, which all runs share; if not, its mail waits.
    func mayAsk() -> Bool {
        do {
            guard let refusal = try health.refusal(of: hop) else { return true }
            fail(refusal, isNew: false)
        } catch {
            hub.note(error, of: hop)
            fail(HopFault(sentence(error)), isNew: false)
        }
        return false
    }

    /// Gives the recorder a part that was begun and whose hop is at fault.
    private func refuse(_ assignment: Assignment, _ fault: HopFault) {
        let result = HopResult(assignment.recipients, fault.verdict)
        let report = Recorder.Report(job: assignment.job, hop: hop, results: [result], fault: fault)
        recorder.ask(.record(report, Promise()))
    }

    /// Gives the recorder a part that was begun and is not to be carried now.
    private func release(_ assignment: Assignment) {
        let report = Recorder.Report(job: assignment.job, hop: hop, released: assignment.recipients)
        recorder.ask(.record(report, Promise()))
    }

    /// Does something with the state of the hop; errors are logged but stop nothing.
    private func noting(_ body: () throws -> Void) {
        do { try body() } catch { hub.note(error, of: hop) }
    }

    // MARK: Sessions

    /// Starts as many sessions as are worth starting.
    func grow() {
        while state.change({ $0.grows() }) {
            guard seats?.take(for: self) ?? true else { return state.change { $0.sessions -= 1 } }
            do {
                // The thread is not kept: it frees its stack when it ends, and the sessions are counted.
                _ = try BlockingThread(name: "to \(hop.name)") { [self] in work() }
            } catch {
                hub.note(error, of: hop)
                seats?.give()
                // The remaining sessions carry all of it; without any, nothing is carried in this run.
                let isAlone = state.change { state in
                    state.sessions -= 1
                    state.limit = max(1, state.sessions)
                    return state.sessions == 0
                }
                if isAlone { leave() }
                return
            }
        }
    }

    /// What one session does: it lives as long as there may be something to carry.
    private func work() {
        repeat {
            switch hop {
            case .account, .domain: send()
            case .mailbox(let name):
                let delivery = LocalDelivery(to: name, hub: hub)
                serve { report(delivery.carryOut($0), on: $0) }
            case .target(let text):
                let delivery = TargetDelivery(to: text, hub: hub)
                serve(each: delivery.isForEach) { report(delivery.carryOut($0), on: $0) }
            case .expansion:
                serve { .init(job: $0.job, hop: hop, answers: $0.answers(by: hub.expander)) }
            case .program(let route):
                let delivery = ProgramDelivery(by: route, hub: hub)
                serve(each: true) { .init(job: $0.job, hop: hop, results: [delivery.carryOut($0)]) }
            }
        } while !mayEnd()
        seats?.give()
    }

    /// Whether a session that has run out of work may end; it is not counted any more then.
    private func mayEnd() -> Bool {
        state.change { state in
            let isWanted = state.count > 0 && state.sessions <= state.limit
            guard !isWanted || state.fault != nil || state.isLeft || state.isOver else { return false }
            state.sessions -= 1
            return true
        }
    }

    /// Does something with each part that comes, and waits until what came of it is recorded.
    /// - Parameter isForEach: whether it is done for each recipient by itself: a crash repeats one of them at most.
    private func serve(each isForEach: Bool = false, _ body: (Assignment) -> Recorder.Report) {
        while let assignment = next() {
            var rest = assignment.recipients[...]
            while !rest.isEmpty {
                guard rest.count == assignment.recipients.count || !hub.isEnding else {
                    release(assignment.with(Array(rest)))
                    break
                }
                let count = isForEach ? 1 : rest.count
                var report = body(assignment.with(Array(rest.prefix(count))))
                rest = rest.dropFirst(count)
                report.isEnd = rest.isEmpty
                let promise = Promise<Void>()
                recorder.ask(.record(report, promise))
                promise.wait()
            }
        }
    }

    private func report(_ verdict: Verdict, on assignment: Assignment) -> Recorder.Report {
        .init(job: assignment.job, hop: hop, results: [HopResult(assignment.recipients, verdict)])
    }

    /// How long a session waits for more to carry before it says goodbye.
    private static let idleTime = Duration.seconds(10)
    /// The same for a stranger's, as all domains of a route share its connections.
    private static let idleTimeOfStranger = Duration.milliseconds(500)
    /// How long it waits for a connection that other runs hold.
    private static let slotTime = Duration.seconds(600)
    /// How often it looks whether one was given back, as nothing tells it so.
    private static let slotPace = Duration.milliseconds(100)

    private func send() {
        guard claim(), let slot = slot() else { return }
        defer { slot.release() }
        guard state.read(\.hasStood) || mayAsk() else { return }
        let session: ServerSession
        do throws(HopFault) { session = try hub.session(to: hop) } catch {
            return hub.isEnding ? leave() : noteFailure(error)
        }
        state.change { $0.hasStood = true }
        var carriage = Carriage(over: session, in: self)
        let idleTime = hop.isStranger ? Self.idleTimeOfStranger : Self.idleTime
        repeat { carriage.carry() } while session.isUsable && awaitWork(until: Deadline(after: idleTime))
        carriage.end()
    }

    /// Whether anything waits that no other run has: only for that is a session worth starting.
    private func claim() -> Bool {
        while true {
            if state.read({ !$0.returned.isEmpty || $0.hasStood && $0.count > 0 }) { return true }
            guard let job = state.change({ $0.next() }) else { return false }
            let promise = Promise<Bool>()
            recorder.ask(.claim(job, hop, promise))
            if promise.wait(), add(job, isFirst: true) { return true }
        }
    }

    /// One of the connections that the hop may have; `nil` when others have them all.
    private func slot() -> HopConnection? {
        let deadline = Deadline(after: Self.slotTime)
        while !hub.isEnding {
            do {
                if let slot = try hub.hops.connection(hop, atMost: hub.connections(to: hop)) { return slot }
            } catch {
                hub.note(error, of: hop)
                fail(HopFault(sentence(error)), isNew: false)
                return nil
            }
            // The sessions that stand carry all of it meanwhile.
            if state.change({ state in
                guard state.sessions > 1 else { return false }
                state.limit = state.sessions - 1
                return true
            }) {
                return nil
            }
            guard !deadline.hasPassed, awaitNothing(until: Deadline(after: Self.slotPace)) else { break }
        }
        leave()
        return nil
    }

    /// Waits.
    /// - Returns: `false` when there is nothing to wait for any more.
    private func awaitNothing(until deadline: Deadline) -> Bool {
        state.wait(until: deadline) { $0.isOver || $0.isLeft || $0.fault != nil ? false : nil } ?? true
    }

    /// Leaves what waits as it is: another run has the hop, or this one is to stop.
    private func leave() {
        let (waiting, returned) = state.change { state in
            state.isLeft = true
            defer { state.returned = [] }
            return (state.drain(), state.returned)
        }
        for job in waiting { recorder.ask(.leave(job, hop)) }
        for assignment in returned { release(assignment) }
    }

    // MARK: The end

    /// Lets the sessions end after what they have under way.
    func close() {
        state.change { $0.isOver = true }
        leave()
    }

    /// Waits for the sessions.
    func join() { state.wait { $0.sessions == 0 ? () : nil } }
}
