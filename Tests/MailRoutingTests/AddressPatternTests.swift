// Patterns for addresses: what they match, what they refuse, and that no pattern takes for ever.

import MailFormat
import MailRouting
import Testing

@Suite struct AddressPatternTests {
    private func matches(_ pattern: String, _ address: String, folding: Bool = false) throws -> Bool {
        try AddressPattern(parsing: pattern).matches(Address(address), foldingLocalPart: folding)
    }

    @Test("SE5: stars and question marks match, each part of an address by itself")
    func globs() throws {
        for (pattern, address) in [
            ("*@example.org", "alice@example.org"), ("a*e@example.org", "alice@example.org"),
            ("al?ce@*", "alice@example.org"), ("*@*.example.org", "bob@mail.example.org"), ("*", "bob"),
            ("alice", "alice@anywhere.example"), ("alice", "alice"), ("a**b*c@x.org", "aXbYbZc@x.org"),
            ("?@x.org", "é@x.org"), ("*-list@*", "swift-list@x.org"),
        ] { #expect(try matches(pattern, address), "\(pattern) \(address)") }
        for (pattern, address) in [
            ("*@example.org", "alice@example.com"), ("*@example.org", "alice@mail.example.org"),
            ("a?@x.org", "a@x.org"), ("alice@*", "alice"), ("alic", "alice@x.org"), ("*@x.org", "x.org"),
            ("alice*@x.org", "bob-alice@x.org"), ("a*b@x.org", "acbd@x.org"),
        ] { #expect(try !matches(pattern, address), "\(pattern) \(address)") }
    }

    @Test("SE5: domains know no case, local parts do unless asked not to")
    func letterCase() throws {
        #expect(try matches("alice@EXAMPLE.org", "alice@example.ORG"))
        #expect(try !matches("Alice@example.org", "alice@example.org"))
        #expect(try matches("Alice@example.org", "aLICE@example.org", folding: true))
    }

    @Test("SE5: <> matches the null reverse-path and nothing else")
    func null() throws {
        let null = try AddressPattern(parsing: "<>")
        #expect(null.matches(ReversePath.null))
        #expect(try !null.matches(.address(Address("a@b.org"))))
        #expect(try !AddressPattern(parsing: "*").matches(ReversePath.null))
    }

    @Test("what is no pattern is refused")
    func refused() {
        for (text, error) in [
            ("", PatternError.empty), ("@example.org", .badShape(suggestion: "*@example.org")),
            ("alice@", .badShape(suggestion: nil)), ("@", .badShape(suggestion: nil)),
            ("a@b@c", .badShape(suggestion: nil)), ("a\nb@c", .controlCharacter),
            (String(repeating: "a", count: 321), .tooLong(limit: 320)),
        ] {
            #expect(throws: error) { try AddressPattern(parsing: text) }
        }
    }

    @Test("the worst pattern on the worst address ends at once")
    func noBlowUp() throws {
        let pattern = try AddressPattern(parsing: String(repeating: "*a", count: 150) + "b@x.org")
        let address = try Address(localPart: String(repeating: "a", count: 64), domain: "x.org")
        let clock = ContinuousClock()
        let time = clock.measure { for _ in 0..<100 { #expect(!pattern.matches(address)) } }
        #expect(time < .seconds(5))
    }

    @Test("matching agrees with the plain recursive definition")
    func reference() throws {
        func slow(_ text: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
            guard let first = pattern.first else { return text.isEmpty }
            if first == "*" {
                return slow(text, pattern.dropFirst()) || (!text.isEmpty && slow(text.dropFirst(), pattern))
            }
            guard let letter = text.first, first == "?" || first == letter else { return false }
            return slow(text.dropFirst(), pattern.dropFirst())
        }
        var source = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            let pattern = (0..<Int.random(in: 1...7, using: &source)).map { _ in
                "ab*?".randomElement(using: &source) ?? "a"
            }
            let text = (0..<Int.random(in: 1...7, using: &source)).map { _ in "ab".randomElement(using: &source) ?? "a"
            }
            #expect(
                try matches(String(pattern), String(text)) == slow(text[...], pattern[...]),
                "\(String(pattern)) \(String(text))")
        }
    }
}
