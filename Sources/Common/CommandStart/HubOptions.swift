// What all commands of the hub have in common at their start: the rc, its check, the user, the log.

import ArgumentParser
import Glibc
import Programs
import Reporting
import RunControl

/// The options that every command takes.
public struct HubOptions: ParsableArguments {
    @Option(name: [.customShort("C"), .customLong("file")], help: "Read this rc and no other.")
    public var rc: String?

    @Flag(
        name: .customLong("check"), help: "Check the rc and all that it names, say what is wrong, and do nothing else.")
    public var isCheck = false

    @Flag(name: .customLong("print-config"), help: "Print the settings in force as an rc, secrets masked.")
    public var printsConfig = false

    public init() {}

    public func validate() throws {
        guard !(isCheck && printsConfig) else {
            throw ValidationError("either --check or --print-config, not both")
        }
    }

    /// Reads the rc, becomes the hub's user if root has started us, opens the log.
    ///
    /// Carries out `--check` and `--print-config` instead, and then ends the command.
    /// - Parameters:
    ///   - program: the command's name, for log lines.
    ///   - checks: what `--check` looks at besides what every start needs: all that a run would fail over.
    ///   - prepare: what must be done while we may still be root, such as binding ports below 1024.
    /// - Throws: ``RunControlError``, ``HubUserError``, what `prepare` throws or what the log throws; `ExitCode` after
    ///   `--check` and `--print-config`.
    public func start(
        _ program: String, checks: [Check], before prepare: (HubSettings) throws -> Void = { _ in }
    ) throws -> StartedHub {
        umask(0o077)
        let settings = try HubSettings.load(explicitPath: rc)
        if isCheck { try carryOutCheck(settings, checks, as: program) }
        if !printsConfig { try prepare(settings) }
        if geteuid() == 0, let user = settings.runAs { try HubUser.become(user) }
        if printsConfig {
            try writeToStandardOutput(settings.printed())
            throw ExitCode(0)
        }
        return StartedHub(settings: settings, log: try Log(program: program, to: settings.log))
    }
}

extension HubOptions {
    /// Looks whether a start would come to its end with the rc as it is now.
    /// - Throws: as ``start(_:checks:before:)``.
    public func rehearse(_ program: String) throws -> HubSettings {
        let settings = try HubSettings.load(explicitPath: rc)
        if geteuid() == 0, let user = settings.runAs { try HubUser.find(user) }
        _ = try Log(program: program, to: settings.log)
        return settings
    }
}

/// What a command works with once it has started.
public struct StartedHub: Sendable {
    public let settings: HubSettings
    public let log: Log
}

/// Runs a command and ends the process: errors of the command are told in one line, with their sysexits status.
///
/// - Parameters:
///   - name: the command's own name; messages begin with the one it was called by.
///   - ordered: puts the words after the program's name into the order that the parser wants.
public func runCommand<Command: ParsableCommand>(
    _ command: Command.Type, name: String, ordered: ([String]) -> [String] = { $0 }
) -> Never {
    ProcessStart.prepare()
    let name = CommandName.called(else: name)
    let arguments = ordered(Array(ProcessStart.arguments.dropFirst()))
    var isParsed = false
    do {
        if let fault = ProcessStart.argumentFault { throw fault }
        var parsed = try Command.parseAsRoot(arguments)
        isParsed = true
        try parsed.run()
        exit(ExitStatus.ok.rawValue)
    } catch let code as ExitCode {
        exit(code.rawValue)
    } catch let complaint as any Complaint {
        exit(complain(complaint, as: name).rawValue)
    } catch {
        let code = Command.exitCode(for: error)
        if code == .success { tell(Command.fullMessage(for: error), as: name) }
        if code == .validationFailure {
            // What is found wrong later is no matter of how the command is written: its usage would not help.
            let message = isParsed ? Command.message(for: error) : Command.fullMessage(for: error)
            let hint = verbHint(for: arguments, of: command)
            let plain = message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message
            // The parser repeats the words as they are.
            let lines = plain.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
            writeToStandardError("\(name): " + ([lines[0] + hint] + lines.dropFirst()).joined(separator: "\n"))
            exit(ExitStatus.usage.rawValue)
        }
        exit(complain(error, as: name).rawValue)
    }
}

/// Ends `--help`, `--version` and the like with their text.
private func tell(_ message: String, as name: String) -> Never {
    do throws(OutputError) {
        try writeToStandardOutput(message.hasSuffix("\n") ? message : message + "\n")
        exit(ExitStatus.ok.rawValue)
    } catch {
        exit(complain(error, as: name).rawValue)
    }
}
