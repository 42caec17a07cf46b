// A refused login: a state of its own, which no timer turns into a storm that locks the account.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("A refused login")
struct LoginRefusalTests {
    private typealias Step = FakeServer.Step

    /// A POP3 session up to the answer to the password.
    private static func session(_ answer: String) -> [Step] {
        [
            .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"), .expect("PASS"),
            .line(answer), .drain,
        ]
    }

    private static let empty: [Step] = [
        .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"), .expect("PASS"),
        .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"), .line("."), .expect("QUIT"),
        .line("+OK"),
    ]

    private func rig(_ server: FakeServer, password: String = "secret") -> FetchRig {
        let rig = FetchRig()
        rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", password: password)
        return rig
    }

    @Test(
        "FE3: is told three times, then left alone and shown by --status, until somebody mends the rc or says --retry")
    func pause() async throws {
        try await onThread {
            let no = Self.session("-ERR [AUTH] wrong password")
            let server = try FakeServer(no, no, no, no, Self.empty)
            let rig = rig(server)
            for number in 1...3 {
                let result = try rig.fetch()
                #expect(result.status == 77 && result.errorText.contains("refused the login of alice"), "\(result)")
                #expect(server.sessions.count == number)
            }
            let before = rig.journal
            for _ in 1...3 {
                let result = try rig.fetch()
                // Cron would send a letter for each word.
                #expect(result.status == 77 && result.errors.isEmpty && result.output.isEmpty, "\(result)")
            }
            #expect(server.sessions.count == 3 && rig.journal == before)
            let loud = try rig.fetch("-v")
            #expect(loud.status == 77 && loud.errorText.contains("it is tried again in 1"), "\(loud)")
            let folders = try rig.fetch("--status")
            #expect(folders.status == 77 && folders.errorText.isEmpty, "\(folders)")
            #expect(
                folders.outputText.contains(
                    "login refused, the first time just now, the last time just now: wrong password"),
                "\(folders)")
            #expect(try rig.fetch("--status", "--json").outputText.contains(#""login":{"refused":3,"since":"#))
            #expect(try rig.fetch("--retry").status == 77 && server.sessions.count == 4)
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", password: "right")
            let mended = try rig.fetch()
            #expect(mended.status == 0 && server.sessions.count == 5, "\(mended)")
            let status = try rig.fetch("--status")
            #expect(status.status == 0 && !status.outputText.contains("login"), "\(status)")
        }
    }

    @Test("FE3: is tried again at once when the password's file has changed")
    func passwordFile() async throws {
        try await onThread {
            let no = Self.session("-ERR [AUTH] wrong password")
            let server = try FakeServer(no, no, no, Self.empty)
            let rig = FetchRig()
            let file = rig.scratch.write("wrong\n", to: "password")
            rig.configure(
                "pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", secret: "passwordfile \(file)")
            for _ in 1...4 { #expect(try rig.fetch().status == 77) }
            #expect(server.sessions.count == 3)
            rig.scratch.write("right\n", to: "password")
            #expect(try rig.fetch().status == 0)
            #expect(server.stop().last?.lines.contains("PASS right") == true)
        }
    }

    @Test("FE3: is none where the server has a fault of its own: [IN-USE] twenty times, and the next run fetches")
    func inUse() async throws {
        try await onThread {
            for code in ["[IN-USE] locked", "[SYS/TEMP] come back", "[LOGIN-DELAY] slowly", "maildrop already locked"] {
                let scripts = Array(repeating: Self.session("-ERR \(code)"), count: 20)
                let server = try FakeServer(
                    scripts[0], scripts[1], scripts[2], scripts[3], scripts[4], scripts[5], scripts[6], scripts[7],
                    scripts[8], scripts[9], scripts[10], scripts[11], scripts[12], scripts[13], scripts[14],
                    scripts[15], scripts[16], scripts[17], scripts[18], scripts[19], Self.empty)
                let rig = rig(server)
                for _ in 1...20 {
                    let result = try rig.fetch()
                    #expect(result.status == 75 && result.errorText.contains("it is tried again later"), "\(result)")
                }
                #expect(!(try rig.fetch("--status").outputText.contains("login refused")))
                #expect(try rig.fetch().status == 0 && server.sessions.count == 21)
            }
        }
    }

    @Test("FE3: by nine processes at once is asked for three times")
    func nineProcesses() async throws {
        try await onThread {
            let server = try FakeServer(Self.session("-ERR [AUTH] no"))
            let rig = FetchRig()
            let accounts = (1...9).map {
                """
                account number\($0)
                  user alice
                  password secret
                  fetch pop3 127.0.0.1:\(server.port)
                  tls off
                  timeout 20

                """
            }
            rig.scratch.write(
                "state \(rig.scratch.file("state"))\nmaildirs \(rig.scratch.file("Mail"))/%m\nmailbox alice\n"
                    + accounts.joined(), to: "mailhubrc")
            let commands = (1...9).map { _ in RunningCommand() }
            for (number, command) in commands.enumerated() { try rig.start("number\(number + 1)", as: command) }
            for command in commands { #expect(command.end()?.status == 77) }
            #expect(server.stop().count { $0.lines.contains { $0.hasPrefix("PASS") } } == 3)
        }
    }

    @Test("at one port keeps nobody from another one, which may be another service")
    func otherPort() async throws {
        try await onThread {
            let bad = try FakeServer(Self.session("-ERR [AUTH] no"))
            let good = try FakeServer(Self.empty)
            let rig = rig(bad)
            for _ in 1...4 { #expect(try rig.fetch().status == 77) }
            #expect(bad.sessions.count == 3)
            rig.scratch.write(
                String(decoding: ScratchDirectory.read(rig.scratch.file("mailhubrc")) ?? [], as: UTF8.self)
                    + "account other\n  user alice\n  password secret\n  fetch pop3 127.0.0.1:\(good.port)\n  tls off\n",
                to: "mailhubrc")
            #expect(try rig.fetch("other").status == 0 && good.sessions.count == 1)
        }
    }

    // MARK: Tokens that are good for one use

    /// A keeper of tokens whose server takes each refresh token once. Between the server's answer and the rename of its
    /// file there is time to be killed.
    private static func keeper(in scratch: ScratchDirectory) -> String {
        scratch.write("1\n", to: "server")
        scratch.write("1\n", to: "store")
        return scratch.write(
            """
            #!/bin/sh
            cd \(scratch.path) || exit 75
            have=$(cat store)
            if test "$have" != "$(cat server)"; then
                echo "error: invalid_grant" >&2
                exit 1
            fi
            next=$((have + 1))
            echo $next > server.new && mv server.new server
            : > asked
            sleep 0.5
            echo $next > store.new && mv store.new store
            echo token$next
            """, to: "keeper", mode: 0o700)
    }

    private static let tokenSession: [Step] = [
        .line("+OK fake"), .expect("CAPA"), .line("+OK"), .line("SASL XOAUTH2"), .line("."), .expect("AUTH XOAUTH2 "),
        .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"), .line("."), .expect("QUIT"),
        .line("+OK"),
    ]

    private func tokenRig(_ servers: [FakeServer]) -> FetchRig {
        let rig = FetchRig()
        let keeper = Self.keeper(in: rig.scratch)
        let accounts = servers.enumerated().map {
            """
            account number\($0.offset)
              user alice
              tokeneval \(keeper)
              fetch pop3 \($0.offset == 0 ? "127.0.0.1" : "localhost"):\($0.element.port)
              tls off

            """
        }
        rig.scratch.write(
            "state \(rig.scratch.file("state"))\nmaildirs \(rig.scratch.file("Mail"))/%m\nmailbox alice\n"
                + accounts.joined(), to: "mailhubrc")
        return rig
    }

    @Test("FE3: is not the end of two processes at one store of tokens: they take turns")
    func oneStore() async throws {
        try await onThread {
            let servers = [try FakeServer(Self.tokenSession), try FakeServer(Self.tokenSession)]
            let rig = tokenRig(servers)
            let commands = (0...1).map { _ in RunningCommand() }
            for (number, command) in commands.enumerated() {
                try rig.start("number\(number)", by: OrdinaryUser.prefix, as: command)
            }
            for command in commands { #expect(command.end()?.status == 0) }
            #expect(ScratchDirectory.read(rig.scratch.file("store")) == Array("3\n".utf8))
        }
    }

    @Test(
        "FE3, ask 2: is not the end of a run that is killed between the server's answer and the rename: the new token is kept",
        arguments: [SIGKILL, SIGTERM])
    func killed(_ signal: Int32) async throws {
        try await onThread {
            let server = try FakeServer(Self.tokenSession)
            let rig = tokenRig([server])
            let command = RunningCommand()
            try rig.start(by: OrdinaryUser.prefix, as: command)
            let deadline = Deadline(after: .seconds(10))
            while ScratchDirectory.read(rig.scratch.file("asked")) == nil, !deadline.hasPassed { usleep(5000) }
            command.signal(signal)
            #expect(command.end()?.signal == signal)
            let next = try rig.fetch(isOrdinary: true)
            #expect(next.status == 0, "\(next)")
            #expect(ScratchDirectory.read(rig.scratch.file("store")) == Array("3\n".utf8))
        }
    }

    @Test("by the server of the tokens is a refused login, too")
    func invalidGrant() async throws {
        try await onThread {
            let asking = Array(Self.tokenSession.prefix(5)) + [.drain]
            let server = try FakeServer(asking)
            let rig = tokenRig([server])
            rig.scratch.write("0\n", to: "store")
            for _ in 1...3 {
                let result = try rig.fetch(isOrdinary: true)
                #expect(result.status == 77 && result.errorText.contains("invalid_grant; log in again"), "\(result)")
            }
            #expect(try rig.fetch(isOrdinary: true).errors.isEmpty && server.stop().count == 3)
            #expect(try rig.fetch("--status").outputText.contains("login refused"))
        }
    }
}
