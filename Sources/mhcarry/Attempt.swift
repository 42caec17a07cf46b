// One attempt for one message, under its lock: what each next hop is to carry, and what came of it.

import MailEnvelope
import MailFormat
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// The attempt for a locked message. Belongs to one thread: the recorder's.
///
/// It begins when the first next hop has a session ready for the message, and ends when none has a part of it under
/// way. What still waits at other hops gets an attempt of its own later, so that no lane holds up another's results.
final class Attempt {
    let message: LockedMessage
    private unowned let job: Job
    private let hub: CarrierHub
    private var placement: Placement
    /// Whether results since then may lead recipients elsewhere.
    private var isPlacementOld = false
    /// What each hop has under way.
    private var underWay: [NextHop: Set<Int>] = [:]
    /// Why hops cannot be used in this run.
    private var faults: [NextHop: HopFault]

    /// Finishes what a run that died left half done, and places the recipients that are due.
    init(of message: LockedMessage, for job: Job, hub: CarrierHub, faults: [NextHop: HopFault] = [:]) throws(QueueError)
    {
        self.message = message
        self.job = job
        self.hub = hub
        self.faults = faults
        try message.resumeNotices(write: Self.writer(hub, message))
        placement = Placement(of: Self.subject(message, job), hub: hub, avoiding: faults)
    }

    /// Whether there is nothing to be tried: a person holds it, or all is done.
    var isIdle: Bool { message.state.hold != nil || message.state.isComplete }

    /// Whether a hop has a part of it under way.
    var isUnderWay: Bool { !underWay.isEmpty }

    /// The hops that are still to be asked. None while one has recipients under way, which it may settle one by one,
    /// unless the placement is out of date.
    func hopsToAsk() -> [NextHop] {
        guard !isIdle, !message.isRemoved, isPlacementOld || !isUnderWay else { return [] }
        placeAnew()
        return placement.hops.map(\.hop).filter {
            underWay[$0] == nil && faults[$0] == nil && !job.left.contains($0)
        }
    }

    // MARK: What came of recipients

    /// Hands out what goes to `hop`; the attempt begins with the first of these.
    /// - Returns: `nil` when nothing goes there, or no longer.
    func begin(at hop: NextHop) throws(QueueError) -> Assignment? {
        guard !isIdle, underWay[hop] == nil else { return nil }
        let recipients = placement.recipients(for: hop)
        guard !recipients.isEmpty else { return nil }
        try begin()
        underWay[hop] = Set(recipients)
        let routes = placement.routes.filter { underWay[hop]?.contains($0.key) == true }
        let sorted = routes.isEmpty ? recipients : recipients.sorted { (routes[$0] ?? "", $0) < (routes[$1] ?? "", $1) }
        return Assignment(
            job: job, recipients: sorted, routes: routes,
            questions: hop == .expansion ? placement.questions : [:], message: message.message,
            acceptance: message.acceptance, state: message.state, hasDied: message.hasDied)
    }

    /// Marks that it was begun: should the program die in it, the next run knows.
    private func begin() throws(QueueError) {
        guard !message.isInAttempt else { return }
        try addCopies()
        // First the room: without it nothing begins, so nothing looks as if it had died.
        try message.reserve()
        try message.beginAttempt(next: Clock.seconds() + hub.policy.delay(afterTries: message.state.tries + 1))
    }

    /// Adds the recipients that the hub itself wants served.
    private func addCopies() throws(QueueError) {
        guard !message.state.knowsCopies else { return }
        let copies = hub.copies(of: message.acceptance)
        guard !copies.isEmpty else { return }
        try message.recordCopies(copies)
        isPlacementOld = true
    }

    /// The results for recipients that need no hop; the attempt begins if there are such.
    func settle() throws(QueueError) -> [AttemptResult] {
        if !isIdle, isPlacementOld { placeAnew() }
        guard !isIdle else { return [] }
        let postponed = isTold ? placement.postponed : []
        guard !placement.verdicts.isEmpty || !postponed.isEmpty else { return [] }
        try begin()
        let items = postponed.flatMap { results(of: $0.why.verdict, for: [$0.recipient], notBefore: $0.why.until) }
        return concluded(settled(in: placement) + items)
    }

    /// Whether it is recorded why recipients wait that are not tried: a person who asked, and a sender who is to hear that
    /// it is late, are told.
    private var isTold: Bool { hub.isForced || message.isInAttempt || !owedDelay.isEmpty }

    /// The results for recipients that no hop is asked about, or no further one.
    private func settled(in placement: Placement) -> [AttemptResult] {
        placement.verdicts.filter { !job.isTried.contains($0.recipient) }
            .flatMap { results(of: $0.verdict, for: [$0.recipient]) }
    }

    /// Notes that the run does not ask `hop` any more.
    func leave(_ hop: NextHop) {
        job.left.insert(hop)
        isPlacementOld = true
    }

    /// Takes the verdicts of `hop` on some recipients that it had under way.
    /// - Returns: what is to be recorded: nothing of recipients that go to another account of their routes, as this one
    ///   is at fault, or does not take them now.
    func take(_ results: [HopResult], from hop: NextHop, fault: HopFault? = nil) -> [AttemptResult] {
        if let fault {
            faults[hop] = fault
            isPlacementOld = true
        }
        for result in results { end(result.recipients, at: hop) }
        guard hop.leavesHub else {
            return concluded(results.flatMap { self.results(of: $0.verdict, for: $0.recipients) })
        }
        var items: [AttemptResult] = []
        var unsettled: [Int] = []
        for result in results {
            guard result.notBefore == nil, result.verdict.kind == .faultOfHop || result.goesElsewhere else {
                items += self.results(of: result.verdict, for: result.recipients, notBefore: result.notBefore)
                continue
            }
            unsettled += result.recipients
            guard result.goesElsewhere else { continue }
            for index in result.recipients {
                job.passed[index, default: []].append(PassedHop(hop: hop, verdict: result.verdict))
            }
        }
        let elsewhere = Placement(of: Self.subject(message, job), hub: hub, avoiding: faults, among: unsettled)
        let stranded = Set(stranded(in: elsewhere))
        for result in results where result.verdict.kind == .faultOfHop {
            items += leave(result.recipients.filter(stranded.contains), elsewhere, at: hop, because: result.verdict)
        }
        items += settled(in: elsewhere)
        if elsewhere.hops.contains(where: { faults[$0.hop] == nil }) { isPlacementOld = true }
        return concluded(items)
    }

    /// Takes the answers to what was asked about recipients: who gets the message instead of them is on stable storage on
    /// return.
    /// - Returns: what is to be recorded of those about whom nothing could be found out.
    func take(_ answers: [ExpansionAnswer]) throws(QueueError) -> [AttemptResult] {
        var items: [AttemptResult] = []
        var expansions: [(parent: Int, expansion: Expansion)] = []
        for answer in answers {
            end([answer.recipient], at: .expansion)
            switch answer.answer {
            case .nothing: job.answered[answer.recipient, default: []].insert(answer.question)
            case .verdict(let verdict) where verdict.kind == .temporary && isForPostmaster(answer.recipient):
                // What may tell him that his aliases cannot be followed does not wait until they can.
                job.atLastStop.insert(answer.recipient)
            case .verdict(let verdict): items += results(of: verdict, for: [answer.recipient])
            case .into(let expansion): expansions.append((answer.recipient, expansion))
            }
        }
        for (recipient, refusal) in try message.recordExpansions(expansions).sorted(by: { $0.key < $1.key }) {
            items += results(of: refusal.verdict, for: [recipient])
        }
        isPlacementOld = true
        // Those that came instead have results, too.
        if message.isInAttempt { try message.reserve() }
        return concluded(items)
    }

    /// Whether it is a letter of the hub to the postmaster here.
    private func isForPostmaster(_ index: Int) -> Bool {
        guard message.isNotice, hub.postmaster != nil,
            case .address(let address) = message.state.recipients[index].destination
        else { return false }
        return address.localPart.lowercased() == Address.postmaster.localPart
            && hub.locals.resolve(address) != .elsewhere
    }

    /// Takes back recipients that `hop` had under way and has not begun: this run does not try them again.
    func release(_ recipients: [Int], from hop: NextHop) {
        job.isTried.formUnion(recipients)
        end(recipients, at: hop)
    }

    private func end(_ recipients: [Int], at hop: NextHop) {
        underWay[hop]?.subtract(recipients)
        if underWay[hop]?.isEmpty == true { underWay[hop] = nil }
    }

    /// Notes that `hop` is at fault before it had any part of the message.
    /// - Returns: what is to be recorded: nothing where its recipients merely wait.
    func refuse(at hop: NextHop, _ fault: HopFault) throws(QueueError) -> [AttemptResult] {
        faults[hop] = fault
        guard !isIdle else { return [] }
        placeAnew()
        let left = stranded(in: placement)
        let comesBack = fault.isUnreachable && left.contains(where: placement.comesBack.contains)
        let isTold = comesBack || fault.ofDestination != nil || isTold
        guard !placement.verdicts.isEmpty || !left.isEmpty && isTold else { return [] }
        try begin()
        return concluded(
            (isTold ? leave(left, placement, at: hop, because: fault.verdict) : []) + settled(in: placement))
    }

    /// The results for recipients whose hop is at fault and who have no other: a return to the sender, or a try later.
    private func leave(
        _ recipients: [Int], _ placement: Placement, at hop: NextHop, because verdict: Verdict
    ) -> [AttemptResult] {
        let fault = faults[hop]
        return recipients.flatMap { index in
            fault?.isUnreachable == true && placement.comesBack.contains(index)
                ? [AttemptResult(recipients: [index], verdict.ended())]
                : results(of: verdict, for: [index], notBefore: fault?.until)
        }
    }

    /// Recipients whose hop is at fault.
    private func stranded(in placement: Placement) -> [Int] {
        placement.hops.filter { faults[$0.hop] != nil }.flatMap(\.recipients)
    }

    /// What `verdict` means now: when the next try may be, or the end after the lifetime. Mail held by rule is tried
    /// again after the longest delay, by the rc as it is then.
    /// - Parameter notBefore: when a hop at fault may be asked again, in seconds since 1970.
    private func results(of verdict: Verdict, for recipients: [Int], notBefore: Int? = nil) -> [AttemptResult] {
        let now = Clock.seconds()
        guard !verdict.isFinal, verdict.countsAsTry else {
            return [
                AttemptResult(recipients: recipients, verdict, next: notBefore ?? now + hub.policy.delay(afterTries: 1))
            ]
        }
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

    /// Notes that these recipients have results in this run; a notice that cannot be delivered goes to its last stop
    /// first.
    private func concluded(_ items: [AttemptResult]) -> [AttemptResult] {
        var concluded: [AttemptResult] = []
        for item in items {
            var recipients = item.recipients
            if message.isNotice, hub.postmaster != nil, [.permanent, .heldByRule].contains(item.verdict.kind) {
                recipients = recipients.filter { !job.atLastStop.insert($0).inserted }
                isPlacementOld = true
            }
            guard !recipients.isEmpty else { continue }
            job.isTried.formUnion(recipients)
            concluded.append(AttemptResult(recipients: recipients, item.verdict, next: item.next))
        }
        return concluded
    }

    /// Places the recipients that still wait, by what is known now.
    private func placeAnew() {
        isPlacementOld = false
        placement = Placement(of: Self.subject(message, job), hub: hub, avoiding: faults)
    }

    private static func subject(_ message: LockedMessage, _ job: Job) -> Placement.Subject {
        .init(
            envelope: message.envelope, acceptance: message.acceptance, state: message.state, isTried: job.isTried,
            atLastStop: job.atLastStop, passed: job.passed, answered: job.answered, left: job.left)
    }

    // MARK: The end

    /// Queues the notices that are owed, once the results are durable; what there is no room for in this hour stays owed.
    /// That it is late is told when no hop is still to be asked: then it is known why.
    func sendNotices() throws(QueueError) {
        for kind in [NoticeKind.failure, .success, .held] { try sendNotice(kind, about: message.state.owed(kind)) }
        let late = owedDelay
        guard !late.isEmpty, job.waitsAt.isEmpty, job.left.isEmpty, hopsToAsk().isEmpty else { return }
        try sendNotice(.delay, about: late, stage: warnings)
    }

    private func sendNotice(_ kind: NoticeKind, about owed: [Int], stage: Int = 1) throws(QueueError) {
        guard let first = owed.first else { return }
        if kind == .held, message.acceptance.isUnowned(message.envelope) {
            hub.noteHeldUnowned()
            return tellOfHold(first)
        }
        guard hub.mayNotify() else { return }
        let write = Self.writer(hub, message)
        guard try message.sendNotice(kind, about: owed, stage: stage, write: write) != nil, kind == .held else {
            return
        }
        tellOfHold(first)
    }

    /// Tells who waits for this run.
    private func tellOfHold(_ index: Int) {
        let why = message.state.recipients[index].verdict?.description ?? ""
        writeToStandardError(
            "\(CommandName.called(else: "mhcarry")): \(message.id) is held: \(printable(why)); "
                + "see mhqueue why \(message.id)")
    }

    /// Recipients for whom a notice of delay is due. By age alone: mail that waits for a hop at fault has no tries, and
    /// is late all the same; mail for another connection waits as it should.
    private var owedDelay: [Int] {
        guard warnings > 0 else { return [] }
        let awaiting = Set(placement.awaiting)
        return message.state.owed(.delay, stage: warnings).filter { !awaiting.contains($0) }
    }

    /// How many of the ages have passed at which the sender hears that it is late.
    private var warnings: Int {
        hub.policy.warnings(age: hub.age(of: message), tries: max(1, message.state.tries))
    }

    /// Names the file after what is known of the message, and unlocks it.
    func close() throws(QueueError) {
        guard !message.isRemoved else { return }
        placeAnew()
        if let time = untilAHopMayAnswer {
            try message.postpone(untilHopMayAnswer: time)
        } else {
            message.retime()
        }
        message.unlock()
    }

    /// When the first of the hops at fault may be asked again, a route has room, or the first recipient's time comes;
    /// `nil` while a recipient may be tried now.
    private var untilAHopMayAnswer: Int? {
        guard message.state.hold == nil, placement.verdicts.isEmpty else { return nil }
        let hopsAtFault = placement.hops.compactMap { faults[$0.hop] }
        guard hopsAtFault.count == placement.hops.count, !placement.hops.isEmpty || !placement.postponed.isEmpty
        else { return nil }
        let placed = Set(placement.hops.flatMap(\.recipients) + placement.postponed.map(\.recipient))
        let others = message.state.waiting.filter { !placed.contains($0) }.map { message.state.recipients[$0].next }
        return (hopsAtFault.map(\.until) + placement.postponed.map(\.why.until) + others).min()
    }

    private static func writer(
        _ hub: CarrierHub, _ message: LockedMessage
    ) -> (QueueID, NoticeKind, [Int]) throws(QueueError) -> LockedMessage.Notice {
        { (id, kind, recipients) throws(QueueError) in
            try hub.notices.write(
                kind, about: recipients, of: NoticeWriter.Subject(message), id: id, at: .now(), in: hub.queue)
        }
    }
}
