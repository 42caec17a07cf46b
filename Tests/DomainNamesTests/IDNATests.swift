import MailFormat
import Testing

@testable import DomainNames

@Suite("Domains beyond ASCII")
struct IDNATests {
    @Test(
        "SE18: U-labels become A-labels; ASCII and address literals stay; what is no name is none",
        arguments: [
            ("b\u{FC}cher.example", "xn--bcher-kva.example"), ("B\u{DC}CHER.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"), ("stra\u{DF}e.example", "xn--strae-oqa.example"),
            ("\u{43F}\u{43E}\u{447}\u{442}\u{430}.\u{440}\u{444}", "xn--80a1acny.xn--p1ai"),
            ("Example.ORG", "Example.ORG"), ("[192.0.2.1]", "[192.0.2.1]"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ])
    func labels(_ domain: String, _ ascii: String) {
        #expect(IDNA.ascii(domain) == ascii)
    }

    @Test(
        "what is no name is none",
        arguments: ["\u{FC}..example", "a\u{202E}b.example", String(repeating: "\u{FC}", count: 64) + ".example"])
    func none(_ domain: String) {
        #expect(IDNA.ascii(domain) == nil)
    }

    @Test("SE18: an address keeps its local part, and stays as it is where that is beyond ASCII")
    func addresses() throws {
        #expect(IDNA.ascii(try Address("Alice@b\u{FC}cher.example")) == (try Address("Alice@xn--bcher-kva.example")))
        let beyond = try Address("gr\u{FC}n@b\u{FC}cher.example")
        #expect(IDNA.ascii(beyond) == beyond)
        let bare = try Address("root")
        #expect(IDNA.ascii(bare) == bare)
    }
}
