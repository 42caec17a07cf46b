// The way of fetched mail to one place.

import AccountSessions
import Blocking
import Delivery
import DurableFiles
import FetchSpool
import Glibc
import MailEnvelope
import MailFormat
import MaildirStore
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// Offers messages to one place, one after the other, and records what it says. Used by one thread.
final class HandOverLane {
    /// How long a program may take.
    static let programLimit = Duration.seconds(300)
    /// Attempts that a run died with, in a row, after which a message is kept from a place. Before they are made the machine
    /// may be started anew a few times, and more: see ``nextAttempt(after:)``.
    static let deathLimit = 5
    /// How long a place that is at fault is left alone, in seconds: it is often one of this machine.
    static let placeDelays = (first: 60, longest: 15 * 60)

    /// Among the places of the account.
    private let number: Int
    private let place: DeliveryPlace
    private let handOver: HandOver
    private let policy = RetryPolicy()
    private let maildirs: OpenMaildirs
    /// What holds a connection to the place.
    private var server: ServerAgent?
    private var appender: AppendAgent?

    /// Whether the place has taken the message that it is offered, for one target at least.
    private var hasTaken = false

    private var hub: HubSettings { handOver.hub.settings }
    private var account: AccountSettings { handOver.account }
    private var spool: FetchSpool { handOver.spool }
    private var name: String { "\(place)" }
    private var now: Int { time(nil) }

    /// - Parameter number: of the place, in the order of the rc.
    init(to number: Int, of handOver: HandOver) {
        (self.number, self.handOver) = (number, handOver)
        place = handOver.account.destinations[number]
        let (log, account) = (handOver.hub.log, handOver.account.name)
        maildirs = OpenMaildirs { log.write(.warning, "sweep", [("account", account), ("error", sentence($0))]) }
    }

    /// Works until there is nothing more for the place.
    func work() {
        while let item = handOver.next(for: number) {
            var done: [HandOverTarget] = []
            hasTaken = false
            do {
                if isLeftAlone { handOver.leave(number) } else { done = try offer(item) }
            } catch {
                handOver.fail(error)
            }
            handOver.finish(item, at: number, done: done, isTaken: hasTaken)
        }
        server?.close()
        appender?.close()
    }

    /// Before when a message is not offered again, in seconds since 1970. Once two runs in a row have died with it there is a
    /// pause before each other one, so that who kills a few in a row does not make it look dangerous.
    static func nextAttempt(after progress: SpoolState.Progress) -> Int {
        guard progress.deaths > 1 else { return progress.next }
        return max(progress.next, progress.begun + placeDelays.first << min(progress.deaths - 2, 10))
    }

    /// Whether the place is at fault, and not to be asked yet.
    private var isLeftAlone: Bool {
        guard !handOver.isForced, let fault = spool.fault(of: name) else { return false }
        let limit = Self.placeDelays.longest * 2
        guard !ClockSanity.hasCome(fault.next, now: now, longestWait: limit) else { return false }
        handOver.note("\(name): \(fault.words)", at: number)
        return true
    }

    /// - Returns: the targets that have the message now, as is recorded durably.
    /// - Throws: why nothing can be recorded.
    private func offer(_ item: HandOver.Item) throws -> [HandOverTarget] {
        let unique = item.message.unique
        var due: [HandOverTarget] = []
        var done: [HandOverTarget] = []
        for target in item.targets where target.place == place {
            let progress = spool.progress(of: unique, at: target.name)
            let words =
                progress.deaths > 1 ? "the last \(progress.deaths) runs died while handing it on" : progress.words
            if progress.deaths >= Self.deathLimit {
                if try refuse(item, target, words) {
                    try spool.finish(unique, at: [target.name])
                    done.append(target)
                }
            } else if handOver.isForced || policy.isDue(Self.nextAttempt(after: progress), now: now) {
                due.append(target)
            } else {
                handOver.note("\(target.name): \(words)", at: number)
            }
        }
        // Fields of its own for each copy, or a program for each: each goes by itself, and is recorded by itself.
        let groups = account.addsDeliveredTo || isProgram ? due.map { [$0] } : due.isEmpty ? [] : [due]
        for group in groups {
            let verdicts = try attempt(item, group)
            let (taken, isDown) = try record(verdicts, of: item, at: group)
            done += taken
            guard !isDown else {
                handOver.leave(number)
                break
            }
        }
        return done
    }

    private var isProgram: Bool { if case .program = place { true } else { false } }

    // MARK: An attempt

    /// - Throws: why nothing can be recorded.
    private func attempt(_ item: HandOver.Item, _ targets: [HandOverTarget]) throws -> [Verdict] {
        let unique = item.message.unique
        let earlier = spool.progress(of: unique, at: targets[0].name)
        // An mbox notes its length with it.
        if case .mbox = place {} else { for target in targets { try spool.begin(unique, at: target.name, now: now) } }
        let prepared: Prepared
        let arrival: Int
        do {
            let file = try item.message.open()
            arrival = try file.status().modified
            prepared = try prepare(file, item, targets)
        } catch {
            let verdict = DeliveryError(error).verdict
            return targets.map { _ in verdict }
        }
        if let verdict = prepared.verdict { return targets.map { _ in verdict } }
        var failure: (any Error)?
        do {
            let verdicts = try deliver(prepared, item, targets, arrival, earlier) { failure = $0 }
            if let failure { throw failure }
            return verdicts
        } catch {
            if let failure { throw failure }
            let verdict = DeliveryError(error).verdict
            return targets.map { _ in verdict }
        }
    }

    /// - Parameter fail: is told why nothing can be recorded.
    private func deliver(
        _ prepared: Prepared, _ item: HandOver.Item, _ targets: [HandOverTarget], _ arrival: Int,
        _ earlier: SpoolState.Progress, failing fail: @escaping (any Error) -> Void
    ) throws -> [Verdict] {
        let unique = item.message.unique
        switch place {
        case .maildir:
            return try targets.map { target in
                let agent = try maildirAgent(
                    item, to: target.addressee.mailbox, folder: item.message.folder, arrival, mayBeThere: item.isOld)
                return handOver.making { agent.deliver(prepared)[0] }
            }
        case .mbox(let path):
            return MboxAgent(to: path, at: arrival, to: .relayed, earlier: earlier.length) { [spool, now] length in
                do { try spool.begin(unique, at: targets[0].name, now: now, length: length) } catch {
                    fail(error)
                    throw error
                }
            }.deliver(prepared)
        case .program(let argv):
            return ProgramAgent(
                argv, as: MboxForm(hasFromLine: account.hasFromLine, isQuoted: account.quotesFromLines), at: arrival,
                within: Self.programLimit, to: .relayed, in: try Directory(path: hub.stateDirectory)
            ) { address in targets.first { $0.addressee.address == address }?.addressee.mailbox ?? "" }
            .deliver(prepared)
        case .server(let address): return serverAgent(address).deliver(prepared)
        case .append(let upstream, let folder):
            let agent = try appendAgent(upstream)
            agent.path = folder.map { [$0] } ?? item.message.folder?.parts ?? []
            (agent.flags, agent.arrival) = (item.message.flags.namesInIMAP, arrival)
            return agent.deliver(prepared)
        }
    }

    private func prepare(_ file: File, _ item: HandOver.Item, _ targets: [HandOverTarget]) throws -> Prepared {
        var envelope = item.envelope
        envelope.recipients = targets.map { Envelope.Recipient($0.addressee.address) }
        let top = account.addsDeliveredTo ? Array("Delivered-To: \(targets[0].addressee.address)\n".utf8) : []
        let message = Message(envelope, try MaildirContent(file, isWireForm: false))
        switch place {
        case .maildir, .mbox, .program: return Prepared(message, top: top)
        case .server, .append:
            let directory = try Directory(path: hub.stateDirectory)
            return Plan.at(.departing(to: .account(account.name))).run(on: message, top: top) {
                Scratch(in: directory)
            }
        }
    }

    private func maildirAgent(
        _ item: HandOver.Item, to mailbox: String, folder: FolderName?, _ arrival: Int, mayBeThere: Bool
    ) throws -> MaildirAgent {
        guard let settings = hub.mailbox(mailbox) else {
            throw DeliveryError.other(words: "the rc has no mailbox \(mailbox)", exitStatus: .configuration)
        }
        var agent = MaildirAgent(
            to: Destination(maildir: settings.maildir, folder: folder), as: try .same(as: item.message),
            place: try CopyPlace(mailbox: mailbox), earlier: mayBeThere ? .named : nil, in: maildirs)
        (agent.flags, agent.arrival) = (item.message.flags, arrival)
        return agent
    }

    private func serverAgent(_ address: MailServer) -> ServerAgent {
        if let server { return server }
        let (settings, server) = address.session(for: account, trusting: hub.tlsTrustFile)
        let made = ServerAgent(to: server, of: settings, over: handOver.paths, hostname: hub.hostname, isFetched: true)
        self.server = made
        return made
    }

    private func appendAgent(_ upstream: String) throws -> AppendAgent {
        if let appender { return appender }
        guard let settings = hub.account(upstream) else {
            throw DeliveryError.other(words: "the rc has no account \(upstream)", exitStatus: .configuration)
        }
        let made = AppendAgent(to: settings, over: handOver.paths)
        appender = made
        return made
    }

    // MARK: What it comes to

    /// - Returns: the targets that need the message no more, and whether the place takes nothing now.
    private func record(
        _ verdicts: [Verdict], of item: HandOver.Item, at targets: [HandOverTarget]
    ) throws -> (done: [HandOverTarget], isDown: Bool) {
        let unique = item.message.unique
        let results = zip(targets, verdicts)
        var done = results.filter { if case .delivered = $1.kind { true } else { false } }.map(\.0)
        if !done.isEmpty { hasTaken = true }
        for (target, verdict) in results {
            log(verdict, of: item, at: target)
            switch verdict.kind {
            case .delivered, .faultOfHop: break
            // Who wrote it, nobody here can ask: a sender that is refused is refused for good.
            case .permanent, .heldByRule: if try refuse(item, target, verdict.description) { done.append(target) }
            // A stop signal says nothing about a place, nor about a message.
            case .temporary where StopSignal.hasCome: try spool.giveBack(unique, at: [target.name])
            case .temporary: if try postpone(item, target, verdict) { done.append(target) }
            }
        }
        if !done.isEmpty {
            try spool.finish(unique, at: done.map(\.name))
            try spool.mend(name)
        }
        guard let fault = verdicts.first(where: { $0.kind == .faultOfHop }) else { return (done, false) }
        for (target, verdict) in results where verdict.kind == .faultOfHop {
            // Said in a session that stood: this message may be why, and the next run begins with another.
            if verdict.remote != nil, !StopSignal.hasCome {
                _ = try postpone(item, target, verdict)
            } else {
                try spool.giveBack(unique, at: [target.name])
            }
        }
        guard !StopSignal.hasCome else { return (done, true) }
        let tries = spool.fault(of: name)?.tries ?? 0
        let delay = min(Self.placeDelays.longest, Self.placeDelays.first << min(tries, 10))
        try spool.fail(name, now: now, until: now + delay, fault.description)
        handOver.note("\(name): \(fault.description)", at: number)
        return (done, true)
    }

    /// Lets a target wait, unless it has been waited for long enough.
    /// - Returns: whether the message went to the fall-back mailbox instead.
    private func postpone(_ item: HandOver.Item, _ target: HandOverTarget, _ verdict: Verdict) throws -> Bool {
        let progress = spool.progress(of: item.message.unique, at: target.name)
        let age = progress.tries > 0 && ClockSanity.trusts(progress.since) ? now - progress.since : nil
        if place != .maildir, policy.isExpired(age: age, tries: progress.tries + 1),
            try refuse(item, target, verdict.givenUp(afterTries: progress.tries + 1).description)
        {
            return true
        }
        let next = now + policy.delay(afterTries: progress.tries + 1)
        try spool.postpone(item.message.unique, at: target.name, now: now, until: next, verdict.description)
        handOver.note("\(target.name): \(verdict)", at: number)
        return false
    }

    /// Puts what a place refuses for good into the fall-back mailbox, unless that has it, or gets it, anyway.
    /// - Returns: `false` when that cannot be done now, and the message waits.
    private func refuse(_ item: HandOver.Item, _ target: HandOverTarget, _ words: String) throws -> Bool {
        let mailbox = account.fallback ?? target.addressee.mailbox
        // A Maildir gives nothing up.
        guard target.place != .maildir else {
            try wait(item, target, words)
            return false
        }
        if goesAnyway(item, to: mailbox) {
            guard handOver.awaitCopy(of: item, in: mailbox) else {
                try wait(item, target, words)
                return false
            }
        } else {
            let verdict: Verdict
            do {
                let file = try item.message.open()
                let agent = try maildirAgent(item, to: mailbox, folder: nil, file.status().modified, mayBeThere: true)
                let message = Message(
                    Envelope(reversePath: .null, recipients: [.init(target.addressee.address)]),
                    try MaildirContent(file, isWireForm: false))
                verdict = handOver.making { agent.deliver(Prepared(message))[0] }
            } catch {
                verdict = DeliveryError(error).verdict
            }
            guard case .delivered = verdict.kind else {
                try wait(item, target, "\(words); and the mailbox \(mailbox): \(verdict)")
                return false
            }
        }
        handOver.hub.log.write(
            .warning, "refused",
            [
                ("account", account.name), ("message", item.message.unique), ("place", target.name), ("error", words),
                ("mailbox", mailbox), ("id", item.messageID),
            ])
        writeToStandardError(
            "mhfetch: \(account.name): \(printable(target.name)): refused the message "
                + "\(item.messageID.map { printable($0) } ?? "without an id"), which is in the mailbox \(mailbox): "
                + printable(words))
        return true
    }

    private func wait(_ item: HandOver.Item, _ target: HandOverTarget, _ words: String) throws {
        let next = now + policy.delay(afterTries: 1)
        try spool.postpone(item.message.unique, at: target.name, now: now, until: next, words)
        handOver.note("\(target.name): \(words)", at: number)
    }

    /// Whether the inbox or a folder of `mailbox` is a place of this message.
    private func goesAnyway(_ item: HandOver.Item, to mailbox: String) -> Bool {
        account.destinations.contains(.maildir) && item.mailboxes.contains(mailbox)
    }

    private func log(_ verdict: Verdict, of item: HandOver.Item, at target: HandOverTarget) {
        let isTaken = if case .delivered = verdict.kind { true } else { false }
        guard !isTaken || account.logsMessages else { return }
        handOver.hub.log.write(
            isTaken ? .info : .notice, isTaken ? "delivered" : "not delivered",
            [
                ("account", account.name), ("message", item.message.unique), ("place", target.name),
                ("status", "\(verdict.status)"), ("words", verdict.description),
            ])
    }
}

extension MaildirFlags {
    /// As the protocol names them (RFC 3501 §2.3.2).
    fileprivate var namesInIMAP: [String] {
        let names: [(MaildirFlags, String)] = [
            (.seen, "\\Seen"), (.replied, "\\Answered"), (.flagged, "\\Flagged"), (.draft, "\\Draft"),
        ]
        return names.filter { contains($0.0) }.map(\.1)
    }
}
