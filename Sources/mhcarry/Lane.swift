// The connections of a run: one for each account, kept from message to message, each on a thread of its own.

import Blocking
import MailEnvelope
import Reporting
import RunControl
import SMTPProtocol
import SpoolQueue
import Synchronization

/// What came of some recipients at one account.
struct AccountResult {
    let recipients: [Int]
    let verdict: Verdict
    /// When an account at fault may be asked again, in seconds since 1970.
    var notBefore = 0
    /// Whether the next account of the route may do better.
    var mayGoElsewhere = false
    /// Whether there was no connection at all.
    var isUnreachable = false
}

/// Opens, keeps and closes the sessions with providers.
final class OpenProviders: Sendable {
    /// A session, and the account's state of mind. Used by one thread at a time: the account's.
    private final class Line: @unchecked Sendable {
        var provider: Provider?
        /// Why it is not asked again in this run.
        var fault: RouteFault?
        /// Whether the account is known to work: it took a message in this run.
        var hasSent = false
        /// Sessions in a row that broke off before any verdict.
        var brokenInARow = 0
    }

    /// A message may break one session; when so many in a row break, it is the server.
    private static let brokenLimit = 3

    private let hub: CarrierHub
    private let routes: RouteHealth
    private let lines = Mutex<[String: Line]>([:])

    init(hub: CarrierHub) {
        self.hub = hub
        routes = RouteHealth(hub: hub)
    }

    /// Carries the attempts of each account on a thread of its own, and waits for all.
    func carry(_ byAccount: [String: [Attempt]]) {
        let jobs = byAccount.map { account, attempts in
            let line = lines.withLock { lines in
                let line = lines[account] ?? Line()
                lines[account] = line
                return line
            }
            return (account, attempts, line)
        }
        var threads: [BlockingThread] = []
        for (account, attempts, line) in jobs.dropFirst() {
            do {
                threads.append(
                    try BlockingThread(name: "to \(account)") { [self] in carry(attempts, by: account, on: line) })
            } catch {
                carry(attempts, by: account, on: line)
            }
        }
        if let (account, attempts, line) = jobs.first { carry(attempts, by: account, on: line) }
        for thread in threads { thread.join() }
    }

    func closeAll() {
        let all = lines.withLock { lines in
            defer { lines = [:] }
            return Array(lines.values)
        }
        for line in all { line.provider?.quit() }
    }

    private func carry(_ attempts: [Attempt], by name: String, on line: Line) {
        for attempt in attempts {
            do {
                try carry(attempt, by: name, on: line)
            } catch {
                hub.note(error, of: attempt.message.id)
                attempt.abandon()
            }
        }
    }

    /// One transaction after another, each written down before the next begins (DECISIONS 6). Only trouble with the
    /// message itself is thrown: that of a route's state is noted, and costs no verdict.
    private func carry(_ attempt: Attempt, by name: String, on line: Line) throws {
        var waiting = attempt.recipients[...]
        while !waiting.isEmpty {
            if StopSignal.hasCome { return try attempt.take([stopped(Array(waiting))], from: name) }
            guard let provider = provider(for: name, on: line, attempt) else {
                if StopSignal.hasCome { continue }
                return try attempt.take([unavailable(Array(waiting), name, line, attempt)], from: name)
            }
            let part = Array(waiting.prefix(provider.recipientLimit))
            waiting = waiting.dropFirst(part.count)
            let prepared = hub.prepare(attempt.message, for: part, to: .server)
            if let verdict = prepared.verdict {
                try attempt.take([result(verdict, of: part, attempt, name, line)], from: name)
                continue
            }
            let sent = provider.send(prepared)
            if !provider.isUsable { line.provider = nil }
            // In memory first: the results say why they wait.
            let words = fault(in: sent, provider, line)
            var results = zip(part, sent.verdicts).map { result($1, of: [$0], attempt, name, line) }
            if let refused = sent.verdicts.first(where: { $0?.kind == .heldByRule }) {
                // Of this sender the account takes nothing: the rest is not asked.
                results.append(result(refused, of: Array(waiting), attempt, name, line))
                waiting = []
            }
            try attempt.take(results, from: name)
            if let words { noting(attempt) { try routes.fault(words, of: name) } }
            if !line.hasSent, sent.verdicts.contains(where: { if case .delivered = $0?.kind { true } else { false } }) {
                line.hasSent = true
                noting(attempt) { try routes.mend(name) }
            }
            if words != nil {
                provider.quit()
                line.provider = nil
            }
        }
    }

    /// What is wrong with the account by these results; `nil`: nothing new.
    private func fault(in sent: Provider.Transaction, _ provider: Provider, _ line: Line) -> String? {
        line.brokenInARow = sent.isBroken ? line.brokenInARow + 1 : 0
        guard line.fault == nil else { return nil }
        var words: String?
        if let reply = provider.goodbye {
            words = "\(provider.host) closed the session: \(printable(reply.description))"
        }
        if words == nil { words = sent.verdicts.first { $0?.kind == .faultOfHop }??.description }
        if words == nil, line.brokenInARow >= Self.brokenLimit {
            words = "\(provider.host) broke off \(line.brokenInARow) sessions in a row"
        }
        line.fault = words.map { RouteFault($0) }
        return words
    }

    /// Does something with the state of a route, whose errors are told but stop nothing.
    private func noting(_ attempt: Attempt, _ body: () throws -> Void) {
        do { try body() } catch { hub.note(error, of: attempt.message.id) }
    }

    /// The result while the account is not to be had: nobody's try, and no bounce.
    private func unavailable(_ recipients: [Int], _ name: String, _ line: Line, _ attempt: Attempt) -> AccountResult {
        var probe = 0
        noting(attempt) { probe = try hub.routes.read(name).nextProbe }
        let words = line.fault?.words ?? "the account \(name) is not to be had now"
        let next = max(probe, Clock.seconds() + RouteHealth.firstDelay)
        return AccountResult(
            recipients: recipients, verdict: .faultOfHop(4, 1, text: words), notBefore: next, mayGoElsewhere: true,
            isUnreachable: line.fault?.isUnreachable ?? false)
    }

    private func result(
        _ verdict: Verdict?, of recipients: [Int], _ attempt: Attempt, _ name: String, _ line: Line
    ) -> AccountResult {
        guard let verdict else { return stopped(recipients) }
        if verdict.kind == .faultOfHop { return unavailable(recipients, name, line, attempt) }
        return AccountResult(recipients: recipients, verdict: verdict)
    }

    /// The result of a transaction that did not begin, or did not come to its end, as we were told to stop: nobody's try.
    private func stopped(_ recipients: [Int]) -> AccountResult {
        AccountResult(
            recipients: recipients, verdict: .faultOfHop(3, 2, text: "the run was told to stop"),
            notBefore: Clock.seconds())
    }

    /// The session with the account, opened if need be; `nil` while the account is at fault.
    private func provider(for name: String, on line: Line, _ attempt: Attempt) -> Provider? {
        guard line.fault == nil else { return nil }
        if let provider = line.provider, provider.isReady() { return provider }
        line.provider = nil
        guard let account = hub.settings.account(name), let server = account.sendServer else {
            line.fault = RouteFault("the rc has no account \(name) that sends; mend the rc")
            return nil
        }
        do {
            if let fault = try routes.refusal(of: name) {
                line.fault = RouteFault(fault)
                return nil
            }
        } catch {
            hub.note(error, of: attempt.message.id)
            line.fault = RouteFault(sentence(error))
            return nil
        }
        do throws(RouteFault) {
            line.provider = try Provider(
                account: account, server: server, over: hub.paths, hostname: hub.settings.hostname)
        } catch {
            line.fault = error
            // Told to stop: that says nothing of the account, and the caller asks for it first.
            if !StopSignal.hasCome { noting(attempt) { try routes.fault(error.words, of: name) } }
            return nil
        }
        return line.provider
    }
}
