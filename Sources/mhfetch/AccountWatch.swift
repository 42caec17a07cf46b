// One account of `mhfetch --idle`: fetched from when there is news of it, and when its turn has come.

import AccountSessions
import Blocking
import DurableFiles
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
    /// How often an account has its turn whose lines do not say so, in seconds.
    static let standardPace = 600
    /// How long reconnects are spread over, in seconds: what ended one connection has often ended all.
    static let spread = 30
    /// The longest pause after a failure, in seconds.
    static let longestPause = 900
    /// The longest time between two looks at the clock on the wall, which somebody may set.
    private static let longestWait = Duration.seconds(600)
    /// How long an account may keep others from its seat while there is more to fetch.
    private static let turnLimit = Duration.seconds(600)
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
    private let seat: Seat
    private let plan: FetchPlan
    /// `nil` for POP3.
    private let standing: StandingSession?
    private let handOver = StandingHandOver()
    /// Held while this process is the one that watches the account.
    private var lock: FileLock?
    /// Whether a person was told that another process does.
    private var isSecond = false
    /// Where news is waited for; `nil` for an account that has its turns only.
    private let folder: String?
    /// What was done for all folders; `nil` for what is not known.
    private var past: FetchPlan.Past?
    /// When all folders were last looked at, by a clock that nobody sets; `nil` for never.
    private var lastWhole: Deadline?
    private var spoolTime: Int?
    /// How the folder stood when it was last looked at.
    private var mark: FolderMark?
    /// Whether the session has ended because others waited for its seat.
    private var isDisplaced = false
    private var failures = 0
    /// Whether a person who reads along has been told that this session waits for news.
    private var isWaiting = false
    /// Rounds in a row to which the server has called us for nothing.
    private var vainCalls = 0

    private var now: Int { time(nil) }

    init(of account: AccountSettings, in watch: Watch, alarm: Alarm, seats: HostSeats) {
        (self.account, self.watch, self.alarm) = (account, watch, alarm)
        seat = Seat(at: seats, by: watch.dials, alarm: alarm)
        plan = account.watchPlan
        // Without a pace it goes by the clock, or by what is sent.
        folder = plan.every == nil || account.isOnlyWhenSending ? nil : account.idleFolder
        let (log, name) = (watch.hub.log, account.name)
        standing =
            account.fetch?.service.isIMAP == true
            ? StandingSession(of: account, over: watch.paths, on: seat) {
                log.write(.error, "fetch", [("account", name), ("error", sentence($0))])
            } : nil
    }

    /// Works until the order to stop.
    func work() {
        var round = firstRound()
        while let next = round {
            // What is spooled goes elsewhere.
            guard next == .spool || seat.take() else { break }
            guard let end = watch.files.withShare({ carryOut(next, with: $0) }) else { break }
            round = afterwards(end, next)
        }
        leave(isBroken: true)
        handOver.end()
    }

    /// What earlier runs have left to do: who has just fetched from the account, as the process that this one follows,
    /// need not do so again.
    private func firstRound() -> Round? {
        do {
            while try !isOurs() {
                guard pause(.seconds(Self.busyPace)) != .stop else { return nil }
            }
            past = try AccountReport.read(account.name, in: watch.hub.settings.stateDirectory).past
            if let due = dueRound() { return due }
            guard folder == nil else { return .folder }
            return try AccountRuns.hasSpool(account, in: watch.hub) ? .spool : rest()
        } catch {
            // The round tells what is wrong with the state.
            return .whole
        }
    }

    /// Whether this process is the one that watches the account, or becomes it.
    private func isOurs() throws(LedgerError) -> Bool {
        guard lock == nil else { return true }
        lock = try AccountLedger.watch(account.name, in: watch.hub.settings.stateDirectory)
        if lock == nil, !isSecond { watch.tell(FetchError.watchedElsewhere, of: account) }
        isSecond = lock == nil
        return lock != nil
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

    private func carryOut(_ round: Round, with files: OpenFileRoom.Share) -> RoundEnd {
        let runs = watch.runs()
        do {
            guard try isOurs() else { return .busy }
            guard let ledger = try AccountLedger.open(account.name, in: watch.hub.settings.stateDirectory) else {
                return .busy
            }
            var isCrowded = false
            let means = RunMeans(
                pool: watch.pool, files: files, othersWait: { [seat] in seat.isWanted }, turnLimit: Self.turnLimit,
                seat: seat, standing: standing, standingHandOver: handOver,
                excuses: { [self] error, hasCome in
                    isCrowded = !hasCome && self.isCrowded(by: error)
                    if isCrowded { note("connection refused", error) }
                    return isCrowded
                }, folder: round == .folder ? folder : nil)
            if round == .spool {
                spoolTime = try runs.handOverOnly(account, by: ledger, means).next
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
            if let folder, let found = end.marks[folder] { mark = found }
            if round == .whole { (past, lastWhole) = (end.past, .now) }
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
        case .busy:
            if standing?.session == nil { seat.give() }
            return pause(.seconds(Self.busyPace)) == .stop ? nil : round
        case .crowded:
            leave(isBroken: true)
            return pause(.milliseconds(Int.random(in: Self.crowdPause))) == .stop ? nil : round
        case .failed: return endBroken()
        case .done(let delivered):
            // One that waits for news has still to show that it stands.
            if idleSession == nil { failures = 0 }
            if round != .spool { isDisplaced = false }
            if delivered > 0 { vainCalls = 0 }
            return rest()
        }
    }

    /// Whether a server that has too many connections may be behind `error`, with which it has not let us in.
    private func isCrowded(by error: any Error) -> Bool {
        switch error as? AccountError {
        case .loginRefused(_, _, _, let refusal): refusal.isTemporary && seat.noteRefusal()
        case .farewell: seat.noteRefusal()
        case .transport(.closed), .transport(.connectionLost): seat.noteRefusal(isTold: false)
        default: false
        }
    }

    /// Notes what ended a connection and is mended here.
    private func note(_ what: String, _ error: (any Error)? = nil) {
        let words = error.map(sentence)
        watch.hub.log.write(.info, what, [("account", account.name), ("error", words)])
        watch.tell("\(account.name): \(what)" + (words.map { ": \($0)" } ?? ""))
    }

    // MARK: Between the rounds

    /// The session that news can be waited for in.
    private var idleSession: (session: IMAPSession, folder: String)? {
        guard let session = standing?.session, let folder, session.has("IDLE") else { return nil }
        return (session, folder)
    }

    /// Waits for news, or for the account's turn.
    private func rest() -> Round? {
        while !StopSignal.hasCome {
            if let due = dueRound() { return due }
            guard let (session, folder) = idleSession else {
                leave(isBroken: false)
                switch waitForTurn() {
                case nil: return nil
                case true?: return .folder
                case false?: continue
                }
            }
            let end: IMAPSession.IdleEnd?
            do { end = try seat.idle { try waitForNews(in: folder, session) } } catch {
                guard !StopSignal.hasCome else { return nil }
                note("session ended", error)
                return endBroken()
            }
            // Whoever rang wanted the seat, or that the connection be tried, which has been done.
            _ = alarm.takeRing()
            switch end {
            case .news: return pauseAfterVainCall()
            case .alarm: continue
            case .refused:
                note("news cannot be waited for")
                return endBroken(isBroken: false)
            case nil:
                leave(isBroken: false)
                (isDisplaced, failures) = (true, 0)
            }
        }
        return nil
    }

    private func waitForNews(in folder: String, _ session: IMAPSession) throws -> IMAPSession.IdleEnd {
        session.exchange.wire.sessionLimit = Deadline(after: AccountRun.sessionLimit)
        let selected: IMAPSelection
        // Where the folder is not to be had the run has told of it, or does so.
        do throws(AccountError) { selected = try session.select(folder) } catch {
            guard case .refused = error else { throw error }
            _ = watch.runs().tell(error, of: account)
            return .refused
        }
        // Since the folder was last looked at the server had nobody to tell, for a moment or for longer.
        let found = try session.mark(of: selected)
        guard let found, mark == nil || mark == found else {
            mark = found
            return .news
        }
        mark = found
        var messages = selected.messages
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
        if past.lastRun > now, let lastWhole {
            // The clock was set back, or was never set: the turns go by another one.
            let pace = Int((plan.every ?? .seconds(Self.standardPace)).components.seconds)
            return now + max(0, pace - Int(lastWhole.elapsed.components.seconds))
        }
        let next = plan.next(after: past, now: now, on: .machine)
        if next > 0, account.isOnlyWhenSending, watch.runs().waitsForSending(account) { return now + Self.sendingPace }
        return next
    }

    private func timeToTurn() -> Duration {
        let now = now
        let next = min(wholeTime(now), spoolTime ?? .max)
        return min(.seconds(max(0, next - now)), Self.longestWait)
    }

    /// Waits without a session.
    /// - Returns: whether there is a seat again for one that was displaced; `nil` when the order to stop has come.
    private func waitForTurn() -> Bool? {
        guard isDisplaced else { return pause(timeToTurn()) == .stop ? nil : false }
        // Two would take the seat from one another, again and again.
        guard pause(min(timeToTurn(), .seconds(Self.spread))) != .stop else { return nil }
        let (end, hasRoom) = seat.stayAway { pause(timeToTurn()) }
        return end == .stop ? nil : hasRoom
    }

    /// A server that calls for nothing again and again is heard less and less.
    private func pauseAfterVainCall() -> Round? {
        defer { vainCalls += 1 }
        guard vainCalls > 0 else { return .folder }
        let time = min(Self.longestCallPause, .milliseconds(100 << min(vainCalls, 10)))
        return pause(time) == .stop ? nil : .folder
    }

    private func pauseAfterFailure() -> Round? {
        failures += 1
        var isLonger = true
        while isLonger {
            let longer = failures > 1 ? min(Self.longestPause, Self.spread << min(failures - 2, 10)) : 0
            let end = pause(.milliseconds(Int.random(in: 0..<Self.spread * 1000) + longer * 1000))
            guard end != .stop else { return nil }
            // The machine has slept: what failed before may do now, in a while.
            isLonger = end == .rung
            if isLonger { failures = min(failures, 1) }
        }
        return dueRound() ?? (folder == nil ? .whole : .folder)
    }

    private enum PauseEnd { case over, rung, stop }

    /// Waits. Whoever rings has been heard then.
    private func pause(_ time: Duration) -> PauseEnd {
        alarm.set(Deadline(after: time))
        guard alarm.wait() else { return .stop }
        return alarm.takeRing() ? .rung : .over
    }

    /// Ends a session that failed; how soon the next one begins depends on how long this one has stood.
    private func endBroken(isBroken: Bool = true) -> Round? {
        if let standing, standing.session != nil, standing.since.elapsed > Self.steadyTime { failures = 0 }
        leave(isBroken: isBroken)
        return pauseAfterFailure()
    }

    /// Ends the session, and gives the seat to others.
    private func leave(isBroken: Bool) {
        standing?.close(isBroken: isBroken)
        isWaiting = false
        seat.give()
    }
}

extension AccountSettings {
    /// When all that it fetches has its turn under `--idle`: there are servers that forget to tell news, and other folders
    /// than the one that is watched.
    var watchPlan: FetchPlan {
        var plan = plan
        plan.isAskedByTimer = false
        if plan.every == nil, plan.times.isEmpty, !isOnlyWhenSending {
            plan.every = .seconds(AccountWatch.standardPace)
        }
        return plan
    }
}
