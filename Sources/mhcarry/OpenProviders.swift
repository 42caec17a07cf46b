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
                try attempt.take(try results(of: attempt, by: name, on: line), from: name)
            } catch {
                hub.note(error, of: attempt.message.id)
                attempt.abandon()
            }
        }
    }

    private func results(of attempt: Attempt, by name: String, on line: Line) throws -> [AccountResult] {
        var waiting = attempt.recipients[...]
        var results: [AccountResult] = []
        while !waiting.isEmpty {
            guard let provider = try provider(for: name, on: line) else {
                results.append(try unavailable(Array(waiting), name, line))
                break
            }
            let part = Array(waiting.prefix(provider.recipientLimit))
            waiting = waiting.dropFirst(part.count)
            let sent = provider.send(attempt.message, to: part)
            for (index, result) in zip(part, sent) {
                results.append(try self.result(result, of: index, attempt, provider, name, line))
            }
            let isBroken = sent.contains { if case .broken = $0 { true } else { false } }
            line.brokenInARow = isBroken ? line.brokenInARow + 1 : 0
            if line.brokenInARow >= Self.brokenLimit, line.fault == nil {
                let words = "\(provider.host) broke off \(line.brokenInARow) sessions in a row"
                line.fault = RouteFault(words)
                try routes.fault(words, of: name)
            }
            if line.fault != nil { provider.quit() }
            if !provider.isUsable { line.provider = nil }
        }
        return results
    }

    /// The result while the account is not to be had: nobody's try, and no bounce.
    private func unavailable(_ recipients: [Int], _ name: String, _ line: Line) throws -> AccountResult {
        let state = try hub.routes.read(name)
        let words = line.fault?.words ?? state.fault ?? "the account \(name) is not to be had now"
        let next = max(state.nextProbe, Clock.seconds() + RouteHealth.firstDelay)
        return AccountResult(
            recipients: recipients, outcome: .postponed(Reply(status: "4.4.1", text: words), next: next),
            isRouteFault: true, isUnreachable: line.fault?.isUnreachable ?? false)
    }

    private func result(
        _ result: Provider.Result, of index: Int, _ attempt: Attempt, _ provider: Provider, _ name: String, _ line: Line
    ) throws -> AccountResult {
        func make(_ outcome: Outcome) -> AccountResult { AccountResult(recipients: [index], outcome: outcome) }
        switch result {
        case .sent(let reply):
            return make(.delivered(Reply(reply, from: provider.host, fallback: "2.0.0"), relayed: !provider.hasDSN))
        case .refused(let reply, .temporary):
            return make(attempt.deferral(Reply(reply, from: provider.host, fallback: "4.0.0"), of: index))
        case .refused(let reply, .permanent):
            return make(.failed(Reply(reply, from: provider.host, fallback: "5.0.0")))
        case .refused(let reply, .hold):
            if attempt.message.state.hold == nil {
                try attempt.message.hold(
                    because: "\(provider.host) does not take the sender: \(printable(reply.description))")
            }
            return make(.postponed(Reply(reply, from: provider.host, fallback: "5.1.8"), next: Clock.seconds()))
        case .refused(let reply, .routeFault):
            let words = "\(provider.host): \(printable(reply.description))"
            if line.fault == nil {
                line.fault = RouteFault(words)
                try routes.fault(words, of: name)
            }
            return try unavailable([index], name, line)
        case .impossible(let obstacle):
            return make(.failed(Reply(obstacle, at: provider.host)))
        case .broken(let words):
            return make(attempt.deferral(Reply(status: "4.4.2", remote: provider.host, text: words), of: index))
        }
    }

    /// The session with the account, opened if need be; `nil` while the account is at fault.
    private func provider(for name: String, on line: Line) throws -> Provider? {
        guard line.fault == nil else { return nil }
        if let provider = line.provider, provider.isUsable { return provider }
        line.provider = nil
        guard let account = hub.settings.account(name), let server = account.send else {
            line.fault = RouteFault("the rc has no account \(name) that sends; mend the rc")
            return nil
        }
        if let fault = try routes.refusal(of: name) {
            line.fault = RouteFault(fault)
            return nil
        }
        do throws(RouteFault) {
            line.provider = try Provider(account: account, server: server, hostname: hub.settings.hostname)
        } catch {
            line.fault = error
            try routes.fault(error.words, of: name)
            return nil
        }
        try routes.mend(name)
        return line.provider
    }
}
