// The command line of mhserve: the service, and the small tools that go with it.

import ArgumentParser
import CommandStart
import Credentials
import Glibc
import MailboxLogins
import Programs
import Reporting
import RunControl
import SASLMechanisms
import TLSEngine

/// Tells the worker from the command that a person types.
enum MHServeCommand {
    static func run() -> Never {
        ProcessStart.prepare()
        if ProcessStart.arguments.dropFirst() == [Worker.role] {
            do {
                exit(try Worker.run().rawValue)
            } catch {
                exit(complain(error, as: "mhserve").rawValue)
            }
        }
        runCommand(MHServe.self, name: "mhserve", ordered: VerbFirst.ordered)
    }
}

struct MHServe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhserve", abstract: "Serve POP3 and SMTP to mail programs and to the internet.",
        version: HubRelease.line(for: "mhserve"),
        subcommands: [Serve.self, Certificate.self, Password.self], defaultSubcommand: Serve.self)
}

extension MHServe {
    struct Serve: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Answer on the rc's `listen` lines until SIGTERM. SIGHUP reads the rc anew.")
        @OptionGroup var hub: HubOptions

        func run() throws {
            // The signals first: every thread made later inherits the mask.
            let signals = try SignalWatch()
            var listeners: [BoundListener] = []
            let started = try hub.start("mhserve", checks: Check.serving) { settings in
                guard geteuid() != 0 || settings.runAs != nil else { throw HubUserError.rootServes }
                guard !settings.listeners.isEmpty else { throw KeeperError.nothingToListen }
                listeners = try Listeners.open(settings.listeners)
            }
            var keeper = Keeper(
                settings: started.settings, listeners: listeners, signals: signals, log: started.log
            ) { try HubSettings.load(explicitPath: started.settings.source) }
            let status = try keeper.run()
            throw ExitCode(status.rawValue)
        }
    }

    struct Certificate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Make a self-signed certificate for NAME and print its fingerprint, for phones and for tls_fingerprint."
        )
        @Argument(help: "Host names or addresses that the certificate is for.") var names: [String]
        @Option(help: "Where the certificate goes.") var certificate: String
        @Option(help: "Where the private key goes, mode 0600.") var key: String
        @Option(help: "How long it is valid.") var days = 3650
        @Flag(help: "Replace files that are there.") var replace = false

        func validate() throws {
            guard !names.isEmpty else { throw ValidationError("name the host that the certificate is for") }
            guard (1...36_500).contains(days) else { throw ValidationError("--days is a number from 1 to 36,500") }
            guard certificate != key else { throw ValidationError("--certificate and --key must be two files") }
            do throws(TLSError) { try CertificateMaker.check(names) } catch { throw ValidationError("\(error)") }
        }

        func run() throws {
            let fingerprint = try CertificateMaker.makeSelfSigned(
                names: names, days: days, to: CertificatePair(certificate: certificate, key: key), replacing: replace)
            try writeToStandardOutput("\(fingerprint)\n")
        }
    }

    struct Password: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "passwd",
            abstract: "Read a password from standard input and print its hash, for `passwordhash`.")

        func run() throws {
            let isTerminal = isatty(0) == 1
            if isTerminal { writeToStandardError("password (shown as you type; better: mhserve passwd < FILE):") }
            var input = InputLines(limit: 4096)
            let line: [UInt8]
            switch input.next() {
            case .whole(let octets): line = octets.last == 0x0D ? octets.dropLast() : octets
            case .tooLong:
                throw LoginFault.unfit(.badPassword)
            case nil: line = []
            }
            guard !line.isEmpty else { throw ValidationError("standard input holds no password") }
            let hash: String
            do throws(PasswordError) {
                hash = try PasswordVerifier.make(password: Secret(line))
            } catch {
                throw LoginFault.unfit(error)
            }
            try writeToStandardOutput("\(hash)\n")
        }
    }
}
