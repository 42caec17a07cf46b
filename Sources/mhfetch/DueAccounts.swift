// Which accounts `--due` fetches from: by the small list where it can be relied on, else by the state of each.

import CommandStart
import DurableFiles
import FetchCalendar
import FetchLedger
import Glibc
import Reporting
import RunControl

/// The accounts that are due when a run begins, and the list that tells the next one.
struct DueAccounts: Sendable {
    private let hub: StartedHub
    private let clock = LocalClock.machine
    private let file: DueFile
    /// The list as it was when the run began.
    private let list: DueList
    /// When the run of all accounts began, in seconds since 1970.
    let start: Int
    /// Whether the network has just come up: who did not come to the server tries again at once.
    private let isOnline: Bool

    init(of hub: StartedHub, at start: Int, isOnline: Bool = false) {
        (self.hub, self.start, self.isOnline) = (hub, start, isOnline)
        file = DueFile(
            in: hub.settings.stateDirectory, watching: hub.settings.sources, on: clock, now: start)
        list = file.read()
    }

    /// The name by which the list has the look at the hub's health; no account can have it.
    private static let health = "*"

    /// Does `look` when that is due, and notes it.
    func lookAtHealth(each pace: Int, _ look: () -> Void) {
        let next = list.isCurrent(stamp: file.stamp, now: start) ? list.next(of: Self.health, now: start) : 0
        guard next <= start else { return }
        look()
        note { $0.note([Self.health: start + pace], isAll: false, stamp: file.stamp, now: time(nil)) }
    }

    /// Those of `accounts` that are due.
    /// - Parameter isAll: whether the hub fetches from no others.
    func select(_ accounts: [AccountSettings], isAll: Bool) -> [AccountSettings] {
        // The list does not tell who was away.
        let isCurrent = list.isCurrent(stamp: file.stamp, now: start) && !isOnline
        let moments = isCurrent ? [:] : accounts.reduce(into: [String: Int]()) { $0[$1.name] = look(at: $1) }
        if !isCurrent, !isOnline { note { $0.note(moments, isAll: isAll, stamp: file.stamp, now: start) } }
        return accounts.filter { account in
            let next = isCurrent ? list.next(of: account.name, now: start) : moments[account.name] ?? 0
            return account.plan.isDue(next, hasSent: list.hasSent(account.name), at: start)
                || (isCurrent ? list.hasSpool(of: account.name, now: start) : hasSpool(account))
        }
    }

    /// Whether fetched mail of the account waits; one whose spool cannot be read is looked at, to be told so.
    private func hasSpool(_ account: AccountSettings) -> Bool {
        do { return try AccountRuns.hasSpool(account, in: hub) } catch { return true }
    }

    /// Notes when fetched mail of the account that waits is to be handed on again.
    func noteSpool(of account: AccountSettings, next: Int?) {
        guard next != nil || list.knowsSpool(of: account.name) else { return }
        note { $0.noteSpool(of: account.name, next: next) }
    }

    /// When the account's turn comes. One whose state cannot be read has it at once, to be told so.
    private func look(at account: AccountSettings) -> Int {
        do throws(LedgerError) {
            let state = try AccountLedger.look(at: account.name, in: hub.settings.stateDirectory)
            return state.map { next(of: account, $0) } ?? 0
        } catch {
            return 0
        }
    }

    private func next(of account: AccountSettings, _ state: FetchState) -> Int {
        isOnline && state.isAway ? 0 : next(of: account, after: state.past)
    }

    /// When the account's turn comes after what was done.
    func next(of account: AccountSettings, after past: FetchPlan.Past) -> Int {
        account.plan.next(after: past, now: time(nil), on: clock)
    }

    /// Whether the account is still due once its lock is held: another run may have been there meanwhile.
    func isDue(_ account: AccountSettings, _ state: FetchState) -> Bool {
        let hasSent = account.isOnlyWhenSending && !waitsForSending(account)
        return account.plan.isDue(next(of: account, state), hasSent: hasSent, at: start)
    }

    /// Whether its turn comes only when mail was sent through it, and none was.
    func waitsForSending(_ account: AccountSettings) -> Bool {
        account.isOnlyWhenSending && !file.read().hasSent(account.name)
    }

    /// The time of day that a run now serves.
    func timeServed(of account: AccountSettings, after past: FetchPlan.Past) -> FetchPlan.Served? {
        account.plan.timeServed(after: past, now: time(nil), on: clock)
    }

    /// Notes when the account's turn comes after a run, or after a look that found it not due.
    /// - Parameter begun: when the run began, in seconds since 1970; `nil` where there was none.
    func noteEnd(of account: AccountSettings, _ state: FetchState, begun: Int?) {
        let next = next(of: account, after: state.past)
        note { list in
            if let begun { list.noteRun(of: account.name, from: begun, now: time(nil)) }
            list.note([account.name: next], isAll: false, stamp: file.stamp, now: time(nil))
        }
    }

    /// Changes the list. Without it more is read, and nothing is missed.
    private func note(_ change: (inout DueList) -> Void) {
        do throws(StateFileError) { try file.change(change) } catch {
            hub.log.write(.warning, "due", [("error", sentence(error))])
        }
    }
}

extension AccountSettings {
    /// When it is fetched from.
    var plan: FetchPlan {
        FetchPlan(
            every: every, times: at.map(\.minute), isOnlyWhenSending: isOnlyWhenSending, jitter: jitter,
            name: "\(user ?? name)@\(fetch?.host ?? "")")
    }
}
