// Over IPv4 and IPv6: which address of a server is used, and from which of ours.

import Blocking
import MailTestKit
import Testing

@Suite("Addresses")
struct AddressesTests {
    /// An empty POP3 maildrop.
    private static let maildrop: [FakeServer.Step] =
        [
            .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
            .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
            .line("."), .expect("QUIT"), .line("+OK"),
        ]
    /// A server that takes a message.
    private static let smarthost: [FakeServer.Step] =
        [
            .line("220 fake"), .expect("EHLO"), .line("250 fake"), .expect("MAIL"), .line("250 ok"), .expect("RCPT"),
            .line("250 ok"), .expect("DATA"), .line("354 go"), .content, .line("250 ok"), .expect("QUIT"),
            .line("221 bye"),
        ]

    /// Runs `command` where `dual.test` has both addresses of the loopback.
    private func run(_ command: [String], in scratch: ScratchDirectory) throws -> CommandResult {
        let hosts = scratch.write("127.0.0.1 localhost dual.test\n::1 localhost dual.test\n", to: "hosts")
        return try runProgram(
            ["unshare", "-m", "sh", "-c", #"mount --bind "$1" /etc/hosts; shift; exec "$@""#, "sh", hosts] + command,
            environment: ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
    }

    private func fetch(_ port: UInt16, _ lines: String...) throws -> CommandResult {
        let rig = FetchRig()
        rig.configure("pop3 dual.test:\(port)", "tls off insecure", lines.joined(separator: "\n  "))
        return try run(
            [try InstalledCommands.path("mhfetch"), "-C", rig.scratch.file("mailhubrc")], in: rig.scratch)
    }

    private func send(_ port: UInt16, _ lines: String...) throws -> CommandResult {
        let hub = SendHub(account: ["auth off", "tls off insecure", "send smtp dual.test:\(port)"] + lines)
        try hub.queue(to: ["b@far.example"])
        return try run([try InstalledCommands.path("mhcarry"), "-C", hub.rc], in: hub.scratch)
    }

    @Test(
        "FE1: inet says which address of a server is used", .needsMounts,
        arguments: [("4", "127.0.0.1"), ("prefer4", "127.0.0.1"), ("6", "::1"), ("prefer6", "::1")])
    func chosen(_ inet: String, _ address: String) async throws {
        try await onThread {
            for isFetch in [true, false] {
                let script = isFetch ? Self.maildrop : Self.smarthost
                let four = try FakeServer(script)
                let six = try FakeServer(script, at: .v6, port: four.port)
                let result = try isFetch ? fetch(four.port, "inet \(inet)") : send(four.port, "inet \(inet)")
                #expect(result.status == 0, "\(result)")
                let sessions = four.stop() + six.stop()
                #expect(sessions.map { $0.client } == [address], "\(sessions)")
                #expect(sessions.allSatisfy { $0.finished }, "\(sessions)")
            }
        }
    }

    @Test(
        "FE1: an address that cannot be reached gives way to one of the other kind, unless inet forbids it",
        .needsMounts)
    func fallback() async throws {
        try await onThread {
            for (alive, preferred, only) in [(Loopback.Address.v4, "prefer6", "6"), (.v6, "prefer4", "4")] {
                let server = try FakeServer(Self.maildrop, at: alive)
                let refused = try fetch(server.port, "inet \(only)")
                #expect(refused.status == 75 && refused.errorText.contains("Connection refused"), "\(refused)")
                #expect(server.sessions.isEmpty)
                let taken = try fetch(server.port, "inet \(preferred)")
                #expect(taken.status == 0, "\(taken)")
                #expect(server.stop().map { $0.client } == [alive == .v4 ? "127.0.0.1" : "::1"])
            }
        }
    }

    @Test("FE1: source-ip is where a connection comes from, and its kind is the server's", .needsMounts)
    func source() async throws {
        try await onThread {
            let four = try FakeServer(Self.maildrop)
            let six = try FakeServer(Self.maildrop, at: .v6, port: four.port)
            for (source, server) in [("127.0.0.77", four), ("::1", six)] {
                let result = try fetch(four.port, "source-ip \(source)")
                #expect(result.status == 0, "\(result)")
                #expect(server.stop().map { $0.client } == [source])
            }
            let absent = try fetch(four.port, "source-ip 192.0.2.1")
            #expect(absent.status == 78 && absent.errorText.contains("192.0.2.1"), "\(absent)")
        }
    }

    @Test("FE1: mail goes in and out over IPv6, with TLS and by the server's address")
    func overIPv6() async throws {
        try await onThread {
            let server = try HubUnderTest(services: ["submissions", "pop3s"], address: "[::1]")
            let hub = ScratchDirectory()
            hub.write(
                """
                hostname h.test
                state \(hub.file("state"))
                maildirs \(hub.file("Mail"))/%m
                log \(hub.file("log"))
                mailbox m
                account there
                  owner m
                  address alice@example.org
                  user alice
                  password "alice's secret"
                  tls_trust_file \(server.certificatePath)
                  fetch pop3s [::1]:\(server.port("pop3s"))
                  send submissions [::1]:\(server.port("submissions"))

                """, to: "rc")
            func run(_ words: String..., input: [UInt8] = []) throws -> CommandResult {
                try InstalledCommands.run(
                    [words[0], "-C", hub.file("rc")] + words.dropFirst(), input: input, environment: ["HOME": hub.path])
            }
            let sent = try run(
                "mhsend", "-odi", "-f", "alice@example.org", "alice@example.org",
                input: Array("Subject: six\n\nx\n".utf8))
            #expect(sent.status == 0 && server.messages(of: "alice").count == 1, "\(sent) \(server.logs)")
            #expect(server.log.contains("client=::1"), "\(server.log)")
            let fetched = try run("mhfetch")
            #expect(fetched.status == 0, "\(fetched) \(server.logs)")
            let message = try #require(
                ScratchDirectory.names(in: hub.file("Mail/m/new")).first.flatMap {
                    ScratchDirectory.read(hub.file("Mail/m/new/\($0)"))
                })
            #expect(String(decoding: message, as: UTF8.self).contains("\nSubject: six\n"))
        }
    }

    @Test("FE1: clear text over a network is named by --check, at its line, and by -v", .needsMounts)
    func clearText() async throws {
        try await onThread {
            let server = try FakeServer(Self.maildrop)
            let rig = FetchRig()
            rig.configure("pop3 dual.test:\(server.port)", "tls off insecure")
            let mhfetch = [try InstalledCommands.path("mhfetch"), "-C", rig.scratch.file("mailhubrc")]
            let checked = try run(mhfetch + ["--check"], in: rig.scratch)
            #expect(checked.status == 0 && checked.errorText.contains("mailhubrc:11:"), "\(checked)")
            #expect(checked.errorText.contains("clear"), "\(checked)")
            let verbose = try run(mhfetch + ["-v"], in: rig.scratch)
            #expect(verbose.status == 0, "\(verbose)")
            #expect(verbose.errorText.contains(#"peer: in clear, as "tls off insecure" says"#), "\(verbose)")
        }
    }
}
