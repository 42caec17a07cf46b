// mhfetch killed at any place: nothing is lost, nothing comes twice.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("mhfetch killed", .serialized)
struct FetchCrashTests {
    @Test(
        "FE4, ask 5: after kill -9 at a hundred places every message is there once", .needs(.dovecot),
        arguments: [("pop3s", "keep on"), ("imaps", "keep on"), ("pop3s", "keep off"), ("imaps", "keep off")])
    func killed(_ service: String, _ keep: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            // Several times what may be on its way at once: else a death would come before or behind all of them.
            let padding = Array(String(repeating: String(repeating: "x", count: 99) + "\n", count: 150).utf8)
            let messages = smallMessages(130).map { $0 + padding }
            let relay = try KillingRelay(to: service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort)
            var random = SplitMix(seed: UInt64(service.utf8.count * 10 + keep.utf8.count))
            // What the server says in a whole run, so that most deaths come in the midst of one.
            var whole: Int?
            var killed = 0
            var partial = 0
            var number = 0
            while killed < 25 {
                let rig = FetchRig()
                rig.configure("\(service) localhost:\(relay.port)", trusting: dovecot, keep)
                if dovecot.messages().isEmpty {
                    for message in messages {
                        number += 1
                        dovecot.deliver(message, number: number)
                    }
                }
                guard let length = whole else {
                    relay.arm(after: .max)
                    let result = try rig.fetch()
                    #expect(result.status == 0, "\(result) \(dovecot.logs)")
                    whole = relay.octets
                    continue
                }
                for _ in 0..<5 {
                    relay.arm(after: Int.random(in: length / 20..<length, using: &random))
                    let log = rig.scratch.file("out")
                    let run = try InstalledCommands.start(
                        ["mhfetch", "-C", rig.scratch.file("mailhubrc")], environment: ["HOME": rig.scratch.path],
                        log: log)
                    relay.victim(run.child)
                    #expect(run.child.wait(until: Deadline(after: .seconds(60))) != nil, "\(dovecot.logs)")
                    // A run that follows on others has less to fetch: it may have come to its end.
                    guard relay.hasKilled else { break }
                    killed += 1
                    let count = rig.messages().count
                    if count > 0, count < messages.count { partial += 1 }
                }
                relay.arm(after: .max)
                let result = try rig.fetch("--retry")
                #expect(result.status == 0, "\(result) \(dovecot.logs)")
                #expect(counted(rig.messages()) == counted(messages), "\(result)")
                #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
                if keep == "keep off" { #expect(dovecot.messages().isEmpty) }
            }
            #expect(partial > 0, "no death came in the midst of it")
        }
    }

    @Test(
        "FE4, ask 5: killed at any call that changes the disk, with two batches under way: every message is there once",
        .needs(.strace), .needs(.dovecot),
        arguments: [
            "write", "openat", "fallocate", "fsync", "fdatasync", "renameat", "renameat2", "unlinkat", "linkat",
        ])
    func killedAnywhere(_ call: String) async throws {
        try await onThread {
            // Calls of these kinds there are in every such run; the others are here for the day when they are used.
            let isUsed = ["write", "openat", "fallocate", "fdatasync", "fsync", "renameat2"].contains(call)
            let dovecot = try DovecotPeer()
            let messages = smallMessages(80)
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number) }
            var kills = 0
            // Each of the first calls, then further and further apart: most of them do the same for another message.
            var number = 1
            while number < 500 {
                let rig = FetchRig()
                rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot)
                let trace = rig.scratch.file("trace")
                let killed = try runProgram(
                    [
                        "strace", "-f", "-o", trace, "-e", "trace=\(call)", "-e",
                        "inject=\(call):signal=KILL:when=\(number)", try InstalledCommands.path("mhfetch"), "-C",
                        rig.scratch.file("mailhubrc"),
                    ], environment: ["HOME": rig.scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
                let traced = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self)
                let wasKilled = traced.contains("killed by SIGKILL")
                #expect(wasKilled == (killed.status != 0), "\(call) \(number): \(killed)")
                #expect(rig.messages().count == counted(rig.messages()).count, "\(call) \(number)")
                let result = try rig.fetch("--retry")
                #expect(result.status == 0, "\(call) \(number): \(result) \(dovecot.logs)")
                #expect(counted(rig.messages()) == counted(messages), "\(call) \(number): \(result)")
                #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty, "\(call) \(number)")
                if !wasKilled { break }
                kills += 1
                number += 1 + number / 6
            }
            #expect(kills > 0 || !isUsed, "no kill")
        }
    }

    @Test(
        "FE5: killed when a copy was made and nobody was told: it is copied once more at most, then deleted, and comes once"
    )
    func killedBehindCopy() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let running = RunningCommand()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            rig.configure("imap 127.0.0.1:\(server.port)", "tls off", "timeout 5", "move Done")
            mailbox.lie { command in
                guard command.hasPrefix("UID COPY") else { return nil }
                running.signal(SIGKILL)
                return ""
            }
            try rig.start(as: running)
            #expect(running.end()?.signal == SIGKILL)
            #expect(mailbox.deleted.isEmpty && rig.messages().count == 3)
            mailbox.lie(nil)
            for _ in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result)")
            }
            #expect(counted(rig.messages()) == counted(PlayedMailbox.uids.map { PlayedMailbox.file($0) }))
            #expect(mailbox.left.isEmpty && mailbox.deleted == PlayedMailbox.uids)
            let said: [String] = server.stop().flatMap(\.lines)
            let copies = said.filter { $0.contains("UID COPY") }
            #expect(copies.count == 2, "\(copies)")
        }
    }
}
