// The runs of several accounts, side by side: a server that is dead delays nobody.

import AccountSessions
import Blocking
import CommandStart
import FetchCalendar
import FetchLedger
import FetchSpool
import Glibc
import IMAPProtocol
import LoginLedger
import Reporting
import RunControl
import Synchronization

/// What one command does with its accounts, and what they share.
struct AccountRuns: Sendable {
    /// What came of one account.
    struct Outcome: Sendable {
        /// For standard output.
        var text = ""
        var status = ExitStatus.ok
        /// What is to be told behind the text; it says the status.
        var failure: (any Error)?
    }

    /// What the command line asks for.
    struct Request: Sendable {
        var errand = Errand.fetch
        var isVerbose = false
        /// Whether a summary of each run is printed, as JSON.
        var isJSON = false
        /// Whether nothing is fetched, as a person only asks.
        var isLook = false
        /// Whether only accounts that are due are fetched from.
        var isDue = false
        /// Whether the network has just come up.
        var isOnline = false
        /// Whether this is a run of `--idle`, which stays.
        var isIdle = false
        var isDry = false
        var retriesAll = false
        var reindexes = false
        var acceptFolder: String?
        var refetchFolder: String?
        /// The rc that `-C` named.
        var explicitRC: String?
        /// What was told already, where a command stays; `nil` where all is told.
        var told: ToldFaults?
    }

    /// How a run has ended, for whoever begins the next.
    struct RunEnd {
        var outcome: Outcome
        /// What kept it from its end.
        var failure: (any Error)?
        /// What the account's runs have done.
        var past: FetchPlan.Past
        /// Messages that are safe now.
        var delivered: Int
        /// When what waits in the spool is to be offered again, in seconds since 1970; `nil` where nothing waits.
        var spoolTime: Int?
        /// How the folders stood when they were looked at.
        var marks: [String: FolderMark]
    }

    let hub: StartedHub
    let paths: Paths
    let request: Request
    let due: DueAccounts
    /// The most descriptors that a run has open: the files of two batches, directories, locks, the connection.
    static let openFiles = 160
    /// Threads that put the batches of all accounts on disk.
    private static let syncThreads = 8
    /// Descriptors of no account.
    static let ownFiles = 64

    init(of hub: StartedHub, over paths: Paths, _ request: Request) {
        (self.hub, self.paths, self.request) = (hub, paths, request)
        due = DueAccounts(of: hub, at: time(nil), isOnline: request.isOnline)
    }

    /// Fetches from `accounts`, or from those of them that are due.
    /// - Parameter isAll: whether the hub fetches from no others.
    /// - Returns: the status of each that has a fault.
    /// - Throws: `OutputError`.
    func fetch(_ accounts: [AccountSettings], isAll: Bool) throws(OutputError) -> [ExitStatus] {
        let chosen = request.isDue ? due.select(accounts, isAll: isAll) : accounts
        if request.isVerbose {
            for account in accounts where !chosen.contains(where: { $0.name == account.name }) { tellNotDue(account) }
        }
        let threads = max(2, Self.syncThreads / atOnce(chosen.count))
        let faults = try eachSideBySide(chosen) { account, othersWait in
            do {
                return try fetch(
                    account, RunMeans(pool: WorkerPool(threads: threads), othersWait: othersWait))
            } catch {
                let summary = RunSummary(
                    account: account.name, status: tell(error, of: account), words: sentence(error))
                return Outcome(text: request.isJSON ? summary.json.line : "", status: summary.status)
            }
        }
        if !request.isDry, !StopSignal.hasCome { lookAtHealth() }
        return faults
    }

    /// Looks whether all is well with the hub, where that is due.
    func lookAtHealth() {
        due.lookAtHealth(each: Alerts.pace) {
            Alerts(hub: hub, logins: paths.logins, now: time(nil), told: request.told).raise()
        }
    }

    /// Does `body` for each of `accounts`, several at once. What they print comes in the order of `accounts`.
    /// - Parameter body: gets the account, and a closure that tells whether another one waits for its turn.
    /// - Returns: the status of each that has a fault.
    /// - Throws: `OutputError`.
    func eachSideBySide(
        _ accounts: [AccountSettings],
        _ body: @escaping @Sendable (AccountSettings, @escaping @Sendable () -> Bool) throws -> Outcome
    ) throws(OutputError) -> [ExitStatus] {
        let turns = Turns(count: accounts.count)
        let pool = WorkerPool(threads: atOnce(accounts.count))
        _ = pool.run(count: accounts.count) { index in
            turns.begin()
            guard !StopSignal.hasCome else { return turns.end(index, Outcome()) }
            turns.end(index, outcome(of: accounts[index]) { try body(accounts[index]) { turns.areLeft } })
        }
        return try turns.finish()
    }

    /// How many of `count` accounts are collected from at once.
    private func atOnce(_ count: Int) -> Int {
        let wanted = min(count, hub.settings.limits.accountsAtOnce)
        guard wanted > 1 else { return 1 }
        return max(1, min(wanted, (OpenFileLimit.raise() - Self.ownFiles) / Self.openFiles))
    }

    /// Does `body` for an account, and tells what went wrong.
    func outcome(of account: AccountSettings, _ body: () throws -> Outcome) -> Outcome {
        do {
            var outcome = try body()
            if let failure = outcome.failure { outcome.status = tell(failure, of: account) }
            return outcome
        } catch {
            return Outcome(status: tell(error, of: account))
        }
    }

    /// - Returns: what it comes to.
    func tell(_ error: any Error, of account: AccountSettings) -> ExitStatus {
        guard !StopSignal.hasCome else {
            hub.log.write(.notice, "stopped", [("account", account.name), ("error", sentence(error))])
            return .ok
        }
        if case AccountError.records(let pause) = error, pause.isPause, isatty(2) == 0, !request.isVerbose,
            request.errand == .fetch, !request.isDry, !request.isLook
        {
            // Whoever can read it was told at each refusal; cron would send a letter for each run.
            if !request.isDue, !request.isIdle {
                hub.log.write(.info, "login paused", [("account", account.name), ("error", sentence(error))])
            }
            return pause.exitStatus
        }
        let fault = AccountFault(account: account.name, error: error)
        guard request.told?.isNews("\(fault)", of: account.name) ?? true else { return fault.exitStatus }
        let status = complain(fault, as: "mhfetch")
        hub.log.write(.error, "fetch", [("account", account.name), ("error", sentence(error))])
        return status
    }

    private func fetch(_ account: AccountSettings, _ means: RunMeans) throws -> Outcome {
        let directory = hub.settings.stateDirectory
        guard
            let ledger = try request.isDry
                ? AccountLedger.rehearsal(of: account.name, in: directory)
                : AccountLedger.open(account.name, in: directory)
        else {
            let words = "another run is at it"
            if request.isVerbose { writeToStandardError("mhfetch: \(account.name): \(words)") }
            let summary = RunSummary(account: account.name, status: .ok, words: words)
            return Outcome(text: request.isJSON ? summary.json.line : "")
        }
        guard !request.isDue || due.isDue(account, ledger.state) else {
            if request.isVerbose { tellNotDue(account) }
            guard !request.isDry else { return Outcome() }
            let status = try handOverOnly(account, by: ledger, means).status
            due.noteEnd(of: account, ledger.state, begun: nil)
            return Outcome(status: status)
        }
        // In a pause nobody is asked.
        if let server = account.fetchServer {
            do { _ = try AccountLogin(of: account, at: server, recordedBy: paths.logins) } catch {
                if !request.isDry { try handOverOnly(account, by: ledger, means) }
                throw error
            }
        }
        return try carryOut(account, by: ledger, means).outcome
    }

    private func run(
        _ account: AccountSettings, by ledger: AccountLedger, _ means: RunMeans
    ) throws -> AccountRun {
        try AccountRun(account: account, hub: hub, paths: paths, ledger: ledger, request, due: due, means)
    }

    /// Does a run of an account whose ledger is ours.
    /// - Throws: what keeps it from being begun.
    func carryOut(_ account: AccountSettings, by ledger: AccountLedger, _ means: RunMeans) throws -> RunEnd {
        let begun = time(nil)
        // Mail that was sent asks on until a run has come to its end.
        var hasEnded = false
        defer { if !request.isDry { due.noteEnd(of: account, ledger.state, begun: hasEnded ? begun : nil) } }
        let run = try run(account, by: ledger, means)
        defer { if !request.isDry { noteSpool(of: run) } }
        var words = ""
        var failure: (any Error)?
        let status: ExitStatus
        do {
            status = try run.carryOut()
            hasEnded = true
            words = run.state.lastEnding.map { $0.words.isEmpty ? run.waits : $0.words } ?? run.waits
        } catch {
            let isExcused = means.excuses(error, run.hasCome)
            status = isExcused ? .temporaryFailure : tell(error, of: account)
            (words, failure) = (sentence(error), error)
        }
        let summary = RunSummary(
            account: account.name, status: status, words: words, delivered: run.delivery?.published ?? 0,
            tally: run.tally, seconds: run.seconds)
        return RunEnd(
            outcome: Outcome(text: run.printed + (request.isJSON ? summary.json.line : ""), status: status),
            failure: failure, past: ledger.state.past, delivered: summary.delivered,
            spoolTime: run.handOver?.nextTime, marks: run.marks)
    }

    /// Hands on what earlier runs have fetched, where something waits.
    /// - Returns: also when what waits is to be offered again, in seconds since 1970.
    @discardableResult
    func handOverOnly(
        _ account: AccountSettings, by ledger: AccountLedger, _ means: RunMeans
    ) throws -> (status: ExitStatus, next: Int?) {
        guard try means.standingHandOver?.stands ?? false || AccountRuns.hasSpool(account, in: hub) else {
            due.noteSpool(of: account, next: nil)
            return (.ok, nil)
        }
        let run = try run(account, by: ledger, means)
        defer { noteSpool(of: run) }
        let status = try run.handOverOnly()
        return (status, run.handOver?.nextTime)
    }

    /// Notes when what waits after a run is to be offered again, unless another process offers it.
    private func noteSpool(of run: AccountRun) {
        guard run.handOver != nil || run.spool == nil else { return }
        due.noteSpool(of: run.account, next: run.handOver?.nextTime)
    }

    /// Whether fetched mail of the account waits for its places.
    static func hasSpool(_ account: AccountSettings, in hub: StartedHub) throws -> Bool {
        try FetchSpool.look(at: account.name, in: hub.settings.stateDirectory).map { !$0.messages.isEmpty } ?? false
    }

    /// When the account's turn comes; `nil` where its lines leave that to whoever asks, or to mail that is sent.
    func next(of account: AccountSettings, after report: AccountReport) -> Int? {
        guard !due.waitsForSending(account) else { return nil }
        let plan = report.isWatched ? account.watchPlan : account.plan
        guard plan.every != nil || !plan.times.isEmpty else { return nil }
        return plan.next(after: report.past, now: time(nil), on: .machine)
    }

    /// Whether `--due` leaves the account alone until mail is sent through it.
    func waitsForSending(_ account: AccountSettings) -> Bool { due.waitsForSending(account) }

    private func tellNotDue(_ account: AccountSettings) {
        writeToStandardError("mhfetch: \(account.name): not due yet")
    }
}

/// Which accounts have begun and ended, and what they have printed, in their order.
private final class Turns: Sendable {
    private struct State: Sendable {
        var begun = 0
        /// Texts that wait for those before them.
        var texts: [Int: String] = [:]
        /// Those before it are printed.
        var next = 0
        /// Whether a thread prints: others leave their texts to it, so that a reader who is slow delays no account.
        var isPrinting = false
        var failure: OutputError?
        var faults: [ExitStatus] = []
    }

    private let count: Int
    private let state = Mutex(State())

    init(count: Int) { self.count = count }

    func begin() { state.withLock { $0.begun += 1 } }

    var areLeft: Bool { state.withLock { $0.begun < count } }

    func end(_ index: Int, _ outcome: AccountRuns.Outcome) {
        state.withLock { state in
            if outcome.status != .ok { state.faults.append(outcome.status) }
            state.texts[index] = outcome.text
        }
        while let text = nextText() {
            do throws(OutputError) {
                if !text.isEmpty { try writeToStandardOutput(text) }
            } catch {
                state.withLock { $0.failure = $0.failure ?? error }
            }
            state.withLock { $0.isPrinting = false }
        }
    }

    /// The next text to print, of which no other thread prints one.
    private func nextText() -> String? {
        state.withLock { state in
            guard !state.isPrinting, let text = state.texts.removeValue(forKey: state.next) else { return nil }
            state.next += 1
            state.isPrinting = true
            return text
        }
    }

    func finish() throws(OutputError) -> [ExitStatus] {
        let (failure, faults) = state.withLock { ($0.failure, $0.faults) }
        if let failure { throw failure }
        return faults
    }
}
