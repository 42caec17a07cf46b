// The command line of mhfetch: which accounts, in what order, and what its exit status says of them.

import ArgumentParser
import CommandStart
import DurableFiles
import Glibc
import Reporting
import RunControl

struct MHFetch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhfetch", abstract: "Collect mail from remote mailboxes into Maildirs.")

    @OptionGroup var hub: HubOptions

    @Flag(name: [.customShort("v"), .long], help: "Tell what is done.")
    var verbose = false

    @Flag(help: "Fetch only from accounts whose `every` time has come.")
    var due = false

    @Flag(help: "Tell how the last runs ended and which messages could not be fetched. Contacts nobody.")
    var status = false

    @Flag(help: "Try again at once what is tried only once a day, having failed three times.")
    var retry = false

    @Option(
        name: .customLong("accept-folder"),
        help: ArgumentHelp(
            "After the server has renumbered FOLDER: take what is in it now as known, and go on from there.",
            valueName: "folder"))
    var acceptFolder: String?

    @Option(
        name: .customLong("refetch-folder"),
        help: ArgumentHelp(
            "After the server has renumbered FOLDER: fetch all of it again.", valueName: "folder"))
    var refetchFolder: String?

    @Argument(help: "Accounts of the rc; none for all that fetch.")
    var accounts: [String] = []

    func validate() throws {
        guard acceptFolder == nil || refetchFolder == nil else {
            throw ValidationError("either --accept-folder or --refetch-folder, not both")
        }
    }

    func run() throws {
        // A file larger than `ulimit -f` allows is an error of one message, not the end of the program.
        signal(SIGXFSZ, SIG_IGN)
        let started = try hub.start("mhfetch")
        let chosen = try choose(started.settings)
        var faults: [ExitStatus] = []
        for account in chosen {
            do {
                let status = try status ? tell(account, started) : fetch(account, started)
                if status != .ok { faults.append(status) }
            } catch {
                let status = complain(AccountFault(account: account.name, error: error), as: "mhfetch")
                started.log.write(.error, "fetch", [("account", account.name), ("error", "\(error)")])
                faults.append(status)
            }
        }
        // As mpop does: one failing account tells its own status, several say only that something is to be done.
        if faults.count > 1 { throw ExitCode(ExitStatus.temporaryFailure.rawValue) }
        if let fault = faults.first { throw ExitCode(fault.rawValue) }
    }

    private func choose(_ settings: HubSettings) throws -> [AccountSettings] {
        guard !accounts.isEmpty else {
            let all = settings.accounts.filter { $0.fetch != nil }
            guard !all.isEmpty else { throw FetchError.nothingToFetch(rc: settings.source) }
            return all
        }
        return try accounts.map { name in
            guard let account = settings.account(name) else {
                throw FetchError.noSuchAccount(name, rc: settings.source)
            }
            guard account.fetch != nil else { throw FetchError.doesNotFetch(name, place: account.place) }
            return account
        }
    }

    private func fetch(_ account: AccountSettings, _ hub: StartedHub) throws -> ExitStatus {
        let folder = try StateFolder.open(hub.settings.stateDirectory, account: account.name)
        // A file of its own, never removed: two runs must meet at the same inode (DECISIONS 35).
        guard let lock = try FileLock.tryAcquire("lock", in: folder) else {
            if verbose { writeToStandardError("mhfetch: \(account.name): another run is at it") }
            return .ok
        }
        defer { withExtendedLifetime(lock) {} }
        let state = try FetchState(in: folder)
        if due, let every = account.every, !state.isDue(every: every, now: time(nil)) { return .ok }
        let run = AccountRun(account: account, hub: hub, state: state, isVerbose: verbose)
        run.acceptFolder = acceptFolder
        run.refetchFolder = refetchFolder
        run.retriesAll = retry
        return try run.carryOut()
    }

    private func tell(_ account: AccountSettings, _ hub: StartedHub) throws -> ExitStatus {
        guard let folder = try StateFolder.look(hub.settings.stateDirectory, account: account.name) else {
            writeToStandardOutput("\(account.name): never fetched\n")
            return .ok
        }
        let state = try FetchState(in: folder, canWrite: false)
        writeToStandardOutput(StatusReport(account: account, state: state, now: time(nil)).text)
        let isWell = state.failed.isEmpty && (state.lastEnding?.status ?? 0) == 0
        return isWell ? .ok : .temporaryFailure
    }
}
