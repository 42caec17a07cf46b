// Verdicts: what ends a message, what counts, and that nobody's words get out of their line.

import Testing

@testable import MailEnvelope

struct VerdictTests {
    @Test("only a delivery and a permanent refusal are ends, and only a fault of the hop is nobody's try")
    func ends() {
        let kinds: [Verdict.Kind] = [
            .delivered(.passedOn), .delivered(.relayed), .permanent, .temporary, .heldByRule, .faultOfHop,
        ]
        let verdicts = kinds.map { Verdict($0, .transient(0, 0), text: "x") }
        #expect(verdicts.map(\.isFinal) == [true, true, true, false, false, false])
        #expect(verdicts.map(\.countsAsTry) == [true, true, true, true, true, false])
    }

    @Test("words of others are bounded and stay on one line")
    func hostileWords() {
        let verdict = Verdict(
            .permanent, .permanent(0, 0), from: "evil\r\nX: y", text: String(repeating: "é\n", count: 9000))
        #expect(verdict.remote == "evil  X: y")
        #expect(verdict.text.utf8.count <= Verdict.textLimit && !verdict.text.utf8.contains(0x0A))
    }

    @Test("what is given up says how often it was tried, and what was said last")
    func givenUp() {
        let last = Verdict.temporary(2, 0, from: "mx", text: "450 later").givenUp(afterTries: 8)
        #expect(last.kind == .permanent && last.status == .transient(4, 7))
        #expect(last.description == "mx: gave up after 8 tries: 450 later")
        let back = Verdict.faultOfHop(4, 1, text: "down").ended()
        #expect(back.kind == .permanent && back.status == .transient(4, 1) && back.text == "down")
    }

    @Test("a place is never cut: two places must not become one")
    func places() throws {
        let place = try CopyPlace(mailbox: "alice", folder: "Jünk: a, b")
        #expect(try CopyPlace(text: place.description) == place)
        #expect(throws: EnvelopeTextError.self) {
            try CopyPlace(mailbox: String(repeating: "x", count: CopyPlace.limit))
        }
        #expect(throws: EnvelopeTextError.controlCharacter) { try CopyPlace(mailbox: "a\nb") }
    }
}
