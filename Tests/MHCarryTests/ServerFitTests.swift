// Mail as it leaves for servers that take less than others.

import DurableFiles
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import SMTPProtocol
import Testing

@testable import mhcarry

@Suite("Mail made to fit a server")
struct ServerFitTests {
    private let scratch = ScratchDirectory()

    private func fitted(_ octets: [UInt8], ours: Bool, to offers: SMTPCapabilities = SMTPCapabilities()) throws
        -> Prepared
    {
        let envelope = Envelope(
            reversePath: .address(try Address("alice@b\u{FC}cher.example")),
            recipients: [.init(try Address("x@far.example"))])
        let directory = try Directory(path: scratch.path)
        let steps = ServerFit(offers: offers, isOurs: ours).steps
        return Plan.at(.departing(to: .account("one")), rewriting: steps).run(
            on: Message(envelope, ContentInMemory(octets))
        ) { Scratch(in: directory) }
    }

    private func offering(_ extensions: String...) throws -> SMTPCapabilities {
        SMTPCapabilities(
            try #require(SMTPReply(code: 250, lines: (["mx.example"] + extensions).map { Array($0.utf8) })))
    }

    private func octets(_ prepared: Prepared) throws -> [UInt8] {
        var octets: [UInt8] = []
        try prepared.forEachChunk { octets += $0 }
        return octets
    }

    @Test(
        "SE18: mail of strangers keeps every octet, however little the server takes; its envelope has domains that all know"
    )
    func strangers() throws {
        let mail = Array("Subject: gr\u{FC}n\n\ngr\u{FC}n \(String(repeating: "x", count: 2000))\n".utf8)
        let made = try fitted(mail, ours: false)
        #expect(try octets(made) == mail && made.verdict == nil)
        #expect("\(made.envelope.reversePath)" == "<alice@xn--bcher-kva.example>")
        let ours = try fitted(mail, ours: true)
        #expect(try !octets(ours).contains { $0 >= 0x80 } && ours.verdict == nil)
    }

    @Test("SE18: with SMTPUTF8 the envelope stays, and a header that its sender meant so, too")
    func international() throws {
        let offers = try offering("8BITMIME", "SMTPUTF8")
        let mail = Array("Subject: gr\u{FC}n\n\ngr\u{FC}n\n".utf8)
        let made = try fitted(mail, ours: true, to: offers)
        #expect("\(made.envelope.reversePath)" == "<alice@b\u{FC}cher.example>")
        #expect(String(decoding: try octets(made), as: UTF8.self) == "Subject: =?UTF-8?B?Z3LDvG4=?=\n\ngr\u{FC}n\n")
    }

    @Test(
        "SE18: text that is no UTF-8 is named unknown-8bit and keeps its octets; a header that is none goes as it is where it may"
    )
    func latin1() throws {
        let body = Array("Subject: x\n\nso gr".utf8) + [0xFC] + Array("n\n".utf8)
        let made = String(decoding: try octets(try fitted(body, ours: true)), as: UTF8.self)
        #expect(made.contains("charset=unknown-8bit\n") && made.hasSuffix("\n\nso gr=FCn\n"), "\(made)")
        let header = Array("Subject: gr".utf8) + [0xFC] + Array("n\n\nx\n".utf8)
        let offers = try offering("8BITMIME")
        #expect(try octets(try fitted(header, ours: true, to: offers)) == header)
        #expect(try fitted(header, ours: true).verdict?.text.contains("its Subject field is not UTF-8") == true)
    }

    @Test("SE18: a body of which a character is cut by a chunk is UTF-8 all the same, and a large one is streamed")
    func large() throws {
        let line = String(repeating: "\u{20AC}", count: 20) + "\n"
        let mail = Array(("Subject: x\n\n" + String(repeating: line, count: 4000)).utf8)
        for shift in 0..<3 {
            let made = String(
                decoding: try octets(
                    try fitted(Array("X: \(String(repeating: "y", count: shift))\n".utf8) + mail, ours: true)),
                as: UTF8.self)
            #expect(made.contains("charset=utf-8\n") && made.contains("Content-Transfer-Encoding: base64\n"))
        }
    }
}
