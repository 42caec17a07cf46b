// The peers themselves, without the hub: what a test may rely on.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("The peers")
struct PeersTests {
    @Test(
        "Dovecot serves what was put into its Maildir, over POP3S and over IMAP with STARTTLS",
        .needs(.dovecot, .curl))
    func dovecot() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(Oddity.leadingDots.file(), number: 1)
            dovecot.deliver(Array("Subject: junk\n\njunk\n".utf8), folder: "Spam", number: 1)
            let trust = ["--cacert", dovecot.certificate.certificatePath, "-u", "alice:secret", "-sS"]
            let popped = try runProgram(["curl"] + trust + ["pop3s://localhost:\(dovecot.pop3sPort)/1"])
            #expect(firstDifference(popped.output, Oddity.leadingDots.wire()) == nil, "\(popped) \(dovecot.logs)")
            let spam = "imap://localhost:\(dovecot.imapPort)/Spam;MAILINDEX=1"
            let fetched = try runProgram(["curl", "--ssl-reqd"] + trust + [spam])
            #expect(fetched.outputText == "Subject: junk\r\n\r\njunk\r\n", "\(fetched) \(dovecot.logs)")
            #expect(dovecot.messages() == [Oddity.leadingDots.file()])
        }
    }

    @Test("a certificate made to have expired has", .needs(.dovecot, .curl))
    func expired() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(expiredCertificate: true)
            let trust = ["--cacert", dovecot.certificate.certificatePath, "-u", "alice:secret", "-sS"]
            let refused = try runProgram(["curl"] + trust + ["pop3s://localhost:\(dovecot.pop3sPort)/"])
            #expect(refused.status == 60, "\(refused) \(dovecot.logs)")
            #expect(refused.errorText.contains("expired"))
        }
    }

    @Test(
        "Postfix asks Dovecot who logs in, and hands the mail to the sink octet for octet",
        .needsRoot(.postfix, .curl))
    func submission() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dovecot = try DovecotPeer()
            let postfix = try PostfixPeer(delivering: .smtp(sink.port), logins: dovecot)
            let scratch = ScratchDirectory()
            let file = scratch.write(Oddity.longLine.wire() + Oddity.leadingDots.wire(), to: "message")
            func submit(_ login: [String]) throws -> CommandResult {
                let envelope = ["--mail-from", "a@example.org", "--mail-rcpt", "b@example.net", "-T", file]
                let trust = ["--ssl-reqd", "--cacert", postfix.certificate.certificatePath]
                return try runProgram(
                    ["curl", "-sS", "smtp://localhost:\(postfix.port)/client.example"] + trust + envelope
                        + login)
            }
            #expect(try submit([]).status != 0, "no mail without a log-in")
            #expect(try submit(["-u", "alice:wrong"]).status == 67)
            let sent = try submit(["-u", "alice:secret"])
            #expect(sent.status == 0, "\(sent) \(postfix.logs) \(dovecot.logs)")
            let message = try #require(try sink.waitForMessages(1).first)
            #expect(message.forwardPaths.map { $0.prefix(15) } == ["<b@example.net>"])
            // The sink notes the message before its 250 has left.
            let limit = Deadline(after: .seconds(60))
            while sink.messages.first?.acknowledged != true, !limit.hasPassed { usleep(5_000) }
            #expect(sink.messages.first?.acknowledged == true)
            let wanted = Oddity.longLine.wire() + Oddity.leadingDots.wire()
            #expect(firstDifference(message.content.suffix(wanted.count), wanted) == nil)
            #expect(message.content.starts(with: Array("Received: from client.example".utf8)))
        }
    }

    @Test(
        "Postfix that only queues keeps the message and sends nothing; its sendmail works",
        .needsRoot(.postfix))
    func queueOnly() async throws {
        try await onThread {
            let postfix = try PostfixPeer(delivering: .queueOnly)
            let sendmail = postfix.sendmail
            let queued = try runProgram(
                sendmail.command + ["-f", "a@example.org", "b@example.net"],
                input: Array("Subject: x\n\nx\n".utf8),
                environment: sendmail.environment)
            #expect(queued.status == 0, "\(queued) \(postfix.logs)")
            let sent = try runProgram(
                [
                    "swaks", "--server", "127.0.0.1:\(postfix.port)", "-tls", "--from", "a@example.org",
                    "--to",
                    "b@example.net",
                ])
            #expect(sent.status == 0, "\(sent) \(postfix.logs)")
            #expect(postfix.queued(in: "incoming").count >= 1, "\(postfix.logs)")
        }
    }
}
