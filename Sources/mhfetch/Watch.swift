// `mhfetch --idle`: all accounts watched by one process.

import AccountSessions
import Blocking
internal import CMHSys
import CommandStart
import DurableFiles
import Glibc
import Reporting
import RunControl

/// The watch over all accounts: a thread for each, and what they share.
final class Watch: Sendable {
    /// How a watch has ended.
    enum Ending {
        case stopped
        /// The rc has changed, or SIGHUP asks for a new beginning.
        case restart
    }

    /// What is not to be given up for a thread that mostly waits.
    private static let stackSize = 256 * 1024
    /// How often is looked at the rc and at the clock.
    static let pace = Duration.seconds(15)
    /// How long is waited for whoever reads what we print.
    private static let readerPatience = Duration.seconds(10)
    /// By how much a wait must have been too long for the machine, or this process, to have stood still.
    private static let sleepTime = Duration.seconds(30)

    let hub: StartedHub
    let paths: Paths
    /// The threads that put the batches of all accounts on disk.
    let pool = WorkerPool(threads: 8)
    let dials = DialGate()
    let files: OpenFileRoom
    private let accounts: [AccountSettings]
    private let request: AccountRuns.Request
    private let told = ToldFaults()
    private let alarms: [Alarm]
    private let seats: [String: HostSeats]

    /// - Throws: ``FetchError/openFiles(accounts:needed:limit:)``.
    init(
        of accounts: [AccountSettings], hub: StartedHub, over paths: Paths, _ request: AccountRuns.Request
    ) throws(FetchError) {
        files = try OpenFileRoom(for: accounts)
        (self.accounts, self.hub, self.paths) = (accounts, hub, paths)
        var request = request
        request.told = told
        self.request = request
        alarms = accounts.map { _ in Alarm() }
        seats = Dictionary(accounts.map { (Self.host(of: $0), HostSeats()) }) { first, _ in first }
    }

    private static func host(of account: AccountSettings) -> String {
        account.fetchServer.map { "\($0.host.lowercased()) \($0.port)" } ?? ""
    }

    /// The runs of this moment.
    func runs() -> AccountRuns { AccountRuns(of: hub, over: paths, request) }

    /// Prints what a run has to say.
    func print(_ text: String) {
        guard !text.isEmpty else { return }
        do throws(OutputError) { try writeToStandardOutput(text) } catch {
            guard told.isNews(sentence(error), of: ToldFaults.hub) else { return }
            hub.log.write(.error, "output", [("error", sentence(error))])
        }
    }

    /// Tells somebody who reads along.
    func tell(_ words: String) {
        if request.isVerbose { writeToStandardError("mhfetch: \(printable(words))") }
    }

    /// Tells a person, and the log.
    func tell(_ error: FetchError, of account: AccountSettings) {
        hub.log.write(.notice, "watch", [("account", account.name), ("error", "\(error)")])
        _ = complain(AccountFault(account: account.name, error: error), as: "mhfetch")
    }

    func noteWell(_ account: AccountSettings) {
        guard told.noteWell(account.name) else { return }
        hub.log.write(.notice, "well again", [("account", account.name)])
        writeToStandardError("mhfetch: \(account.name): is well again")
    }

    /// Watches until the order to stop.
    /// - Parameter isGood: whether the rc, which has changed, is one to begin anew with.
    func carryOut(isGood: () -> Bool) -> Ending {
        // Two arenas: each thread would get one of its own, and keep what it has used.
        mh_limit_arenas(2)
        OutputWait.setLimit(Self.readerPatience)
        hub.log.write(.notice, "watching", [("accounts", "\(accounts.count)")])
        var threads: [BlockingThread?] = accounts.map { _ in nil }
        var stamp = FileStatus.stamp(of: hub.settings.sources)
        var newStamp: String?
        var lastLook: Deadline?
        repeat {
            start(&threads)
            let pause = Deadline(after: Self.pace)
            guard StopSignal.pause(until: pause) else { break }
            if pause.elapsed > Self.sleepTime { for alarm in alarms { alarm.ring() } }
            // Also where it cannot be noted that it was done.
            if lastLook.map({ $0.elapsed >= .seconds(Alerts.pace) }) ?? true {
                runs().lookAtHealth()
                lastLook = .now
            }
            let found = FileStatus.stamp(of: hub.settings.sources)
            // Once it has been the same twice, its writer is done.
            if found != stamp, found == newStamp {
                stamp = found
                if isGood() { kill(getpid(), SIGHUP) }
            }
            newStamp = found
        } while true
        dials.wake()
        files.wake()
        for seats in seats.values { seats.wake() }
        for thread in threads { thread?.join() }
        return StopSignal.takeRestart() ? .restart : .stopped
    }

    /// Starts the threads that are missing.
    private func start(_ threads: inout [BlockingThread?]) {
        for (index, account) in accounts.enumerated() where threads[index] == nil {
            guard let seats = seats[Self.host(of: account)] else { continue }
            let alarm = alarms[index]
            do throws(ThreadError) {
                threads[index] = try BlockingThread(name: "watch", stackSize: Self.stackSize) {
                    AccountWatch(of: account, in: self, alarm: alarm, seats: seats).work()
                }
            } catch {
                _ = runs().tell(error, of: account)
            }
        }
    }
}
