// One account of `mhfetch --idle`: fetched from when there is news of it, and when its turn has come.

import AccountSessions
import Blocking
import FetchCalendar
import FetchLedger
import Glibc
import IMAPProtocol
import Reporting
import RunControl

/// The watch over one account. Used by one thread.
///
/// The account's lock is held while there is something to do, and not while news is waited for, so that a run by hand goes
/// beside it. What another run has done is read anew each time.
final class AccountWatch {
    /// How often an account has its turn whose lines do not say so, in seconds: there are servers that forget to tell
    /// news, and other folders than the one that is watched.
    static let standardPace = 600
    /// How long reconnects are spread over, in seconds: what ended one connection has often ended all.
    static let spread = 30
    /// The longest pause after a failure, in seconds.
    static let longestPause = 900
    /// The longest time between two looks at the clock on the wall, which somebody may set.
    private static let longestWait = Duration.seconds(600)
    /// How long a server has to answer the end of an IDLE.
    private static let patience = Duration.seconds(20)
    /// How long a session must have stood for a failure to be the first one.
    private static let steadyTime = Duration.seconds(30)
    /// How long one waits that finds a server full, in milliseconds; then for a seat.
    private static let crowdPause = 500..<3000
    /// The longest time that a server is not heard which calls for nothing.
    private static let longestCallPause = Duration.seconds(10)
    /// How often is looked whether another run has given the account's lock back, or mail was sent through it, in seconds.
    private static let busyPace = 2
    private static let sendingPace = 30

    /// What is done in one round.
    private enum Round { case whole, folder, spool }

    private let account: AccountSettings
    private let watch: Watch
    private let alarm: Alarm
    private let seats: HostSeats
    private let plan: FetchPlan
    /// `nil` for POP3.
    private let standing: StandingSession?
    /// Where news is waited for; `nil` for an account that has its turns only.
    private let folder: String?
    /// What was done for all folders; `nil` for nothing yet.
    private var past: FetchPlan.Past?
    private var spoolTime: Int?
    private var selection: IMAPSelection?
    private var hasSeat = false
    /// Whether another account has asked for the seat.
    private var isSeatAsked = false
    private var failures = 0
    /// Whether a person who reads along has been told that this session waits for news.
    private var isWaiting = false
    /// Rounds in a row to which the server has called us for nothing.
    private var vainCalls = 0

    private var now: Int { time(nil) }

    init(of account: AccountSettings, in watch: Watch, alarm: Alarm, seats: HostSeats) {
        (self.account, self.watch, self.alarm, self.seats) = (account, watch, alarm, seats)
        var plan = account.plan
        plan.isAskedByTimer = false
        let isByClock = account.isOnlyWhenSending || !plan.times.isEmpty && plan.every == nil
        if plan.every == nil, !isByClock { plan.every = .seconds(Self.standardPace) }
        self.plan = plan
        folder = isByClock ? nil : account.idleFolder
        let (log, name) = (watch.hub.log, account.name)
        standing =
            account.fetch?.service.isIMAP == true
            ? StandingSession(of: account, over: watch.paths, by: watch.dials) {
                log.write(.error, "fetch", [("account", name), ("error", sentence($0))])
            } : nil
    }

    /// Works until the order to stop.
    func work() {
        var round: Round? = .whole
        while let next = round {
            guard hasSeat || seats.take() else { break }
            hasSeat = true
            round = afterwards(carryOut(next), next)
        }
        leave(isBroken: true)
    }

    // MARK: A round

    private enum RoundEnd {
        /// Another run is at it.
        case busy
        case done(delivered: Int)
        case failed
        /// The server has too many connections, of which some are ours.
        case crowded
    }

    private func carryOut(_ round: Round) -> RoundEnd {
        let runs = watch.runs()
        do {
            guard let ledger = try AccountLedger.open(account.name, in: watch.hub.settings.stateDirectory) else {
                return .busy
            }
            var isCrowded = false
            let means = RunMeans(
                pool: watch.pool, dials: watch.dials, standing: standing,
                excuses: { [self] error, hasCome in
                    isCrowded = !hasCome && Self.mayBeCrowd(error) && seats.noteRefusal()
                    if isCrowded { note("connection refused", error) }
                    return isCrowded
                }, folder: round == .folder ? folder : nil)
            if round == .spool {
                spoolTime = try runs.handOverOnly(account, by: ledger, means).next
                // What was fetched is handed on: a run that ends well says so.
                if spoolTime == nil { past = nil }
                return .done(delivered: 0)
            }
            // In a pause nobody is asked.
            if standing?.session == nil, let server = account.fetchServer {
                do { _ = try AccountLogin(of: account, at: server, recordedBy: watch.paths.logins) } catch {
                    spoolTime = try runs.handOverOnly(account, by: ledger, means).next
                    throw error
                }
            }
            let end = try runs.carryOut(account, by: ledger, means)
            watch.print(end.outcome.text)
            spoolTime = end.spoolTime
            guard end.failure == nil else { return isCrowded ? .crowded : .failed }
            if end.outcome.status == .ok { watch.noteWell(account) }
            selection = folder.flatMap { end.selections[$0] }
            if round == .whole { past = end.past }
            return .done(delivered: end.delivered)
        } catch {
            _ = runs.tell(error, of: account)
            return .failed
        }
    }

    /// Waits for the next round.
    /// - Returns: `nil` when the order to stop has come.
    private func afterwards(_ end: RoundEnd, _ round: Round) -> Round? {
        switch end {
        case .busy: return pause(.seconds(Self.busyPace)) ? round : nil
        case .crowded:
            leave(isBroken: true)
            return pause(.milliseconds(Int.random(in: Self.crowdPause))) ? round : nil
        case .failed:
            leave(isBroken: true)
            return pauseAfterFailure()
        case .done(let delivered):
            if standing?.session == nil { failures = 0 }
            if delivered > 0 { vainCalls = 0 }
            return rest()
        }
    }

    /// Whether a server that has too many connections may have said so by `error`.
    private static func mayBeCrowd(_ error: any Error) -> Bool {
        switch error as? AccountError {
        case .loginRefused(_, _, _, let refusal): refusal.isTemporary
        case .farewell, .transport(.closed), .transport(.connectionLost): true
        default: false
        }
    }

    /// Notes what ended a connection and is mended here.
    private func note(_ what: String, _ error: any Error) {
        watch.hub.log.write(.info, what, [("account", account.name), ("error", sentence(error))])
        watch.tell("\(account.name): \(what): \(sentence(error))")
    }

    // MARK: Between the rounds

    /// Waits for news, or for the account's turn.
    private func rest() -> Round? {
        while !StopSignal.hasCome {
            if let due = dueRound() { return due }
            guard let session = standing?.session, let folder, session.has("IDLE"), !isSeatAsked,
                seats.beginIdle(alarm)
            else {
                leave(isBroken: false)
                guard waitForTurn() else { return nil }
                continue
            }
            let end: IMAPSession.IdleEnd
            do {
                defer { isSeatAsked = !seats.endIdle(alarm) }
                end = try waitForNews(in: folder, session)
            } catch {
                guard !StopSignal.hasCome else { return nil }
                note("session ended", error)
                if let since = standing?.since, since.elapsed > Self.steadyTime { failures = 0 }
                leave(isBroken: true)
                return pauseAfterFailure()
            }
            // Whoever rang wanted the seat, or that the connection be tried, which has been done.
            _ = alarm.takeRing()
            switch end {
            case .news: return pauseAfterVainCall() ? .folder : nil
            case .alarm: continue
            case .refused: leave(isBroken: false)
            }
        }
        return nil
    }

    private func waitForNews(in folder: String, _ session: IMAPSession) throws -> IMAPSession.IdleEnd {
        session.exchange.wire.sessionLimit = Deadline(after: AccountRun.sessionLimit)
        let selected: IMAPSelection
        // The run has told of a folder that is not to be had.
        do throws(AccountError) { selected = try session.select(folder) } catch .refused { return .refused }
        // Between the round and this moment the server had nobody to tell.
        if let selection, selection.isOlder(than: selected) {
            self.selection = selected
            return .news
        }
        var messages = selected.messages
        selection = nil
        alarm.set(Deadline(after: min(timeToTurn(), IMAPSession.idleLimit)))
        if !isWaiting { watch.tell("\(account.name): waits for news in \(folder)") }
        isWaiting = true
        return try session.idle(messages: &messages, until: alarm, patience: Self.patience)
    }

    /// What has to be done now.
    private func dueRound() -> Round? {
        let now = now
        if wholeTime(now) <= now { return .whole }
        return spoolTime.map { $0 <= now } == true ? .spool : nil
    }

    /// When all folders have their turn, in seconds since 1970.
    private func wholeTime(_ now: Int) -> Int {
        guard let past else { return 0 }
        if account.isOnlyWhenSending, watch.runs().waitsForSending(account) { return now + Self.sendingPace }
        return plan.next(after: past, now: now, on: .machine)
    }

    private func timeToTurn() -> Duration {
        let now = now
        let next = min(wholeTime(now), spoolTime ?? .max)
        return min(.seconds(max(0, next - now)), Self.longestWait)
    }

    private func waitForTurn() -> Bool {
        let isOn = pause(timeToTurn())
        // Whatever it was, the clock says what is to be done.
        _ = alarm.takeRing()
        return isOn
    }

    /// A server that calls for nothing again and again is heard less and less.
    private func pauseAfterVainCall() -> Bool {
        defer { vainCalls += 1 }
        guard vainCalls > 0 else { return true }
        return pause(min(Self.longestCallPause, .milliseconds(100 << min(vainCalls, 10))))
    }

    private func pauseAfterFailure() -> Round? {
        failures += 1
        var isLonger = true
        while isLonger {
            let longer = failures > 1 ? min(Self.longestPause, Self.spread << min(failures - 2, 10)) : 0
            guard pause(.milliseconds(Int.random(in: 0..<Self.spread * 1000) + longer * 1000)) else { return nil }
            // The machine has slept: what failed before may do now, in a while.
            isLonger = alarm.takeRing()
            if isLonger { failures = min(failures, 1) }
        }
        return dueRound() ?? (folder == nil ? .whole : .folder)
    }

    /// - Returns: `false` when the order to stop has come.
    private func pause(_ time: Duration) -> Bool {
        alarm.set(Deadline(after: time))
        return alarm.wait()
    }

    /// Ends the session, and gives the seat to others.
    private func leave(isBroken: Bool) {
        standing?.close(isBroken: isBroken)
        isWaiting = false
        guard hasSeat else { return }
        seats.give(isAsked: isSeatAsked)
        (hasSeat, isSeatAsked) = (false, false)
    }
}

extension IMAPSelection {
    /// Whether mail has come into the folder between this look and `other`.
    fileprivate func isOlder(than other: IMAPSelection) -> Bool {
        guard let next = uidNext, let otherNext = other.uidNext else { return other.messages > messages }
        return next != otherNext || uidValidity != other.uidValidity
    }
}
