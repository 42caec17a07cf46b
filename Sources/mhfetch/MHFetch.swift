// The command line of mhfetch: which accounts, in what order, and what its exit status says of them.

import AccountSessions
import ArgumentParser
import Blocking
import CommandStart
import FetchLedger
import Glibc
import LoginLedger
import Reporting
import RunControl

struct MHFetch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhfetch", abstract: "Collect mail from remote mailboxes into Maildirs.",
        version: HubRelease.line(for: "mhfetch"))

    @OptionGroup var hub: HubOptions

    @Flag(
        name: [.customShort("v"), .customLong("verbose")],
        help: "Report what is done; given twice, also what is said with the servers.")
    var verbosity: Int

    private var verbose: Bool { verbosity > 0 }

    @Flag(help: "Fetch only from accounts whose turn has come, as `every`, `at`, `only` and `jitter` say.")
    var due = false

    @Flag(help: "With --due: the network has come up, so turns that did not come to the server are due at once.")
    var online = false

    @Flag(
        help: "Stay, and fetch as soon as there is news: by IMAP IDLE, and by turns where `every` or POP3 demands them."
    )
    var idle = false

    @Flag(help: "Tell how the last runs ended and which messages could not be fetched. Contacts nobody.")
    var status = false

    @Flag(help: "Print a JSON object for each account: of its run, or with --status of its health.")
    var json = false

    @Flag(help: "Try at once messages that have failed three times, and logins that were refused.")
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

    @Flag(
        name: .customLong("dry-run"),
        help: "Tell what would be fetched, where to, and what deleted; change nothing, here or there.")
    var dryRun = false

    @Flag(
        name: .customLong("mark-seen"),
        help: "Take what is on the server as known, without fetching it. Needs the names of accounts.")
    var markSeen = false

    @Option(
        help: ArgumentHelp("With --mark-seen: only mail that came before that day (IMAP).", valueName: "yyyy-mm-dd"))
    var before: String?

    @Flag(
        help: ArgumentHelp(
            "Take as known what is here already, by its Message-ID, and fetch the rest. Needs the names of accounts."))
    var reindex = false

    @Flag(
        help: "Delete at the server what was fetched, whatever `keep` says; fetch nothing. Needs the names of accounts."
    )
    var flush = false

    @Flag(help: "Tell how many messages the server has, and their octets; fetch nothing.")
    var count = false

    @Flag(help: "Log in, and tell what connection, TLS, certificate, server and login are; fetch nothing.")
    var probe = false

    @Flag(help: "List the folders that the account's server has, as the rc names them.")
    var folders = false

    @Argument(help: "Accounts of the rc; none for all that fetch.")
    var accounts: [String] = []

    func validate() throws {
        guard acceptFolder == nil || refetchFolder == nil else {
            throw ValidationError("either --accept-folder or --refetch-folder, not both")
        }
        guard !online || due else { throw ValidationError("--online goes with --due") }
        guard [status, folders, count, probe].count(where: \.self) < 2 else {
            throw ValidationError("one of --status, --folders, --count and --probe, not several")
        }
        guard !(count || probe) || !(due || dryRun || markSeen || flush || reindex || hub.isCheck || hub.printsConfig)
        else {
            throw ValidationError("--count and --probe fetch nothing: leave out what says how to fetch")
        }
        guard accounts.isEmpty || !(hub.isCheck || hub.printsConfig) else {
            throw ValidationError("--check and --print-config are about the whole rc, and take no account")
        }
        guard !status || !(due || retry || acceptFolder != nil || refetchFolder != nil) else {
            throw ValidationError("--status fetches nothing: leave out what says how to fetch")
        }
        guard !(hub.isCheck || hub.printsConfig) || !(status || folders) else {
            throw ValidationError("either --check or --print-config, or --status or --folders, not both")
        }
        guard !(markSeen && flush) else { throw ValidationError("either --mark-seen or --flush, not both") }
        guard !(markSeen || flush || reindex) || !accounts.isEmpty else {
            throw ValidationError(
                "--\(flush ? "flush" : markSeen ? "mark-seen" : "reindex") needs the names of the accounts that it is for"
            )
        }
        guard before == nil || markSeen else { throw ValidationError("--before goes with --mark-seen") }
        guard before.map({ CalendarDay($0) != nil }) ?? true else {
            throw ValidationError("--before takes a day such as 2026-01-31")
        }
        guard !(markSeen || flush || dryRun) || !(status || folders || hub.isCheck || hub.printsConfig) else {
            throw ValidationError("--status, --folders, --check and --print-config stand alone")
        }
        guard
            !reindex
                || !(markSeen || flush || dryRun || status || folders || acceptFolder != nil || refetchFolder != nil)
        else {
            throw ValidationError("--reindex stands alone")
        }
        guard !(markSeen || flush) || !(acceptFolder != nil || refetchFolder != nil || due) else {
            throw ValidationError("--mark-seen and --flush fetch nothing: leave out what says how to fetch")
        }
        guard !json || !(folders || count || probe || dryRun || hub.isCheck || hub.printsConfig) else {
            throw ValidationError("--json goes with --status, or with a run")
        }
        guard
            !idle
                || !(due || status || folders || count || probe || dryRun || markSeen || flush || reindex || retry
                    || acceptFolder != nil || refetchFolder != nil || hub.isCheck || hub.printsConfig)
        else {
            throw ValidationError("--idle goes with -v, --json and the names of accounts alone")
        }
        guard !folders || accounts.count < 2 else { throw ValidationError("--folders takes one account") }
    }

    func run() throws {
        if idle {
            // Who stays begins anew at SIGHUP, also under nohup(1).
            signal(SIGHUP, SIG_DFL)
            StopSignal.watch()
        }
        let (started, chosen) = try start()
        let warn: @Sendable (String) -> Void = { words in
            writeToStandardError("mhfetch: \(printable(words))")
            started.log.write(.warning, "login", [("words", words)])
        }
        let logins = LoginRecords(
            in: started.settings.stateDirectory, watching: started.settings.sources,
            isForced: retry || !accounts.isEmpty && !idle && isatty(2) == 1,
            isLooking: folders || dryRun || count || probe,
            warn: warn)
        let show: @Sendable (String) -> Void = { line in writeToStandardError("mhfetch: \(line)") }
        let paths = Paths(started.settings, logins: logins, echo: verbosity > 1 ? show : nil, warn: warn)
        if folders {
            guard chosen.count == 1 else { throw FetchError.whoseFolders(started.settings.source) }
            return try listFolders(of: chosen[0], over: paths)
        }
        if let folder = acceptFolder ?? refetchFolder {
            guard
                chosen.contains(where: { account in
                    account.fetch?.service.isIMAP == true
                        && account.folders.contains { $0.isPattern || $0.remote == Self.remoteName(folder) }
                })
            else {
                throw FetchError.noSuchFolderInRC(folder, rc: started.settings.source)
            }
        }
        let runs = AccountRuns(
            of: started, over: paths, request(explicitRC: hub.rc.map { _ in started.settings.source }))
        StopSignal.watch()
        defer { StopSignal.takeEffect() }
        if idle { return try watch(chosen, by: runs) }
        let faults: [ExitStatus]
        if status {
            let ofAccounts = try chosen.compactMap { account in try tell(account, by: runs, logins) }
            faults = ofAccounts + (accounts.isEmpty ? try tellOfHub(started.settings, logins) : [])
        } else if count || probe {
            faults = try runs.eachSideBySide(chosen) { [count] account, _ in
                let look = AccountLook(account: account, paths: paths)
                guard !count else { return AccountRuns.Outcome(text: try look.count()) }
                let (text, failure) = try look.probe()
                return AccountRuns.Outcome(text: text, failure: failure)
            }
        } else {
            faults = try runs.fetch(chosen, isAll: accounts.isEmpty)
        }
        if let fault = Self.status(of: faults, among: max(chosen.count, faults.count)) {
            throw ExitCode(fault.rawValue)
        }
    }

    /// What a run comes to. Of one account it is that account's own status; of several, a login that was refused is what
    /// a person must see, and all else is tried again.
    /// - Parameter faults: of the accounts that have one.
    static func status(of faults: [ExitStatus], among count: Int) -> ExitStatus? {
        guard count > 1 else { return faults.first }
        guard !faults.isEmpty else { return nil }
        return faults.contains(.noPermission) ? .noPermission : .temporaryFailure
    }

    private func start() throws -> (StartedHub, [AccountSettings]) {
        func attempt() throws -> (StartedHub, [AccountSettings]) {
            let started = try hub.start("mhfetch", checks: Check.fetching)
            let chosen = try choose(started.settings)
            if idle { _ = try OpenFileRoom(for: chosen) }
            return (started, chosen)
        }
        guard idle, ProcessStart.isAgain else { return try attempt() }
        // Behind the back of the one that has begun anew the rc has become one that is of no use, or a disk is full: who
        // stays does not end by that.
        var told = ""
        while true {
            do { return try attempt() } catch {
                if sentence(error) != told {
                    _ = complain(error, as: "mhfetch")
                    writeToStandardError("mhfetch: waits until that is mended")
                    told = sentence(error)
                }
                if !StopSignal.pause(until: Deadline(after: Watch.pace)), !StopSignal.takeRestart() {
                    StopSignal.takeEffect()
                    throw error
                }
            }
        }
    }

    private func choose(_ settings: HubSettings) throws -> [AccountSettings] {
        guard !accounts.isEmpty else {
            let all = settings.accounts.filter { $0.fetch != nil }
            guard !all.isEmpty else { throw FetchError.nothingToFetch(rc: settings.source) }
            return all
        }
        return try accounts.map { name in
            guard let account = settings.account(name) else {
                let known = settings.accounts.filter { $0.fetch != nil }.map(\.name)
                throw FetchError.noSuchAccount(name, rc: settings.source, hint: Nearest.hint(to: name, among: known))
            }
            guard account.fetch != nil else { throw FetchError.doesNotFetch(name, position: account.position) }
            return account
        }
    }

    private func request(explicitRC: String?) -> AccountRuns.Request {
        AccountRuns.Request(
            errand: errand, isVerbose: verbose, isJSON: json, isLook: count || probe, isDue: due, isOnline: online,
            isIdle: idle, isDry: dryRun, retriesAll: retry,
            reindexes: reindex,
            acceptFolder: acceptFolder.map(Self.remoteName), refetchFolder: refetchFolder.map(Self.remoteName),
            explicitRC: explicitRC)
    }

    /// Stays until it is told to stop, and begins anew when the rc has changed.
    private func watch(_ chosen: [AccountSettings], by runs: AccountRuns) throws(FetchError) {
        func isGood() -> Bool {
            do {
                _ = try OpenFileRoom(for: choose(hub.rehearse("mhfetch")))
                return true
            } catch {
                _ = complain(error, as: "mhfetch")
                runs.hub.log.write(.error, "rc", [("error", sentence(error))])
                writeToStandardError("mhfetch: goes on with the rc as it was")
                return false
            }
        }
        while case .restart = try Watch(of: chosen, hub: runs.hub, over: runs.paths, runs.request).carryOut(
            isGood: isGood)
        {
            guard isGood() else { continue }
            runs.hub.log.write(.notice, "beginning anew")
            let reason = ProcessStart.startAgain()
            writeToStandardError("mhfetch: cannot begin anew, and goes on with the rc as it was: \(printable(reason))")
        }
    }

    private var errand: Errand {
        if flush { return .flush }
        return markSeen ? .markSeen(before: before.flatMap { CalendarDay($0) }) : .fetch
    }

    /// A folder's name as the rc's settings have it.
    private static func remoteName(_ name: String) -> String { FolderSettings(remote: name, local: nil).remote }

    private func listFolders(of account: AccountSettings, over paths: Paths) throws {
        guard let server = account.fetchServer, account.fetch?.service.isIMAP == true else {
            throw FetchError.noFoldersByPOP3(account.name, position: account.position)
        }
        do {
            let session = try IMAPSession.open(account, at: server, over: paths, within: AccountRun.sessionLimit)
            let folders = FolderNames(try session.list("*"))
            try writeToStandardOutput(folders.names.map { FolderSettings.written($0) + "\n" }.joined())
            if folders.inexpressible > 0 {
                writeToStandardError(
                    "mhfetch: \(account.name): folders left out, as an rc cannot express their names: "
                        + "\(folders.inexpressible)")
            }
            try session.logOut()
        } catch {
            throw AccountFault(account: account.name, error: error)
        }
    }

    /// - Returns: the status of an account that is not well.
    private func tell(
        _ account: AccountSettings, by runs: AccountRuns, _ logins: LoginRecords
    ) throws -> ExitStatus? {
        let outcome = runs.outcome(of: account) {
            let report = try AccountReport.read(account.name, in: runs.hub.settings.stateDirectory)
            let status = AccountStatus(
                report: report,
                login: try account.loginIdentity(at: account.fetchServer).map { identity throws(LoginRecordError) in
                    try logins.state(of: identity)
                }, spool: try SpoolStatus.read(account, in: runs.hub.settings.stateDirectory),
                next: runs.next(of: account, after: report), waitsForSending: runs.waitsForSending(account))
            return AccountRuns.Outcome(
                text: json ? status.json.line : status.text(at: time(nil)), status: status.exitStatus)
        }
        try writeToStandardOutput(outcome.text)
        return outcome.status == .ok ? nil : outcome.status
    }

    /// Tells what is not well with the hub itself.
    /// - Returns: a status for each that there is.
    private func tellOfHub(_ settings: HubSettings, _ logins: LoginRecords) throws -> [ExitStatus] {
        let now = time(nil)
        let concerns = HubCondition(settings: settings, logins: logins, now: now).hubConcerns()
        if json {
            let object: JSON = ["hub": .text(settings.hostname), "concerns": .list(concerns.map(\.json))]
            try writeToStandardOutput(object.line)
        } else {
            try writeToStandardOutput(concerns.map { "hub: \(printable($0.words))\n" }.joined())
        }
        return concerns.map { _ in .temporaryFailure }
    }
}
