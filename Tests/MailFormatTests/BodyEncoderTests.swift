import MailTestKit
import Octets
import Testing

@testable import MailFormat

@Suite("Bodies in quoted-printable and base64")
struct BodyEncoderTests {
    private func encoded(_ body: [UInt8], _ form: BodyEncoder.Form, pieces: Int = .max) -> [UInt8] {
        var encoder = BodyEncoder(form)
        var made: [UInt8] = []
        var rest = body[...]
        while !rest.isEmpty {
            encoder.encode(rest.prefix(pieces), into: &made)
            rest = rest.dropFirst(pieces)
        }
        encoder.finish(into: &made)
        return made
    }

    private func text(_ body: String, _ form: BodyEncoder.Form) -> String {
        String(decoding: encoded(Array(body.utf8), form), as: UTF8.self)
    }

    @Test(
        "SE18: quoted-printable as RFC 2045 has it: blanks at line ends, equals signs, control characters, soft breaks",
        arguments: [
            ("", ""), ("a\n", "a\n"), ("a", "a"), ("a = b\n", "a =3D b\n"), ("a \n\tb\t\n", "a=20\n\tb=09\n"),
            (" ", "=20"),
            ("\n\n", "\n\n"), ("gr\u{FC}n\n", "gr=C3=BCn\n"), ("a\rb\u{0}\u{7F}\n", "a=0Db=00=7F\n"),
            (String(repeating: "x", count: 75) + "\n", String(repeating: "x", count: 75) + "\n"),
            (String(repeating: "x", count: 77), String(repeating: "x", count: 75) + "=\nxx"),
            (String(repeating: "x", count: 74) + "\u{FC}", String(repeating: "x", count: 74) + "=\n=C3=BC"),
            ("-- \nflowed \ntext\n", "--=20\nflowed=20\ntext\n"),
        ])
    func quotedPrintable(_ body: String, _ made: String) {
        #expect(text(body, .quotedPrintable) == made)
    }

    @Test(
        "SE18: quoted-printable that is written anew stands for the same octets",
        arguments: [
            ("a=3Db=\nc\n", "a=3Db=\nc\n"), ("gr\u{FC}n\n", "gr=C3=BCn\n"), ("a=  \nb  \t\n", "a=\nb\n"),
            ("a=xb =\n", "a=3Dxb =\n"), ("=", "=3D"), ("=4", "=3D4"), ("a=e4\n", "a=e4\n"), ("=\t \n", "=\n"),
            ("==41", "=3D=41"),
            (
                String(repeating: "=41", count: 30),
                String(repeating: "=41", count: 25) + "=\n" + String(repeating: "=41", count: 5)
            ),
        ])
    func anew(_ body: String, _ made: String) {
        #expect(text(body, .quotedPrintableAnew) == made)
    }

    @Test("SE18: base64 of what the wire would carry, in lines of 76 octets; base64 in one line is parted")
    func base64() {
        #expect(text("a\nb", .base64) == "YQ0KYg==")
        #expect(text("", .base64).isEmpty)
        let line = String(repeating: "QUJD", count: 19)
        #expect(text(String(repeating: "ABC", count: 57 / 3 * 2) + "A", .base64) == "\(line)\n\(line)\nQQ==")
        #expect(text(String(repeating: "ABC", count: 57 / 3), .base64) == line, "no line end of its own")
        #expect(text(line + line + "QQ==\n", .base64Anew) == "\(line)\n\(line)\nQQ==")
    }

    @Test("SE18: where the octets are parted changes nothing, and Python reads what was written")
    func pieces() throws {
        var random = SplitMix(seed: 7)
        for form in [BodyEncoder.Form.quotedPrintable, .base64, .quotedPrintableAnew] {
            for length in [0, 1, 56, 57, 58, 75, 76, 77, 300, 2000] {
                let body = (0..<length).map { _ in
                    let odd: [UInt8] = [0x3D, 0x20, 0x09, 0x0A, 0x0A, 0x41, 0x61, 0xC3, 0xBC, 0x00, 0x0D]
                    return odd[Int.random(in: 0..<odd.count, using: &random)]
                }
                let whole = encoded(body, form)
                for size in [1, 2, 3, 7, 64] {
                    #expect(encoded(body, form, pieces: size) == whole, "\(form) \(length)")
                }
                #expect(whole.split(separator: Octet.lf).allSatisfy { $0.count <= 76 })
                #expect(whole.allSatisfy { $0 < 0x80 && $0 != 0x0D && $0 != 0 })
                if form == .quotedPrintableAnew { continue }
                try read(whole, as: form, is: body)
                guard form == .quotedPrintable else { continue }
                // In lines that are too long, and written anew.
                var joined: [UInt8] = []
                for line in whole.split(separator: Octet.lf, omittingEmptySubsequences: false) {
                    joined += line.last == 0x3D ? Array(line.dropLast()) : line + [Octet.lf]
                }
                try read(encoded(joined.dropLast(), .quotedPrintableAnew), as: form, is: body)
            }
        }
    }

    /// Demands that Python reads `made` as `body`.
    private func read(_ made: [UInt8], as form: BodyEncoder.Form, is body: [UInt8]) throws {
        let scratch = ScratchDirectory()
        let script = #"""
            import sys, quopri, base64
            form, body, made = sys.argv[1], open(sys.argv[2], "rb").read(), open(sys.argv[3], "rb").read()
            if form == "base64": assert base64.b64decode(made, validate=False) == body.replace(b"\n", b"\r\n"), made
            else: assert quopri.decodestring(made) == body, (body, made)
            """#
        let result = try runProgram(
            ["python3", "-c", script, "\(form)", scratch.write(body, to: "body"), scratch.write(made, to: "made")],
            environment: ["PATH": "/usr/bin:/bin"])
        #expect(result.status == 0, "\(result)")
    }
}
