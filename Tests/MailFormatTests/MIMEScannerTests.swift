// The parts of a message, wherever it is cut.

import MailFormat
import Testing

@Suite("The structure of a message")
struct MIMEScannerTests {
    private func structure(_ text: String, cut: Int = .max) -> MIMEStructure {
        var scanner = MIMEScanner()
        let octets = Array(text.utf8)
        var at = 0
        while at < octets.count {
            let end = min(octets.count, at + min(cut, octets.count))
            scanner.append(Array(octets[at..<end]))
            at = end
        }
        return scanner.finish()
    }

    /// `type[body]`, indented by depth; `!` behind what cannot be read, `?` behind what is not closed.
    private func drawing(_ text: String, cut: Int = .max) -> String {
        let octets = Array(text.utf8)
        let structure = structure(text, cut: cut)
        return structure.parts.map { part in
            var mark = part.isReadable ? "" : "!"
            var body = ""
            switch part.kind {
            case .leaf: body = "[\(String(decoding: octets[part.bodyStart..<part.bodyEnd], as: UTF8.self))]"
            case .multipart(_, let isClosed): if !isClosed { mark += "?" }
            case .message: break
            }
            return String(repeating: " ", count: part.depth) + part.type.type.text + mark + body
        }.joined(separator: "|").replacing("\n", with: "~")
    }

    private static let mixed =
        "Content-Type: multipart/mixed; boundary=\"a b\"\n\npreamble\n--a b\n\none\n\n--a b  \nContent-Type: text/html\n\n"
        + "two\n--a b--\nepilogue\n--a b\nnothing\n"

    @Test("SE18: a last line that is no field and has no end is the body's", arguments: [1, 3, .max])
    func lastLine(cut: Int) {
        #expect(drawing("no field at all", cut: cut) == "text/plain[no field at all]")
        #expect(drawing("Subject: x\nno field", cut: cut) == "text/plain[no field]")
        #expect(drawing("Subject: x", cut: cut) == "text/plain[]")
        #expect(drawing("Content-Type: message/rfc822\n\nno field", cut: cut) == "message/rfc822| text/plain[no field]")
        #expect(
            drawing("Content-Type: message/rfc822\nno field\nSubject: x\n", cut: cut)
                == "message/rfc822| text/plain[no field~Subject: x~]")
        #expect(structure("x\u{FC}", cut: cut).parts[0].facts.has8Bit)
    }

    @Test(
        "SE18: parts end before the line end of the delimiter, and are what their headers say",
        arguments: [
            ("Subject: x\n\nbody\n", "text/plain[body~]"),
            ("no header\n", "text/plain[no header~]"),
            ("", "text/plain[]"),
            (mixed, "multipart/mixed| text/plain[one~]| text/html[two]"),
            // A boundary that begins as another does; one that an outer part ends.
            (
                "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=bb\n\n"
                    + "--bb\n\nx\n--bbb\n--bb--\n\n--b\n\ny\n--b--\n",
                "multipart/mixed| multipart/alternative|  text/plain[x~--bbb]| text/plain[y]"
            ),
            (
                "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b--\n",
                "multipart/mixed| multipart/mixed?|  text/plain[x]"
            ),
            (
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", "multipart/mixed?| text/plain[x~]"
            ),
            // A message within, a digest, a part that ends in its header.
            (
                "Content-Type: multipart/mixed; boundary=----=_b\n\n------=_b\nContent-Type: message/rfc822\n\n"
                    + "Subject: in\nContent-Type: text/html\n\nx\n------=_b--\n",
                "multipart/mixed| message/rfc822|  text/html[x]"
            ),
            (
                "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nx\n--b\nSubject: y\n--b--\n",
                "multipart/digest| message/rfc822|  text/plain[x]| message/rfc822![]"
            ),
            ("Content-Type: message/rfc822\n\nSubject: in", "message/rfc822| text/plain[]"),
            // What cannot be read.
            ("Content-Type: multipart/mixed\n\n--\n", "multipart/mixed![--~]"),
            ("Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--b\n", "text/plain![--b~]"),
            ("Content-Type: text/plain\nContent-Type: text/html\n\nx\n", "text/plain![x~]"),
            ("Content-Type: nonsense\n\nx\n", "text/plain![x~]"),
            (
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==\n", "message/rfc822![eA==~]"
            ),
            // Comments, folding, quotes, a letter case of its own.
            (
                "content-type: (a;b) Multipart/Mixed (c\\)) ;\n x=\"y;boundary=z\" ; (d) BOUNDARY = \"b\\\"c\"\n\n--b\"c\n\nx\n--b\"c--\n",
                "multipart/mixed| text/plain[x]"
            ),
        ])
    func parts(_ text: String, _ wanted: String) {
        #expect(drawing(text) == wanted)
        for cut in [1, 2, 3, 7] { #expect(drawing(text, cut: cut) == wanted, "in pieces of \(cut)") }
    }

    @Test("SE18: what a body holds is counted for each part by itself")
    func facts() {
        let long = String(repeating: "x", count: 1200)
        let text =
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nä = b\n\(long)\n--b\n\na\rb\u{0}\u{7}\n--b\n\nplain\n--b--\n"
        for cut in [Int.max, 5] {
            let parts = structure(text, cut: cut).parts.dropFirst().map(\.facts)
            #expect(parts.map(\.has8Bit) == [true, false, false])
            #expect(parts.map(\.longestLine) == [1200, 5, 5])
            #expect(parts.map(\.hasStrays) == [false, true, false])
            #expect(parts.map(\.unprintable) == [3, 2, 0])
            #expect(parts.map(\.octets) == [1208, 6, 6])
        }
    }

    @Test("SE18: parts and depth are bounded, and the structure says so")
    func bounds() {
        let flat =
            "Content-Type: multipart/mixed; boundary=b\n\n" + String(repeating: "--b\n\nx\n", count: 5000) + "--b--\n"
        let wide = structure(flat)
        #expect(wide.parts.count == MIMEScanner.partLimit && !wide.isWhole)
        var deep = ""
        for _ in 0..<500 { deep += "Content-Type: message/rfc822\n\n" }
        let nested = structure(deep + "Subject: x\n\nx\n")
        #expect(nested.parts.count == MIMEScanner.depthLimit + 1 && !nested.isWhole)
        #expect(structure(Self.mixed).isWhole && structure(Self.mixed).size == Self.mixed.utf8.count)
        let header =
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + String(repeating: "X: y\n", count: 20_000)
            + "\nx\n--b--\n"
        let parts = structure(header).parts
        #expect(parts.count == 2 && !parts[1].isReadable && parts[1].kind == .leaf)
    }

    @Test("SE18: no message traps, wherever it is cut")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "--b", "--c", "--b--", "\n", "\n\n", "Content-Type: multipart/mixed; boundary=b\n", "x", "\r", " ",
            "Content-Type: message/rfc822\n", "Content-Type: multipart/digest; boundary=\"c\"\n",
            "Content-Transfer-Encoding: base64\n",
            "ä", "\0", "; boundary=",
        ]
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }
            .joined()
            let whole = drawing(text)
            #expect(drawing(text, cut: 1) == whole, "\(text)")
            let parts = structure(text).parts
            for part in parts {
                #expect(
                    part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd
                        && part.bodyEnd <= text.utf8.count)
                for child in part.children {
                    #expect(
                        parts[child].headerStart >= part.bodyStart && parts[child].bodyEnd <= part.bodyEnd, "\(text)")
                }
            }
        }
    }
}
