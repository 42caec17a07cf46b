// `--check`: tells what the checks of a command find, and ends it.

import ArgumentParser
import Glibc
import Programs
import Reporting
import RunControl

extension HubOptions {
    /// Looks at all that a run of `program` would use, as the user it would run as.
    /// - Throws: always: `ExitCode`, 78 when the run would refuse something and 0 otherwise; ``HubUserError``.
    func carryOutCheck(_ settings: HubSettings, _ checks: [Check], as program: String) throws -> Never {
        let early = settings.findings(of: [.runAs])
        if !early.hasFaults, geteuid() == 0, let user = settings.runAs { try HubUser.become(user) }
        let findings = early.hasFaults ? early : settings.findings(of: Check.start + checks)
        for finding in findings.all { writeToStandardError("\(CommandName.called(else: program)): \(finding)") }
        guard !findings.hasFaults else { throw ExitCode(ExitStatus.configuration.rawValue) }
        try writeToStandardOutput("\(settings.source): good\n")
        throw ExitCode(ExitStatus.ok.rawValue)
    }
}

/// A hint at the verb that was meant, for one that the command does not have; else empty.
func verbHint<Command: ParsableCommand>(for words: [String], of _: Command.Type) -> String {
    let verbs = Command.configuration.subcommands.map { $0.configuration.commandName ?? "\($0)".lowercased() }
    guard let word = words.first(where: { !$0.hasPrefix("-") }), !verbs.contains(word) else { return "" }
    return Nearest.hint(to: word, among: verbs)
}
