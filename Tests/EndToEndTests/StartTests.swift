// What every command does before and beside its work: descriptors, signals, words, output, users.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("Every command")
struct StartTests {
    private static let names = ["mhfetch", "mhsend", "mhcarry", "mhqueue", "mhroute", "mhserve"]

    /// A command with each way it is called to write something on standard output.
    private static let speaking: [[String]] =
        names.flatMap { [[$0, "--help"], [$0, "--version"]] }
        + names.map { [$0] + ($0 == "mhroute" ? ["show", "bob"] : []) + ["-C", "RC", "--print-config"] }
        + [
            ["mhqueue", "list", "-C", "RC"], ["mhqueue", "list", "-C", "RC", "--json"],
            ["mhqueue", "why", "-C", "RC", "ID"],
            ["mhqueue", "show", "-C", "RC", "ID"], ["mhroute", "show", "-C", "RC", "bob"],
            ["mhfetch", "-C", "RC", "--status"], ["mhserve", "passwd"], ["mhcarry", "-C", "RC", "--check"],
        ]

    /// A hub with a message in its queue, its rc and that message's id in the place of `RC` and `ID` of `words`.
    private func filled(_ words: [String]) throws -> (SendHub, [String]) {
        // An address at the hub's own domain, so that --check has nothing to warn of.
        let hub = SendHub(account: [
            "address alice@hub.example", "tls off", "user alice", "password x", "send smtp 127.0.0.1:9",
            "fetch pop3 127.0.0.1:9",
        ])
        let id = try hub.queue(to: ["bob"])
        var words = words.map { $0 == "RC" ? hub.rc : $0 == "ID" ? id : $0 }
        words[0] = try InstalledCommands.path(words[0])
        return (hub, words)
    }

    private func shell(_ script: String, _ words: [String], input: String = "secret\n") throws -> CommandResult {
        try runProgram(
            ["sh", "-c", script, "sh"] + words, input: Array(input.utf8),
            environment: ["HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
    }

    @Test("tells a failed write to standard output, 74", arguments: speaking)
    func fullOutput(_ words: [String]) async throws {
        try await onThread {
            let (hub, words) = try filled(words)
            for script in ["exec \"$@\" >/dev/full", "exec \"$@\" >&-"] {
                let result = try shell(script, words)
                #expect(result.status == 74, "\(script) \(result)")
                #expect(result.errorText.contains("cannot write standard output: "), "\(result)")
                #expect(result.errorText.count(of: "\n") == 1, "one line: \(result)")
            }
            withExtendedLifetime(hub) {}
        }
    }

    @Test("ends in silence when the reader of its output has gone", arguments: speaking)
    func closedPipe(_ words: [String]) async throws {
        try await onThread {
            let (hub, words) = try filled(words)
            // The reader ends before the writer begins.
            let script = "mkfifo \"$0.fifo\"; true <\"$0.fifo\" & exec 3>\"$0.fifo\"; wait; exec \"$@\" >&3"
            let result = try runProgram(
                ["sh", "-c", script, hub.scratch.file("out")] + words, input: Array("secret\n".utf8),
                environment: ["HOME": "/nonexistent", "PATH": "/usr/bin:/bin"])
            #expect(result.status == 0 && result.errorText == "", "\(result)")
        }
    }

    @Test("writes nothing of its own into its files when started without standard descriptors")
    func closedDescriptors() async throws {
        try await onThread {
            let (hub, words) = try filled(["mhfetch", "-C", "RC"])
            // Nobody listens on that port, which is to be told and is told nowhere.
            #expect(try shell("exec \"$@\" <&- >&- 2>&-", words + ["-v"]).status != 0)
            let status = try shell("exec \"$@\"", words + ["--status"])
            #expect(status.status == 75 && status.outputText.contains("; 1 run, "), "\(status)")
            for command in ["mhcarry", "mhqueue"] {
                let path = try InstalledCommands.path(command)
                _ = try shell("exec \"$@\" <&- >&- 2>&-", [path, "-C", hub.rc])
            }
            let mail = hub.mail(of: "bob")
            #expect(mail.count == 1 && mail[0].hasSuffix("\n\nx\n"), "\(mail)")
        }
    }

    @Test("mhserve and its worker have standard descriptors, whatever they were started with")
    func serverDescriptors() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"], tracer: ["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
            for process in [hub.server.pid, try hub.worker()] {
                for descriptor in 0...2 {
                    let link = try runProgram(["readlink", "/proc/\(process)/fd/\(descriptor)"]).outputText
                    #expect(link == "/dev/null\n", "\(descriptor)")
                }
            }
        }
    }

    @Test("outlives a file that would be larger than ulimit -f allows: an error, and nothing half done")
    func fileSize() async throws {
        try await onThread {
            let (hub, words) = try filled(["mhsend", "-C", "RC", "-odq", "-i", "bob"])
            let big = Array("Subject: big\n\n".utf8) + [UInt8](repeating: 0x61, count: 600_000)
            let limited = ["sh", "-c", "ulimit -f 400; exec \"$@\"", "sh"]  // 200 or 400 KiB
            let sent = try runProgram(limited + words, input: big, environment: ["HOME": hub.scratch.path])
            #expect(sent.status == 71 && sent.errorText.contains("File too large"), "\(sent)")
            #expect(hub.files(in: "new").count == 1 && hub.files(in: "tmp").isEmpty)

            let id = try hub.queue(big, to: ["bob"])
            let carrier = [try InstalledCommands.path("mhcarry"), "-C", hub.rc]
            let run = try runProgram(limited + carrier, environment: ["HOME": hub.scratch.path])
            #expect(run.signal == nil && run.status == 0, "\(run)")
            #expect(hub.mail(of: "bob").count == 1, "the small one")
            #expect(try hub.mhqueue(["why", id]).outputText.contains("File too large"), "\(hub.log)")
        }
    }

    @Test("mhserve outlives such a file: the client is told to come again, and the next message is taken")
    func servedFileSize() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"], tracer: ["sh", "-c", "ulimit -f 400; exec \"$@\"", "sh"])
            let worker = try hub.worker()
            for (size, code) in [(600_000, "451"), (1000, "250")] {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                    _ = try client.say(command)
                }
                for _ in 0..<(size / 500) { try client.send([UInt8](repeating: 0x61, count: 498) + [0x0D, 0x0A]) }
                #expect(try client.say(".").hasPrefix(code), "\(hub.logs)")
            }
            #expect(try hub.worker() == worker)
            #expect(hub.messages(of: "alice").count == 1 && hub.leftovers().isEmpty)
        }
    }

    @Test("hears its words where a preloaded library hides them", arguments: names)
    func hiddenWords(_ name: String) async throws {
        try await onThread {
            var environment = try MovedClock.environment("+1d")
            environment.merge(["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]) { $1 }
            let result = try runProgram([try InstalledCommands.path(name), "--version"], environment: environment)
            #expect(result.status == 0 && result.outputText == "\(name) 0.1.0 (mailhub)\n", "\(result)")
        }
    }

    @Test("tells its release, and a script that completes its words", arguments: names)
    func versions(_ name: String) async throws {
        try await onThread {
            let version = try InstalledCommands.run([name, "--version"])
            #expect(version.status == 0 && version.outputText == "\(name) 0.1.0 (mailhub)\n", "\(version)")
        }
    }

    @Test("tells its words to the shells")
    func completions() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let script = "\(Project.path)/scripts/completions"
            let made = try runProgram([script, try InstalledCommands.directory(), scratch.path])
            #expect(made.status == 0, "\(made)")
            for name in ["mhfetch", "mhsend", "mhqueue", "mhroute", "mhserve"] {
                for file in [
                    "bash-completion/completions/\(name)", "zsh/site-functions/_\(name)",
                    "fish/vendor_completions.d/\(name).fish",
                ] {
                    let text = String(decoding: ScratchDirectory.read(scratch.file(file)) ?? [], as: UTF8.self)
                    #expect(text.contains("check") && text.contains(name), "\(file)")
                }
            }
        }
    }

    @Test("mhsend's completion offers what it knows, in bash as in zsh and fish")
    func writtenCompletions() async throws {
        try await onThread {
            func completed(_ word: String, after before: String) throws -> [Substring] {
                let ask = "source \"$0\"; _mhsend mhsend \"$1\" \"$2\"; printf '%s\\n' \"${COMPREPLY[@]}\""
                let file = "\(Project.path)/completions/mhsend.bash"
                let told = try runProgram(["bash", "-c", ask, file, word, before])
                #expect(told.status == 0, "\(told)")
                return told.outputText.split(separator: "\n")
            }
            #expect(try completed("--ch", after: "mhsend") == ["--check"])
            #expect(try completed("h", after: "-R") == ["hdrs"])
            let offered = try completed("-", after: "mhsend")
            #expect(offered.count > 20)
            let zsh = String(decoding: try Self.read("completions/_mhsend"), as: UTF8.self)
            let fish = String(decoding: try Self.read("completions/mhsend.fish"), as: UTF8.self)
            for word in offered {
                // With --help behind it an option is read, and nothing is done.
                let known = try InstalledCommands.run(["mhsend", String(word), "--help"])
                #expect(!known.errorText.contains("unknown"), "\(word) \(known)")
                #expect(zsh.contains(word), "\(word)")
                let letter = word.drop { $0 == "-" }
                #expect(
                    [" -s \(letter) ", " -o \(letter) ", " -l \(letter) "].contains { fish.contains($0) }, "\(word)")
            }
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        Array(try Project.text(path).utf8)
    }

    @Test("a word that is no UTF-8 is refused, for mended it would be another address")
    func brokenWords() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let script = "exec \"$0\" -C \"$1\" -odq -i -- \"$(printf 'jos\\351@far.example')\""
            let result = try runProgram(
                ["sh", "-c", script, try InstalledCommands.path("mhsend"), hub.rc], input: Array("x\n".utf8),
                environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(result.status == 64 && result.errorText.contains("is no UTF-8 text"), "\(result)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a log that is a pipe without a reader is an error and no reason to wait")
    func pipeForALog() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            #expect(unsafe mkfifo(hub.scratch.file("log"), 0o600) == 0)
            let result = try hub.mhqueue(["list"])
            #expect(result.status == 73 && result.errorText.contains("cannot write the log"), "\(result)")
        }
    }

    @Test("answers words that mean nothing with a sentence and a status of sysexits", arguments: names)
    func oddWords(_ name: String) async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let odd = [
                [""], ["-"], ["--"], ["--", "--"], ["-C"], ["-C", ""], ["-C", "/dev/null"], ["-C", scratch.path],
                ["--file="],
                ["--no-such-option"], ["-\u{7F}"], ["\n"], ["a\nb"], ["\u{1B}[2J"], ["%s%n"], ["$(id)"],
                [String(repeating: "a", count: 100_000)], [String](repeating: "x", count: 200),
                ["-C", "/dev/null", "--check"],
            ]
            for words in odd {
                let result = try InstalledCommands.run(
                    [name] + words, environment: ["HOME": scratch.path, "XDG_CONFIG_HOME": scratch.path])
                let what = "\(words.prefix(3).map { $0.prefix(20) }): \(result.description.prefix(600))"
                #expect([0, 64, 65, 66, 74, 75, 77, 78].contains(result.status) && result.signal == nil, "\(what)")
                #expect(!result.errorText.contains("internal error") && !result.errorText.contains("\u{1B}"), "\(what)")
                #expect(result.status == 0 || !result.errorText.isEmpty, "\(what)")
            }
        }
    }
}
