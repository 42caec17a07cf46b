// The IMAP client against servers that mean harm.

import MailTestKit
import Octets
import Testing

@testable import IMAPProtocol

@Suite struct IMAPHostileTests {
    private static let preauth = "S: * PREAUTH in\n"
    private static let fetching = preauth + "C: a1 UID FETCH 1 (UID BODY.PEEK[])\n"

    private static func fetch(_ name: String, _ answer: String) -> Scene {
        Scene(name, fetching + answer, .uidFetch(UIDSet([1]), .body))
    }

    private static func noop(_ name: String, _ answer: String) -> Scene {
        Scene(name, preauth + "C: a1 NOOP\n" + answer, .noop)
    }

    static let scenes: [Scene] = [
        Scene("octets behind STARTTLS", "S: * OK\nC: a1 STARTTLS\nS: a1 OK\nS: * CAPABILITY EVIL", .startTLS),
        Scene("one octet behind STARTTLS", "S: * OK\nC: a1 STARTTLS\nS: a1 OK\nS: x\\c", .startTLS),
        Scene("PREAUTH behind a greeting", "S: * OK\nS: * PREAUTH in"),
        Scene("no greeting", "S: +OK POP3"), Scene("a tag for a greeting", "S: a1 OK"),
        Scene("data for a greeting", "S: * 3 EXISTS"),
        Scene("OK before the password", "S: * OK\nC: a1 LOGIN {2}\nS: a1 OK in", .login(user: "é", password: "x")),
        Scene(
            "OK in place of a response", "S: * OK\nC: a1 AUTHENTICATE X\nS: + YQ==\nS: a1 OK",
            .authenticate(mechanism: "X", initialResponse: nil)),
        Scene(
            "a challenge that is no base64", "S: * OK\nC: a1 AUTHENTICATE X\nS: + %%%",
            .authenticate(mechanism: "X", initialResponse: nil)),
        noop("a surplus completion", "S: a1 OK\nS: a1 OK"), noop("a foreign tag", "S: a2 OK"),
        noop("a completion that is none", "S: a1 MAYBE"), noop("an unasked continuation", "S: + go"),
        noop("an unasked message", "S: * 1 FETCH (UID 1 BODY[] {3}\nS: abc)"),
        noop("an unasked short message", "S: * 1 FETCH (UID 1 BODY[] \"abc\")"),
        noop("an unasked search", "S: * SEARCH 1"), noop("NUL", "S: * OK \\x00"), noop("an empty line", "S:"),
        noop("a small literal that is none", "S: * LIST () \"/\" {8193}\nS: x"),
        noop("a giant literal", "S: * LIST () \"/\" {99999999999999999999999}\nS: x"),
        noop("a negative literal", "S: * LIST () \"/\" {-1}\nS: x"),
        noop("nesting", "S: * 1 FETCH (FLAGS " + String(repeating: "(", count: 60_000)),
        noop("lists without end", "S: * 1 FETCH (FLAGS (a b"), noop("a quote without end", "S: * LIST () \"/ a"),
        noop("parentheses too many", "S: * 1 FETCH (FLAGS ()))"),
        noop("an escape that is none", "S: * LIST () \"/\" \"\\\\x\""),
        noop("a section without end", "S: * 1 FETCH (BODY[HEADER (UID 1)"),
        noop("an endless line", "S: * " + String(repeating: "a", count: 70_000)),
        noop(
            "literals without end",
            String(repeating: "S: * 1 FETCH (X {0}\n", count: 1) + String(repeating: "S: {0}\n", count: 70)),
        fetch("two contents in one answer", "S: * 1 FETCH (UID 1 BODY[] {1}\nS: a BODY[] {1}\nS: b)"),
        fetch("two UIDs in one answer", "S: * 1 FETCH (UID 1 BODY[] {1}\nS: a UID 2)"),
        fetch("UID 0", "S: * 1 FETCH (UID 0 BODY[] {1}\nS: a)"),
        fetch("a UID of 33 bits", "S: * 1 FETCH (UID 4294967296 BODY[] {1}\nS: a)"),
        fetch("content in an inner list", "S: * 1 FETCH (UID 1 X (BODY[] {8193}\nS: a)"),
        fetch("content in the place of a key", "S: * 1 FETCH (UID BODY[] {9000}\nS: a)"),
        fetch("content without end of its answer", "S: * 1 FETCH (UID 1 BODY[] {1}\nS: a\nS: a1 OK"),
        Scene("a search beyond numbers", preauth + "C: a1 UID SEARCH ALL\nS: * SEARCH 4294967296", .uidSearch(.all)),
        Scene("a search for 0", preauth + "C: a1 UID SEARCH ALL\nS: * SEARCH 0", .uidSearch(.all)),
        Scene("a search of words", preauth + "C: a1 UID SEARCH ALL\nS: * SEARCH 1 x", .uidSearch(.all)),
        Scene("a word like SEARCH", preauth + "C: a1 UID SEARCH ALL\nS: * SEARCHES 1", .uidSearch(.all)),
    ]

    @Test("a hostile server ends the session, however it is cut", arguments: scenes)
    func hostile(_ scene: Scene) {
        let whole = scene.play()
        #expect(whole.failure != nil)
        #expect(whole.mismatch == nil)
        let count = scene.dialogue.count(from: .server)
        for index in stride(from: 0, to: count, by: max(1, count / 300)) {
            let cut = scene.play(cut: .before(index))
            #expect(cut.failure != nil, "cut before octet \(index)")
            #expect(messages(in: cut.events) == messages(in: whole.events))
        }
        if count < 10_000 { #expect(scene.play(cut: .everywhere).failure != nil) }
    }

    @Test("a literal above the caller's limit is refused before anything is taken")
    func bomb() {
        let scene = Self.fetch("bomb", "S: * 1 FETCH (UID 1 BODY[] {1001}\nS: abc")
        #expect(scene.play(contentLimit: 1_000).failure == "\(IMAPError.literalTooLarge(octets: 1_001, limit: 1_000))")
        #expect(scene.play(contentLimit: 1_001).failure == nil)
        let giant = Self.fetch("giant", "S: * 1 FETCH (UID 1 BODY[] {9223372036854775807}\nS: abc")
        #expect(giant.play(contentLimit: 1 << 40).failure != nil)
    }

    @Test("a cut connection is seen from outside")
    func cutShort() throws {
        var client = IMAPClient()
        #expect(client.isWaiting)
        client.receive([UInt8]("* PREAUTH in\r\n"))
        _ = try client.nextEvent()
        #expect(!client.isWaiting)
        _ = client.send(.uidFetch(UIDSet([1]), .body))
        client.receive([UInt8]("* 1 FETCH (UID 1 BODY[] {5}\r\nabc"))
        while try client.nextEvent() != nil {}
        #expect(client.isWaiting)
    }

    @Test(
        "what the server forbids or would break a line is never said",
        arguments: [
            IMAPCommand.login(user: "a\r\na2 DELETE x", password: "b"), .login(user: "a", password: "b\0"),
            .select(.init(encoded: [0x61, 0x0A])), .uidStore(UIDSet([1]), add: ["\\Deleted)\r\n"]),
            .uidStore(UIDSet([1]), add: []),
            .uidStore(UIDSet([UInt32]()), add: ["x"]), .uidExpunge(UIDSet([1])), .uidMove(UIDSet([1]), to: .inbox),
            .uidSearch(IMAPSearch(criteria: "SUBJECT {5}")), .uidSearch(IMAPSearch(criteria: "ALL\r\nx")),
            .authenticate(mechanism: "A B", initialResponse: nil), .proceed, .saslResponse([]), .idleEnd,
            .uidFetch(UIDSet(stride(from: 1, to: 9_000, by: 2)), .flags),
        ])
    func cannotSend(_ command: IMAPCommand) throws {
        var client = IMAPClient()
        client.receive([UInt8]("* OK [CAPABILITY IMAP4rev1]\r\n"))
        while try client.nextEvent() != nil {}
        #expect(client.send(command) == [])
        #expect(throws: IMAPError.self) { try client.nextEvent() }
    }

    @Test("no password where LOGIN is disabled")
    func disabled() throws {
        var client = IMAPClient()
        client.receive([UInt8]("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED]\r\n"))
        while try client.nextEvent() != nil {}
        #expect(client.send(.login(user: "a", password: "b")) == [])
        #expect(throws: IMAPError.loginDisabled) { try client.nextEvent() }
    }

    @Test("a search result of megabytes is told in pieces")
    func hugeSearch() throws {
        var client = IMAPClient()
        client.receive([UInt8]("* PREAUTH in\r\n"))
        _ = try client.nextEvent()
        _ = client.send(.uidSearch(.all))
        client.receive([UInt8]("* SEARCH"))
        var found = 0
        for block in 0..<100 {
            client.receive(Array((1...1_000).map { " \(block * 1_000 + $0)" }.joined().utf8))
            while let event = try client.nextEvent() {
                if case .searchResult(let uids) = event { found += uids.count }
            }
            #expect(client.lines.count < 16)
        }
        client.receive([UInt8]("\r\na1 OK\r\n"))
        while let event = try client.nextEvent() {
            if case .searchResult(let uids) = event { found += uids.count }
        }
        #expect(found == 100_000)
    }

    @Test("random octets never trap", arguments: 0..<300)
    func random(_ seed: Int) {
        var generator = SplitMix(seed: UInt64(seed))
        var client = IMAPClient(contentLimit: 1_000)
        let words = [
            "* ", "1 ", "FETCH ", "(", ")", "UID 1 ", "BODY[] ", "{3}\r\n", "{0}\r\n", "abc", "\"", "\\", "NIL ",
            "\r\n", "LIST ",
            "* SEARCH", " 7", "a1 OK", "a2 NO [", "]", "UIDVALIDITY 1", "+ ", "OK ", "FLAGS (", "BODY[", "\r\n", " ",
            "* OK x\r\n", "* 2 FETCH (UID 2 BODY[] ", "{99999999999999999999}", "CAPABILITY A",
        ]
        let commands: [IMAPCommand] = [
            .noop, .uidFetch(UIDSet([1]), .body), .uidSearch(.all), .select(.inbox), .login(user: "é", password: "é"),
            .proceed,
            .authenticate(mechanism: "X", initialResponse: [1]), .list(reference: .init(""), pattern: .init("*")),
            .idle,
        ]
        client.receive([UInt8]("* PREAUTH\r\n"))
        for _ in 0..<200 {
            if Int.random(in: 0..<6, using: &generator) == 0, let command = commands.randomElement(using: &generator) {
                _ = client.send(command)
            }
            if Int.random(in: 0..<20, using: &generator) == 0 {
                client.receive([UInt8.random(in: 0...255, using: &generator)])
            } else {
                client.receive(Array((words.randomElement(using: &generator) ?? "").utf8))
            }
            do { while try client.nextEvent() != nil {} } catch { return }
        }
    }
}
