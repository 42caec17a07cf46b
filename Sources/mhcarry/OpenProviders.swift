// The connections of a run: one for each account, kept from message to message, each on a thread of its own.

import Blocking
import Reporting
import RunControl
import SMTPProtocol
import SpoolQueue
import Synchronization

/// What came of some recipients at one account.
struct AccountResult {
    let recipients: [Int]
    let outcome: Outcome
    /// Whether it was the account's fault, so that the next one of the route may do better.
    var isRouteFault = false
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
            if StopSignal.hasCome { return try attempt.take(waiting.map(stopped), from: name) }
            guard let provider = provider(for: name, on: line, attempt) else {
                if StopSignal.hasCome { continue }
                return try attempt.take([unavailable(Array(waiting), name, line, attempt)], from: name)
            }
            let part = Array(waiting.prefix(provider.recipientLimit))
            waiting = waiting.dropFirst(part.count)
            let sent = provider.send(attempt.message, to: part)
            if !provider.isUsable { line.provider = nil }
            // In memory first: the results say why they wait.
            let words = fault(in: sent, provider, line)
            var results = zip(part, sent).map { result($1, of: $0, attempt, provider, name, line) }
            if let refused = sent.first(where: { if case .refused(_, .hold) = $0 { true } else { false } }) {
                // Of this sender the account takes nothing: the rest is not asked.
                results += waiting.map { result(refused, of: $0, attempt, provider, name, line) }
                waiting = []
            }
            try attempt.take(results, from: name)
            if let words { noting(attempt) { try routes.fault(words, of: name) } }
            if !line.hasSent, sent.contains(where: { if case .sent = $0 { true } else { false } }) {
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
    private func fault(in sent: [Provider.Result], _ provider: Provider, _ line: Line) -> String? {
        let isBroken = sent.contains { if case .broken = $0 { true } else { false } }
        line.brokenInARow = isBroken ? line.brokenInARow + 1 : 0
        guard line.fault == nil else { return nil }
        var words: String?
        if let reply = provider.goodbye {
            words = "\(provider.host) closed the session: \(printable(reply.description))"
        }
        for case .refused(let reply, .routeFault) in sent where words == nil {
            words = "\(provider.host): \(printable(reply.description))"
        }
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
            recipients: recipients, outcome: .postponed(Reply(status: "4.4.1", text: words), next: next),
            isRouteFault: true, isUnreachable: line.fault?.isUnreachable ?? false)
    }

    private func result(
        _ result: Provider.Result, of index: Int, _ attempt: Attempt, _ provider: Provider, _ name: String, _ line: Line
    ) -> AccountResult {
        func make(_ outcome: Outcome) -> AccountResult { AccountResult(recipients: [index], outcome: outcome) }
        switch result {
        case .sent(let reply):
            return make(.delivered(Reply(reply, from: provider.host, fallback: "2.0.0"), relayed: !provider.hasDSN))
        case .refused(let reply, .temporary):
            return make(attempt.deferral(Reply(reply, from: provider.host, fallback: "4.0.0"), of: index))
        case .refused(let reply, .permanent):
            return make(.failed(Reply(reply, from: provider.host, fallback: "5.0.0")))
        case .refused(let reply, .hold):
            return make(attempt.holding(Reply(reply, from: provider.host, fallback: "5.1.8"), of: index))
        case .refused(_, .routeFault): return unavailable([index], name, line, attempt)
        case .impossible(let obstacle):
            return make(.failed(Reply(obstacle, at: provider.host)))
        case .stopped: return stopped(index)
        case .broken(let words):
            return make(attempt.deferral(Reply(status: "4.4.2", remote: provider.host, text: words), of: index))
        }
    }

    /// The result of a transaction that did not begin, or did not come to its end, as we were told to stop: nobody's try.
    private func stopped(_ index: Int) -> AccountResult {
        AccountResult(
            recipients: [index],
            outcome: .postponed(Reply(status: "4.3.2", text: "the run was told to stop"), next: Clock.seconds()))
    }

    /// The session with the account, opened if need be; `nil` while the account is at fault.
    private func provider(for name: String, on line: Line, _ attempt: Attempt) -> Provider? {
        guard line.fault == nil else { return nil }
        if let provider = line.provider, provider.isReady() { return provider }
        line.provider = nil
        guard let account = hub.settings.account(name), let server = account.send else {
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
            line.provider = try Provider(account: account, server: server, hostname: hub.settings.hostname)
        } catch {
            line.fault = error
            // Told to stop: that says nothing of the account, and the caller asks for it first.
            if !StopSignal.hasCome { noting(attempt) { try routes.fault(error.words, of: name) } }
            return nil
        }
        return line.provider
    }
}
