// Command lines, good and bad, and what they are read as.

import MailEnvelope
import MailFormat
import Octets
import Testing

@testable import SMTPProtocol

struct SMTPCommandTests {
    private func read(_ line: String) throws(CommandFault) -> SMTPCommand {
        try CommandGrammar.command(Array(line.utf8))
    }

    private func address(_ text: String) throws -> Address { try Address(text) }

    @Test(
        "reverse-paths in all the forms that clients send",
        arguments: [
            ("MAIL FROM:<a@b.example>", "<a@b.example>"), ("mail from:<a@b.example>", "<a@b.example>"),
            ("MAIL FROM: <a@b.example>", "<a@b.example>"), ("MAIL FROM:   a@b.example", "<a@b.example>"),
            ("MAIL FROM:a@b.example  ", "<a@b.example>"), ("MAIL FROM:<>", "<>"), ("MAIL FROM: <>", "<>"),
            ("MAIL FROM:<@x.example,@y.example:a@b.example>", "<a@b.example>"),
            ("MAIL FROM:<@[IPv6:::1]:a@b.example>", "<a@b.example>"),
            (#"MAIL FROM:<"a b>c"@d.example>"#, #"<"a b>c"@d.example>"#),
            (#"MAIL FROM:"a b"@d.example SIZE=1"#, #"<"a b"@d.example>"#),
            (#"MAIL FROM:<"a@evil.example"@d.example>"#, #"<"a@evil.example"@d.example>"#),
            ("MAIL  FROM:<A@B.Example>", "<A@b.example>"), ("MAIL FROM:<a@[192.0.2.1]>", "<a@[192.0.2.1]>"),
        ])
    func reversePath(line: String, path: String) throws {
        guard case .mail(let found, _) = try read(line) else {
            Issue.record("no MAIL")
            return
        }
        #expect(found.reversePath.description == path)
    }

    @Test(
        "what is no path is refused",
        arguments: [
            "MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM: ", "MAIL TO:<a@b>", "MAIL FROM:<a@b", "MAIL FROM:<a@b>x",
            "MAIL FROM:<a@b>SIZE=3", "MAIL FROM:<a b@c>", "MAIL FROM:<a@b@c>", "MAIL FROM:<@x:>", "MAIL FROM:<@x,:a@b>",
            "MAIL FROM:<@x a@b>", #"MAIL FROM:<"a@b>"#, #"MAIL FROM:<"a\"#, "MAIL FROM:<<a@b>>", "MAIL FROM:<a@>",
            "MAIL FROM:<@b>", "RCPT TO:<>", "RCPT TO:", "RCPT FROM:<a@b>", "RCPT TO:<a@-b>", "RCPT TO:<a@b> NOTIFY",
            "MAIL FROM:<a@b> =3", "MAIL FROM:<a@b> -X=3",
        ])
    func badPath(line: String) {
        #expect(throws: CommandFault.self, "\(line)") { try read(line) }
    }

    @Test("postmaster alone has no domain")
    func postmaster() throws {
        #expect(try read("RCPT TO:<Postmaster>") == .rcpt(.init(ForwardPath.postmaster)))
        #expect(try read("RCPT TO: postmaster") == .rcpt(.init(ForwardPath.postmaster)))
    }

    @Test("parameters of MAIL")
    func mailParameters() throws {
        let line = "MAIL FROM:<a@b> size=12 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=x+2By AUTH=<>"
        var envelope = Envelope(reversePath: .address(try address("a@b")))
        envelope.bodyType = .eightBitMIME
        envelope.smtpUTF8 = true
        envelope.returnContent = .headers
        envelope.envelopeID = try EnvelopeText("x+y")
        #expect(try read(line) == .mail(envelope, MailParameters(size: 12, auth: .null)))
    }

    @Test("parameters of RCPT")
    func recipientParameters() throws {
        let line = "RCPT TO:<a@b> NOTIFY=failure,DELAY ORCPT=rfc822;x+2By@z"
        let original = try #require(OriginalRecipient(type: "rfc822", address: "x+y@z"))
        #expect(
            try read(line)
                == .rcpt(.init(try address("a@b"), notify: .on([.failure, .delay]), originalRecipient: original)))
    }

    @Test(
        "a parameter that is malformed or there twice is refused with 501",
        arguments: [
            "MAIL FROM:<a@b> SIZE=", "MAIL FROM:<a@b> SIZE=-1", "MAIL FROM:<a@b> SIZE=1x",
            "MAIL FROM:<a@b> SIZE=123456789012345678901", "MAIL FROM:<a@b> SIZE=1 SIZE=1",
            "MAIL FROM:<a@b> BODY=BINARYMIME",
            "MAIL FROM:<a@b> SMTPUTF8=1", "MAIL FROM:<a@b> RET=ALL", "MAIL FROM:<a@b> ENVID=a+0Ab",
            "MAIL FROM:<a@b> ENVID=a+",
            "MAIL FROM:<a@b> AUTH=@", "RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "RCPT TO:<a@b> NOTIFY=,",
            "RCPT TO:<a@b> ORCPT=x",
            "RCPT TO:<a@b> ORCPT=;x", "RCPT TO:<a@b> ORCPT=rfc822;", "RCPT TO:<a@b> ORCPT=r c;x",
        ])
    func badParameter(line: String) {
        #expect(throws: CommandFault.self, "\(line)") { try read(line) }
    }

    @Test("an unknown parameter is 555, a size beyond all numbers is the greatest")
    func unknownParameter() throws {
        #expect(throws: CommandFault.unknownParameter("FOO")) { try read("MAIL FROM:<a@b> foo=1") }
        #expect(throws: CommandFault.unknownParameter("SIZE")) { try read("RCPT TO:<a@b> SIZE=1") }
        #expect(CommandFault.unknownParameter("FOO").reply.code == 555)
        guard case .mail(_, let parameters) = try read("MAIL FROM:<a@b> SIZE=99999999999999999999") else {
            Issue.record("no MAIL")
            return
        }
        #expect(parameters.size == Int.max)
    }

    @Test(
        "the other verbs",
        arguments: [
            ("ehlo [192.0.2.1]", SMTPCommand.ehlo("[192.0.2.1]")), ("HELO x", .helo("x")), ("LHLO x", .lhlo("x")),
            ("DATA", .data), ("data  ", .data), ("BDAT 10", .bdat(octets: 10, last: false)),
            ("BDAT 0 last", .bdat(octets: 0, last: true)), ("RSET", .rset), ("NOOP x y", .noop), ("QUIT", .quit),
            ("VRFY a b", .vrfy("a b")), ("EXPN l", .expn("l")), ("HELP", .help("")), ("STARTTLS", .starttls),
            ("AUTH plain", .auth(mechanism: "PLAIN", initialResponse: nil)),
            ("AUTH PLAIN =", .auth(mechanism: "PLAIN", initialResponse: [])),
            ("AUTH X-Y_2 AAEC", .auth(mechanism: "X-Y_2", initialResponse: [0, 1, 2])),
        ])
    func verbs(line: String, command: SMTPCommand) throws {
        #expect(try read(line) == command)
    }

    @Test(
        "lines that are no command",
        arguments: [
            "", " ", "FOO", "EHLO", "DATA x", "RSET x", "QUIT x", "STARTTLS x", "VRFY", "BDAT", "BDAT x", "BDAT -1",
            "BDAT 99999999999999999999", "BDAT 1 FIRST", "BDAT 1 LAST x", "AUTH", "AUTH A B C", "AUTH PLAIN x",
            "AUTH !",
            "AUTH ABCDEFGHIJKLMNOPQRSTU", "NOOP\u{1}", "EHLO a\u{7F}b", " EHLO x", "GET / HTTP/1.1", "POST / HTTP/1.1",
        ])
    func noCommand(line: String) {
        #expect(throws: CommandFault.self, "\(line)") { try read(line) }
    }

    @Test("xtext goes both ways, control characters do not")
    func xtext() {
        #expect(XText.encode("a+b=c d\u{e9}") == Array("a+2Bb+3Dc+20d+C3+A9".utf8))
        #expect(XText.decode("a+2Bb+3dc+20d+C3+A9".utf8) == "a+b=c d\u{e9}")
        for bad in ["+", "+4", "+4G", "a b", "+0D+0A", "a=b", "+C3", "+7F"] { #expect(XText.decode(bad.utf8) == nil) }
    }

    @Test("an accepted address says the same when it is read again")
    func roundTrip() throws {
        for text in [#""a\"b"@c.example"#, #""a@b"@c.example"#, "a+b@c.example", #""x y"@[192.0.2.7]"#] {
            guard case .mail(let envelope, _) = try read("MAIL FROM:<\(text)>"),
                case .mail(let again, _) = try read("MAIL FROM:\(envelope.reversePath)")
            else {
                Issue.record("\(text): no MAIL")
                continue
            }
            #expect(envelope == again)
        }
    }
}
