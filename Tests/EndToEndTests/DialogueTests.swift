// mhsend -bs: messages by SMTP on standard input and output, as Alpine and other programs of the machine hand them in.

import Glibc
import MailTestKit
import Testing

@Suite("SMTP on standard input")
struct DialogueTests {
    private func hub(top: [String] = []) -> SendHub {
        SendHub(account: ["auth off", "tls off", "send smtp 127.0.0.1:9"], top: ["retry 60 600", "queue-only"] + top)
    }

    private func codes(_ result: CommandResult) -> [String] {
        result.outputText.split(separator: "\r\n").filter { $0.dropFirst(3).first != "-" }.map { String($0.prefix(3)) }
    }

    private static let alpine = """
        EHLO localhost\r
        MAIL FROM:<alice@one.example>\r
        RCPT TO:<bob@home.example>\r
        RCPT TO:<far@far.example> NOTIFY=SUCCESS\r
        DATA\r
        Subject: one\r
        \r
        ..dot\r
        .\r
        RSET\r
        MAIL FROM:<>\r
        RCPT TO:<alice>\r
        DATA\r
        Subject: two\r
        \r
        .\r
        QUIT\r

        """

    @Test(
        "SE1, ask 19: Alpine's dialogue, by -bs and by the names smtpd and in.smtpd; 250 means that it is in the queue")
    func alpine() async throws {
        try await onThread {
            for ends in ["\r\n", "\n"] {
                let hub = hub()
                let result = try hub.mhsend(
                    ["-bs", "-oem"], input: Array(Self.alpine.replacing("\r\n", with: ends).utf8))
                #expect(result.status == 0 && result.errorText.isEmpty, "\(result)")
                #expect(
                    codes(result) == [
                        "220", "250", "250", "250", "250", "354", "250", "250", "250", "250", "354", "250", "221",
                    ],
                    "\(result)")
                let listed = try hub.listed.sorted { $0.contains("alice@one") && !$1.contains("alice@one") }
                try #require(listed.count == 2, "\(result)")
                #expect(listed[0].contains("\"from\":\"alice@one.example\""), "\(listed)")
                #expect(listed[1].contains("\"from\":\"\"") && listed[1].contains("alice@hub.example"), "\(listed)")
                for line in listed {
                    let id = try #require(SendHub.id(of: line))
                    #expect(result.outputText.contains("250 2.0.0 queued as \(id)\r\n"), "\(result)")
                    let text = try hub.mhqueue(["show", id]).outputText
                    #expect(text.contains("(mailhub, from userid \(getuid()))"), "\(text)")
                    #expect(text.contains("\nDate: ") && text.contains("\nMessage-ID: <"), "\(text)")
                    #expect(text.contains("Subject: two") || text.hasSuffix("\n\n.dot\n"), "\(text)")
                }
                #expect(!result.outputText.contains("AUTH") && !result.outputText.contains("STARTTLS"))
            }
            for name in ["smtpd", "in.smtpd"] {
                let hub = hub()
                let link = hub.scratch.file(name)
                _ = unsafe symlink(try InstalledCommands.path("mhsend"), link)
                let result = try runProgram(
                    [link, "-C", hub.rc], input: Array(Self.alpine.utf8), environment: ["HOME": hub.scratch.path])
                #expect(result.status == 0, "\(result)")
                #expect(try hub.listed.count == 2)
            }
        }
    }

    @Test("SE1: swaks speaks to mhsend -bs through a pipe", .needs(.swaks))
    func swaks() async throws {
        try await onThread {
            let hub = hub()
            let program = try InstalledCommands.path("mhsend")
            let result = try runProgram(
                [
                    "swaks", "--pipe", "\(program) -C \(hub.rc) -bs", "--from", "alice@one.example", "--to",
                    "bob@home.example,x@far.example", "--data", "Subject: by a pipe\n\nx\n",
                ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(result.status == 0, "\(result)")
            let listed = try hub.listed
            #expect(listed.count == 1 && listed[0].contains("x@far.example"), "\(listed)")
        }
    }

    @Test("SE1: what is cut off within a message is not sent, and says so; between two messages nothing is lost")
    func cutOff() async throws {
        try await onThread {
            let hub = hub()
            let whole = Self.alpine
            let end = try #require(whole.firstRange(of: "..dot\r\n"))
            let cut = try hub.mhsend(["-bs"], input: Array(whole[..<end.upperBound].utf8))
            #expect(cut.status == 75 && cut.errorText.contains("nothing of it was sent"), "\(cut)")
            #expect(try hub.listed.isEmpty)
            let half = try #require(whole.firstRange(of: "RSET"))
            let between = try hub.mhsend(["-bs"], input: Array(whole[..<half.lowerBound].utf8))
            #expect(between.status == 0, "\(between)")
            #expect(try hub.listed.count == 1)
            #expect(hub.files(in: "tmp").isEmpty)
        }
    }

    @Test("SE1: ten thousand recipients in one dialogue, a message that is too large, and words that mean nothing")
    func bounds() async throws {
        try await onThread {
            let hub = hub(top: ["size-limit 64k", "allow_from_override off"])
            var text = "EHLO x\r\nMAIL FROM:<forged@far.example>\r\n"
            for number in 0..<10_000 { text += "RCPT TO:<u\(number)@far.example>\r\n" }
            text += "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nAUTH PLAIN AHgAeA==\r\nSTARTTLS\r\nEXPN x\r\n"
            text += "MAIL FROM:<a@far.example>\r\nRCPT TO:<b@far.example>\r\nDATA\r\n"
            text += String(repeating: String(repeating: "x", count: 70) + "\r\n", count: 2000) + ".\r\nQUIT\r\n"
            let result = try hub.mhsend(["-bs"], input: Array(text.utf8), deadline: .seconds(60))
            #expect(result.status == 0, "\(result.status)")
            let codes = codes(result)
            #expect(codes.count(where: { $0 == "250" }) == 10_005, "\(codes.suffix(12))")
            // What comes behind content that is too large is not read: it may still be content.
            #expect(
                codes.suffix(9) == ["354", "250", "502", "502", "502", "250", "250", "354", "552"],
                "\(codes.suffix(10))")
            let listed = try hub.listed
            #expect(listed.count == 1 && !listed[0].contains("forged@"), "who hands mail in may not say who sends it")
        }
    }

    @Test("SE1: a connection from the network is not its user's; by whatever name it is refused")
    func network() async throws {
        try await onThread {
            let hub = hub()
            let program = try InstalledCommands.path("mhsend")
            let result = try runProgram(
                [
                    "python3", "-c",
                    """
                    import socket, subprocess, sys
                    s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
                    c = socket.create_connection(s.getsockname()); a, _ = s.accept()
                    p = subprocess.run([sys.argv[1], "-C", sys.argv[2], "-bs"], stdin=a, stdout=a, stderr=subprocess.PIPE)
                    print(p.returncode, p.stderr.decode())
                    """, program, hub.rc,
                ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(result.outputText.hasPrefix("64 ") && result.outputText.contains("run mhserve"), "\(result)")
        }
    }
}
