// When mhfetch fetches: --due by its list, times of the day, after sending; accounts side by side; without an environment.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

@Suite("Whose turn it is, and accounts side by side")
struct ScheduleTests {
    /// A hub with the mailbox alice and accounts named a1, a2, ….
    private final class Hub: Sendable {
        let scratch = ScratchDirectory()

        /// - Parameter accounts: the lines of each.
        init(_ accounts: [String]..., top: [String] = []) { configure(accounts, top: top) }

        func configure(_ accounts: [[String]], top: [String] = []) {
            let head = [
                "hostname hub.test", "state \(scratch.file("state"))", "maildirs \(scratch.file("Mail"))/%m",
                "log \(scratch.file("log"))", "accounts-at-once 8",
            ]
            let blocks = accounts.enumerated().flatMap { number, lines in
                ["account a\(number + 1)", "  user alice", "  password secret"] + lines.map { "  \($0)" }
            }
            let text = head.joined(separator: "\n").replacing(
                "accounts-at-once 8", with: top.isEmpty ? "accounts-at-once 8" : top.joined(separator: "\n"))
            scratch.write(
                text + "\nmailbox alice\n  address alice@hub.test\n" + blocks.joined(separator: "\n") + "\n", to: "rc")
        }

        func fetch(_ arguments: String..., zone: String = "UTC0") throws -> CommandResult {
            try InstalledCommands.run(
                ["mhfetch", "-C", scratch.file("rc")] + arguments,
                environment: ["HOME": scratch.path, "TZ": zone])
        }

        var messages: Int {
            ScratchDirectory.names(in: scratch.file("Mail/alice/new")).count
        }
    }

    private static func imap(_ dovecot: DovecotPeer) -> [String] {
        ["fetch imaps localhost:\(dovecot.imapsPort)", "tls_trust_file \(dovecot.certificate.certificatePath)"]
    }

    private func message(_ name: String) -> [UInt8] { Array("Subject: \(name)\n\nx\n".utf8) }

    @Test(
        "SC1, ask 9: --due with nothing due reads one small file besides the rc, and connects nowhere",
        .needs(.dovecot, .strace))
    func nothingDue() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let lines = Self.imap(dovecot) + ["every 1h"]
            let hub = Hub(lines, lines)
            #expect(try hub.fetch("--due").status == 0 && hub.messages == 2, "\(dovecot.logs)")
            dovecot.deliver(message("2"), number: 2)
            func traced() throws -> [Substring] {
                let trace = hub.scratch.file("trace")
                let result = try runProgram(
                    [
                        "strace", "-f", "-o", trace, "-e", "trace=openat,open,connect,socket",
                        try InstalledCommands.path("mhfetch"), "-C", hub.scratch.file("rc"), "--due",
                    ], environment: ["HOME": hub.scratch.path, "TZ": "UTC0", "PATH": "/usr/bin:/bin"])
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
                return String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self).split(separator: "\n")
            }
            let calls = try traced()
            let state = calls.filter { $0.contains(hub.scratch.file("state")) || $0.contains("\"due\"") }
            #expect(calls.contains { $0.contains("\"due\"") }, "\(calls)")
            #expect(state.count == 2, "\(state)")
            let others = calls.filter { $0.contains("journal") || $0.contains("AF_INET") }
            #expect(others.isEmpty, "\(others)")
            #expect(hub.messages == 2)
            // By name, or without --due, it is fetched all the same.
            #expect(try hub.fetch("a1").status == 0 && hub.messages == 3)
            // Another rc, and all are looked at: the journals know when they were fetched from.
            hub.configure([lines, lines + ["# changed"]])
            #expect(try traced().contains { $0.contains("journal") } && hub.messages == 3)
            #expect(try !traced().contains { $0.contains("journal") })
            // Without the list it is the same.
            #expect(unsafe unlink(hub.scratch.file("state/due")) == 0)
            #expect(try traced().contains { $0.contains("journal") } && hub.messages == 3)
            hub.configure([lines, Self.imap(dovecot) + ["every 1m"]])
            #expect(try hub.fetch("--due", "-v").errorText.contains("a2: not due yet"), "31 seconds must pass")
        }
    }

    @Test(
        "SC1: at: not before its time, then once a date, also where the clock on the wall is moved, or was ten years ahead",
        .needs(.dovecot))
    func timeOfDay() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            // Half an hour ahead.
            let minute = (time(nil) / 60 + 30) % 1440
            let at = "\(minute / 60):\(minute % 60 < 10 ? "0" : "")\(minute % 60)"
            let hub = Hub(["fetch imap 127.0.0.1:\(dovecot.imapPort)", "tls off", "at \(at)"])
            /// Whether a look with a clock that is so far ahead, in that zone, fetches.
            func isDue(_ ahead: String, _ zone: String = "UTC0") throws -> Bool {
                dovecot.deliver(message("x"), number: Int.random(in: 1...1 << 40))
                let before = hub.messages
                let result = try InstalledCommands.run(
                    ["mhfetch", "-C", hub.scratch.file("rc"), "--due"],
                    environment: MovedClock.environment(ahead).merging(
                        ["HOME": hub.scratch.path, "TZ": zone]) { $1 })
                #expect(result.status == 0 && result.errors.isEmpty, "\(ahead) \(zone): \(result)")
                return hub.messages > before
            }
            #expect(try isDue("+0"), "the first time at once")
            #expect(try !isDue("+20m"))
            #expect(try isDue("+31m") && !isDue("+32m"))
            // Over to New York, where it is not yet that time of the date again, and is when it has passed there.
            #expect(try !isDue("+2h", "WEST+5") && !isDue("+6h", "WEST+5"))
            #expect(try isDue("+30h", "WEST+5") && !isDue("+31h", "WEST+5"))
            #expect(try isDue("+3650d"))
            #expect(try isDue("+2d") && !isDue("+2d"))
            #expect(try isDue("+50h") && !isDue("+51h"))
        }
    }

    @Test(
        "SC1, SC2: only when sending: once at first, then after mail was sent through the account, once each",
        .needs(.dovecot))
    func whenSending() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let sink = try SinkServer(extensions: ["AUTH PLAIN", "8BITMIME"])
            // The sink speaks in clear, on the loopback.
            let hub = Hub([
                "owner alice", "address alice@a1.example", "only when sending", "tls off", "auth plain",
                "fetch imap 127.0.0.1:\(dovecot.imapPort)", "send smtp 127.0.0.1:\(sink.port)",
            ])
            func fetched() throws -> Int {
                dovecot.deliver(message("x"), number: Int.random(in: 1...1 << 40))
                let result = try hub.fetch("--due")
                #expect(result.status == 0 && result.errors.isEmpty, "\(result) \(dovecot.logs)")
                return hub.messages
            }
            #expect(try [fetched(), fetched()] == [1, 1])
            #expect(try hub.fetch("--status").outputText.contains("\n  due when mail was sent through it\n"))
            let sent = try InstalledCommands.run(
                ["mhsend", "-C", hub.scratch.file("rc"), "-odi", "-f", "alice@a1.example", "bob@b.example"],
                input: message("out"), environment: ["HOME": hub.scratch.path])
            #expect(sent.status == 0, "\(sent)")
            let path = try Project.text("examples/mailhub-fetch.path")
            #expect(path.contains("\nPathChanged=/var/lib/mailhub/run/sent\n"))
            _ = try InstalledCommands.run(
                ["mhsend", "-C", hub.scratch.file("rc"), "-q"], environment: ["HOME": hub.scratch.path])
            let log = String(decoding: ScratchDirectory.read(hub.scratch.file("log")) ?? [], as: UTF8.self)
            let due = String(decoding: ScratchDirectory.read(hub.scratch.file("state/due")) ?? [], as: UTF8.self)
            #expect(log.contains("status=sent") && due.contains("\nsent "), "\(log) \(due)")
            // What the path unit waits for.
            #expect(ScratchDirectory.read(hub.scratch.file("state/run/sent"))?.isEmpty == false)
            #expect(try fetched() == 3)
            // In the second of the sending it may be fetched from once more, and then no longer.
            usleep(1_100_000)
            _ = try fetched()
            let count = hub.messages
            #expect(try fetched() == count)
            #expect(try hub.fetch("a1").status == 0 && hub.messages > count)
        }
    }

    @Test(
        "SC3: a server that is silent delays no other account, and what all print comes in the order of the rc",
        .needs(.dovecot))
    func sideBySide() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let path = Mutex("")
            // Greets only when the other account's mail is here.
            let server = try FakeServer(
                [
                    .perform {
                        let deadline = Deadline(after: .seconds(20))
                        while !deadline.hasPassed, ScratchDirectory.names(in: path.withLock { $0 }).isEmpty {
                            usleep(10_000)
                        }
                    },
                    .line("-ERR late"),
                ], [.line("-ERR again")])
            let hub = Hub(
                ["fetch pop3 127.0.0.1:\(server.port)", "tls off"], Self.imap(dovecot), Self.imap(dovecot))
            path.withLock { $0 = hub.scratch.file("Mail/alice/new") }
            let result = try hub.fetch()
            #expect(result.status == 75 && hub.messages == 2, "\(result) \(dovecot.logs)")
            #expect(result.errorText.contains("a1") && !result.errorText.contains("a2"), "\(result)")
            let told = try hub.fetch("--count").outputText.split(separator: "\n").map { $0.prefix(3) }
            #expect(told == ["a2:", "a3:"], "\(told)")
        }
    }

    @Test("SC3: accounts-at-once 1: one after the other", .needs(.dovecot))
    func oneAtOnce() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let hub = Hub(Self.imap(dovecot), Self.imap(dovecot), Self.imap(dovecot), top: ["accounts-at-once 1"])
            #expect(try hub.fetch().status == 0 && hub.messages == 3, "\(dovecot.logs)")
        }
    }

    @Test("twenty accounts at once, with few descriptors: all are fetched from", .needs(.dovecot))
    func fewDescriptors() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...70 { dovecot.deliver(message("\(number)"), number: number) }
            let hub = Hub()
            hub.configure((0..<20).map { _ in Self.imap(dovecot) })
            for limit in [256, 1024] {
                let result = try runProgram(
                    [
                        "sh", "-c", "ulimit -n \(limit); exec \"$0\" \"$@\"", try InstalledCommands.path("mhfetch"),
                        "-C",
                        hub.scratch.file("rc"),
                    ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"], deadline: .seconds(60))
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
                #expect(hub.messages == 20 * 70)
            }
        }
    }

    @Test("SC3, ask 23: an empty environment will do", .needs(.dovecot))
    func emptyEnvironment() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let hub = Hub(Self.imap(dovecot))
            let result = try runProgram(
                ["env", "-i", try InstalledCommands.path("mhfetch"), "-C", hub.scratch.file("rc"), "--due"])
            #expect(result.status == 0 && result.errors.isEmpty && hub.messages == 1, "\(result)")
        }
    }

    @Test("SC2: a turn that did not come to the server comes again after ten minutes, whatever `every` says")
    func away() async throws {
        try await onThread {
            let hub = Hub(["fetch imap 127.0.0.1:1", "tls off", "every 1h"])
            for (ahead, status) in [("+0", 75), ("+8m", 0), ("+11m", 75), ("+20m", 0)] as [(String, Int32)] {
                let result = try InstalledCommands.run(
                    ["mhfetch", "-C", hub.scratch.file("rc"), "--due"],
                    environment: MovedClock.environment(ahead).merging(["HOME": hub.scratch.path]) { $1 })
                #expect(result.status == status, "\(ahead): \(result)")
            }
            // The network has come up: at once.
            func look(_ ahead: String, _ arguments: String...) throws -> CommandResult {
                try InstalledCommands.run(
                    ["mhfetch", "-C", hub.scratch.file("rc")] + arguments,
                    environment: MovedClock.environment(ahead).merging(["HOME": hub.scratch.path]) { $1 })
            }
            #expect(try look("+19m", "--due").status == 0)
            let online = try look("+19m", "--due", "--online")
            #expect(online.status == 75, "\(online)")
            #expect(try hub.fetch("--online").status == 64)
            let status = try look("+20m", "--status").outputText
            #expect(status.contains("\n  due in "), "\(status)")
        }
    }

    @Test("SC3, ask 23: the lines for cron, of the page and of the README, work as they are printed", .needs(.dovecot))
    func cronLines() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let directory = try InstalledCommands.directory()
            var tried = 0
            for page in ["man/mhfetch.1", "man/mhsend.8", "README.md"] {
                for line in try Project.text(page).replacing("\\-", with: "-").split(separator: "\n")
                where line.contains("* * * *  ") {
                    let words = line.replacing(".Dl \"", with: "").replacing("\"", with: "")
                    let fields = words.split(separator: " ", maxSplits: 5)
                    let command = try #require(fields.last).trimmingPrefix(" ")
                    #expect(fields.count == 6 && fields.prefix(5).allSatisfy { $0 == "*" || $0 == "*/5" }, "\(line)")
                    let hub = Hub(Self.imap(dovecot) + ["every 15m"])
                    // What this installation has where a real one has it.
                    let places = ["/usr/local/bin/", "~/.local/bin/"]
                    #expect(places.contains { command.hasPrefix($0) }, "\(line): cron has a short PATH")
                    let here = places.reduce(String(command)) { $0.replacing($1, with: "\(directory)/") }
                    // As cron(8) starts it.
                    let result = try runProgram(
                        [
                            "env", "-i", "HOME=\(hub.scratch.path)", "LOGNAME=nobody", "SHELL=/bin/sh",
                            "PATH=/usr/bin:/bin", "MAILHUBRC=\(hub.scratch.file("rc"))", "/bin/sh", "-c", here,
                        ])
                    #expect(result.status == 0 && result.errors.isEmpty && result.output.isEmpty, "\(result)")
                    tried += 1
                }
            }
            #expect(tried == 4)
        }
    }

    @Test(
        "SC2, ask 23: the units of systemd are understood by it, and the script for the network by sh",
        .needs(.systemdAnalyze))
    func examples() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let directory = try InstalledCommands.directory()
            let names = ScratchDirectory.names(in: "\(Project.path)/examples").filter { $0.hasPrefix("mailhub-") }
            #expect(names.count == 7, "\(names)")
            for name in names {
                let text = try Project.text("examples/\(name)").replacing("/usr/local/bin", with: directory)
                scratch.write(text, to: name)
            }
            for name in names {
                let result = try runProgram(
                    ["systemd-analyze", "verify", "--man=no", scratch.file(name)],
                    environment: ["PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": "\(scratch.path):/lib/systemd/system"])
                let told = result.errorText.split(separator: "\n").filter { $0.contains("mailhub-") }
                #expect(result.status == 0 && told.isEmpty, "\(name): \(result)")
            }
            // The commands are stand-ins that tell that they were called.
            let called = scratch.file("called")
            for name in ["mhsend", "mhfetch"] {
                scratch.write("#!/bin/sh\necho \(name) $* >> \(called)\n", to: name, mode: 0o755)
            }
            let script = try Project.text("examples/network-up").replacing("/usr/local/bin", with: scratch.path)
            scratch.write(script, to: "network-up", mode: 0o755)
            let calls: [(words: [String], action: String?, runs: Bool)] = [
                (["ppp0", "/dev/ttyS0", "115200"], nil, true), (["eth0", "up"], "up", true), ([], nil, true),
                (["eth0", "down"], "down", false), (["eth0", "dhcp4-change"], "dhcp4-change", false),
                (["lo", "up"], "up", false),
            ]
            for call in calls {
                _ = try runProgram(["rm", "-f", called])
                var environment = ["PATH": "/usr/bin:/bin"]
                if let action = call.action { environment["NM_DISPATCHER_ACTION"] = action }
                let result = try runProgram([scratch.file("network-up")] + call.words, environment: environment)
                let lines = String(decoding: ScratchDirectory.read(called) ?? [], as: UTF8.self)
                #expect(result.status == 0 && result.errors.isEmpty, "\(call): \(result)")
                #expect(lines == (call.runs ? "mhsend -q\nmhfetch --due --online\n" : ""), "\(call): \(lines)")
            }
        }
    }

    @Test("an rc with times that are none, or that contradict each other, says so")
    func faults() async throws {
        try await onThread {
            let hub = Hub(
                ["fetch imap localhost", "tls off", "at 25:00", "only sending", "jitter 13h"])
            let told = try hub.fetch("--check").errorText
            #expect(told.contains("a time of the day is written as 06:30, not \"25:00\""), "\(told)")
            #expect(told.contains("write \"only when sending\"") && told.contains("0 to 12 hours"), "\(told)")
            hub.configure([["fetch imap localhost", "tls off", "at 6:30", "only when sending"]])
            let second = try hub.fetch("--check").errorText
            #expect(second.contains("nothing is sent through it"), "\(second)")
            #expect(second.contains("exclude each other"), "\(second)")
        }
    }

    @Test(
        "SC1: at 02:30: once in the night in which that time does not come, and once in that in which it comes twice",
        .needs(.dovecot))
    func nights() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            // Central Europe's rule, without the files of a zone.
            let zone = "CET-1CEST,M3.5.0,M10.5.0/3"
            for (night, date) in [("@2027-03-28", "lost"), ("@2026-10-25", "doubled")] {
                let hub = Hub(["fetch imap 127.0.0.1:\(dovecot.imapPort)", "tls off", "at 02:30"])
                func look(_ utc: String) throws -> Bool {
                    dovecot.deliver(message("x"), number: Int.random(in: 1...1 << 40))
                    let before = hub.messages
                    let seconds = try #require(try Self.seconds("\(night.dropFirst()) \(utc)"))
                    let ahead = seconds - time(nil)
                    let result = try InstalledCommands.run(
                        ["mhfetch", "-C", hub.scratch.file("rc"), "--due"],
                        environment: MovedClock.environment("\(ahead < 0 ? "" : "+")\(ahead)").merging(
                            ["HOME": hub.scratch.path, "TZ": zone]) { $1 })
                    #expect(result.status == 0 && result.errors.isEmpty, "\(utc): \(result)")
                    return hub.messages > before
                }
                // By UTC; the clock on the wall is moved at 01:00. The evening before begins the account.
                _ = try hub.fetch("--status")
                var runs: [String] = []
                for minute in stride(from: 0, through: 170, by: 10) {
                    let utc =
                        "\(minute / 60 < 10 ? "0" : "")\(minute / 60):\(minute % 60 < 10 ? "0" : "")\(minute % 60):05"
                    if try look(utc) { runs.append(utc) }
                }
                // The first look of all begins it, and one more follows at its time.
                #expect(runs.count == 2 && runs.first == "00:00:05", "\(date): \(runs)")
                #expect(runs.last == (date == "lost" ? "01:00:05" : "00:30:05"), "\(date): \(runs)")
            }
        }
    }

    /// Seconds since 1970 of a time in UTC.
    private static func seconds(_ text: String) throws -> Int? {
        Int(try runProgram(["date", "-u", "-d", text, "+%s"]).outputText.filter(\.isNumber))
    }
}
