import Testing

@testable import MailFormat

@Suite("Headers written in ASCII")
struct ASCIIHeaderTests {
    private func ascii(_ header: String) throws -> String {
        let section = HeaderSection(of: Array((header + "\n").utf8))
        let edits = try section.asciiEdits { $0 == "b\u{FC}cher.example" ? "xn--bcher-kva.example" : nil }
        return String(decoding: section.octets(in: section.octets.indices, with: edits), as: UTF8.self)
    }

    @Test(
        "SE18: text beyond ASCII becomes encoded words, and everything else stays",
        arguments: [
            ("Subject: plain =?x\n", "Subject: plain =?x\n"),
            ("Subject: gr\u{FC}n\n", "Subject: =?UTF-8?B?Z3LDvG4=?=\n"),
            ("Subject: ein gr\u{FC}nes Haus\n", "Subject: ein =?UTF-8?B?Z3LDvG5lcw==?= Haus\n"),
            ("Subject: \u{E4} \u{F6}\n b\n", "Subject: =?UTF-8?B?w6Qgw7Y=?=\n b\n"),
            ("Subject: =?UTF-8?B?w6Q=?= \u{F6}\n", "Subject: =?UTF-8?B?w6Q=?= =?UTF-8?B?IMO2?=\n"),
            ("Subject: \u{F6} =?UTF-8?B?w6Q=?=\n", "Subject: =?UTF-8?B?w7Yg?= =?UTF-8?B?w6Q=?=\n"),
            (
                "Subject: " + String(repeating: "word ", count: 12) + "gr\u{FC}n end\n",
                "Subject: " + String(repeating: "word ", count: 11) + "word\n =?UTF-8?B?Z3LDvG4=?= end\n"
            ),
            (
                "Received: by hub.example id 1\n\tfor <j@b\u{FC}cher.example>; Tue\n",
                "Received: by hub.example id 1\n\tfor <j@xn--bcher-kva.example>; Tue\n"
            ),
            ("X-Note:\u{FC}\n", "X-Note:=?UTF-8?B?w7w=?=\n"),
            ("From: J\u{FC}rgen M <j@x.example>\n", "From: =?UTF-8?B?SsO8cmdlbiBN?= <j@x.example>\n"),
            (
                "To: a@x.example, \"M\u{FC}ller, J\" <j@x.example>\n",
                "To: a@x.example, =?UTF-8?B?TcO8bGxlciwgSg==?= <j@x.example>\n"
            ),
            ("Cc: j@b\u{FC}cher.example\n", "Cc: j@xn--bcher-kva.example\n"),
            (
                "Content-Type: application/pdf; name=\"gr\u{FC}n 1.pdf\"; x=y\n",
                "Content-Type: application/pdf;\n name*=UTF-8''gr%C3%BCn%201.pdf; x=y\n"
            ),
            (
                "Content-Disposition: attachment; filename=\u{FC}\n",
                "Content-Disposition: attachment;\n filename*=UTF-8''%C3%BC\n"
            ),
        ])
    func edits(_ header: String, _ made: String) throws {
        #expect(try ascii(header) == made)
    }

    @Test("SE18: long text is parted between characters, into lines that RFC 2047 allows")
    func long() throws {
        let text = String(repeating: "\u{20AC}\u{FC}x ", count: 60)
        let made = try ascii("Subject: \(text)end\n")
        for line in made.split(separator: "\n") { #expect(line.utf8.count <= 76, "\(line)") }
        let section = HeaderSection(of: Array((made + "\n").utf8))
        #expect(EncodedWords.decode(section.unfolded(section.fields[0])) == text + "end")
    }

    @Test(
        "SE18: what has no other form is told by its field",
        arguments: [
            ("From: gr\u{FC}n@x.example\n", ASCIIHeaderError.address(field: "From")),
            ("To: a@unknown\u{FC}.example\n", .address(field: "To")),
            ("To: gr\u{FC}n: a@x.example;\n", .noEncoding(field: "To")),
            ("Cc: a@x.example (gr\u{FC}n)\n", .noEncoding(field: "Cc")),
            ("Received: from b\u{FC}cher by x\n", .noEncoding(field: "Received")),
            ("Received: by x for <gr\u{FC}n@x.example>; Tue\n", .address(field: "Received")),
            ("Message-ID: <\u{FC}@x>\n", .noEncoding(field: "Message-ID")),
            ("Content-Type: text/\u{FC}\n", .noEncoding(field: "Content-Type")),
            ("Content-Type: text/plain; x=\"\u{FC}\" y\n", .noEncoding(field: "Content-Type")),
        ])
    func refused(_ header: String, _ error: ASCIIHeaderError) {
        #expect(throws: error) { try ascii(header) }
    }

    @Test("SE18: octets that are no UTF-8 are not guessed at")
    func latin1() {
        let section = HeaderSection(of: Array("Subject: gr".utf8) + [0xFC] + Array("n\n\n".utf8))
        #expect(throws: ASCIIHeaderError.notUTF8(field: "Subject")) { try section.asciiEdits { $0 } }
    }
}
