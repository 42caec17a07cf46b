// The IMAP client against honest dialogues, cut at every octet.

import MailTestKit
import Octets
import Testing

@testable import IMAPProtocol

@Suite struct IMAPClientTests {
    static let scenes: [Scene] = [login, literalLogin, auth, startTLS, folders, fetch, oddBodies, changes, idle]

    static let login = Scene(
        "login, select, search, logout",
        """
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR UIDPLUS MOVE] ready {5}
        C: a1 LOGIN "me" "a\\\\"b\\\\\\\\c"
        S: * CAPABILITY IMAP4rev1 UIDPLUS MOVE CONDSTORE
        S: a1 OK in
        C: a2 SELECT "INBOX"
        C: a3 UID SEARCH ALL
        S: * FLAGS (\\\\Answered \\\\Seen)
        S: * 3 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY 3857529045] UIDs valid
        S: * OK [UIDNEXT 4392] Predicted
        S: * OK [HIGHESTMODSEQ 715194045007] Highest
        S: * OK [PERMANENTFLAGS (\\\\Deleted \\\\*)] Limited
        S: a2 OK [READ-WRITE] done
        S: * SEARCH 1 22 4294967295 (MODSEQ 17)
        S: a3 OK found
        C: a4 LOGOUT
        S: * BYE bye
        S: a4 OK bye
        """,
        .login(user: "me", password: "a\"b\\c"), .select(.inbox), .uidSearch(.all), .logout)

    static let literalLogin = Scene(
        "a name that cannot be quoted goes as a literal",
        """
        S: * OK
        C: a1 LOGIN {3}
        S: + go on
        C: mé "x"
        S: a1 NO [AUTHENTICATIONFAILED] no
        C: a2 CAPABILITY
        S: * CAPABILITY IMAP4rev1 LITERAL+
        S: a2 OK
        C: a3 LOGIN {3+}
        C: mé "x"
        S: a3 OK [CAPABILITY IMAP4rev1] in
        """,
        .login(user: "mé", password: "x"), .proceed, .capability, .login(user: "mé", password: "x"))

    static let auth = Scene(
        "AUTHENTICATE with and without SASL-IR, and cancelled",
        """
        S: * OK
        C: a1 AUTHENTICATE PLAIN
        S: +
        C: AGEAYg==
        S: a1 NO [UNAVAILABLE] later
        C: a2 CAPABILITY
        S: * CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256
        S: a2 OK
        C: a3 AUTHENTICATE SCRAM-SHA-256 bixh
        S: + cj1h
        C: *
        S: a3 BAD cancelled
        C: a4 AUTHENTICATE PLAIN =
        S: + Yw==
        C: AGEAYg==
        S: a4 OK in
        """,
        .authenticate(mechanism: "PLAIN", initialResponse: [0, 0x61, 0, 0x62]), .proceed, .capability,
        .authenticate(mechanism: "SCRAM-SHA-256", initialResponse: [UInt8]("n,a")), .saslCancel,
        .authenticate(mechanism: "PLAIN", initialResponse: []), .saslResponse([0, 0x61, 0, 0x62]))

    static let startTLS = Scene(
        "STARTTLS forgets what was said before",
        """
        S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi
        C: a1 STARTTLS
        S: a1 OK [CAPABILITY IMAP4rev1 EVIL] go
        TLS
        C: a2 LOGIN "a" "b"
        S: a2 OK in
        """,
        .startTLS, .login(user: "a", password: "b"))

    static let folders = Scene(
        "LIST with every kind of name",
        """
        S: * PREAUTH in
        C: a1 LIST "" "*"
        S: * LIST (\\\\HasNoChildren) "/" INBOX
        S: * LIST (\\\\Noselect \\\\HasChildren) "/" "[Gmail]"
        S: * LIST (\\\\Sent) "/" "Entw&APw-rfe/a\\\\"b"
        S: * LIST () NIL {9}
        S: two\\r\\nwo)s
        S: * LIST () "." {0}
        S:
        S: * LIST (\\\\NonExistent) "\\\\\\\\" gone
        S: a1 OK
        """,
        .list(reference: .init(""), pattern: .init("*")))

    static let fetch = Scene(
        "several messages in one answer, UID before or behind, literals inside literals' words",
        """
        S: * PREAUTH in
        C: a1 SELECT "Entw&APw-rfe"
        S: * 4 EXISTS
        S: * OK [UIDVALIDITY 7]
        S: a1 OK [READ-ONLY]
        C: a2 UID FETCH 1:3,9 (UID FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[])
        C: a3 UID FETCH 5:* (UID BODY.PEEK[HEADER])
        S: * 1 FETCH (UID 1 FLAGS (\\\\Seen $Junk) RFC822.SIZE 20 INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[] {20}
        S: Subject: a\\r\\n\\r\\nbody\\r\\n\\c
        S: )
        S: * 2 FETCH (BODY[] {34}
        S: * 3 FETCH (UID 9 BODY[] {3}\\r\\n)\\r\\n\\r \\c
        S:  UID 2 MODSEQ (12))
        S: * 5 EXISTS
        S: * 3 FETCH (FLAGS (\\\\Deleted))
        S: * OK [ALERT] disk is nearly full
        S: * 4 FETCH (UID 9 BODY[]<0> {4}
        S: \\n.\\r\\r UNKNOWN (a "b" (c NIL)) FLAGS ())
        S: a2 OK
        S: * 6 FETCH (UID 12 BODY[HEADER] {2}
        S: \\r\\n)
        S: a3 OK
        """,
        .select(.init("Entwürfe")), .uidFetch(UIDSet([3, 9, 1, 2, 2]), [.flags, .size, .internalDate, .body]),
        .uidFetch(.from(5), .header))

    static let oddBodies = Scene(
        "NIL, empty and quoted bodies are told apart",
        """
        S: * PREAUTH in
        C: a1 UID FETCH 1:5 (UID BODY.PEEK[])
        S: * 1 FETCH (UID 1 BODY[] NIL)
        S: * 2 FETCH (UID 2 BODY[] "")
        S: * 3 FETCH (UID 3 BODY[] {0}
        S: )
        S: * 4 FETCH (UID 4 BODY[] "all in one line")
        S: * 5 FETCH (UID 5)
        S: a1 OK
        """,
        .uidFetch(UIDSet(1...5), .body))

    static let changes = Scene(
        "flags, moves, deletions",
        """
        S: * PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS MOVE CONDSTORE] in
        C: a1 UID STORE 1:2 +FLAGS.SILENT (\\\\Deleted $Done)
        C: a2 UID EXPUNGE 1:2
        C: a3 UID MOVE 7 "Old"
        C: a4 UID COPY 8 "Old"
        C: a5 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 12)
        C: a6 UID SEARCH UID 5:* UNSEEN
        S: a1 OK
        S: * 2 EXPUNGE
        S: * 1 EXPUNGE
        S: a2 OK
        S: * OK [COPYUID 1 7 4] moved
        S: a3 NO [TRYCREATE] no such mailbox
        S: a4 OK
        S: * 3 FETCH (UID 3 FLAGS (\\\\Seen) MODSEQ (13))
        S: a5 OK
        S: * SEARCH
        S: a6 BAD what
        """,
        .uidStore(UIDSet([1, 2]), add: ["\\Deleted", "$Done"]), .uidExpunge(UIDSet([1, 2])),
        .uidMove(UIDSet([7]), to: .init("Old")), .uidCopy(UIDSet([8]), to: .init("Old")),
        .uidFetch(.from(1), .flags, changedSince: 12), .uidSearch(IMAPSearch(uids: .from(5), criteria: "UNSEEN")))

    static let idle = Scene(
        "IDLE",
        """
        S: * PREAUTH in
        C: a1 IDLE
        S: + idling
        S: * 4 EXISTS
        S: * OK Still here
        C: DONE
        S: a1 OK
        C: a2 ID ("name" "mailhub")
        S: * ID ("name" "other" "x" NIL)
        S: a2 OK
        """,
        .idle, .idleEnd, .id(name: "mailhub"))

    @Test("events do not depend on where the network cuts the octets", arguments: scenes)
    func everySplit(_ scene: Scene) {
        let whole = scene.play()
        #expect(whole.failure == nil)
        #expect(whole.mismatch == nil)
        guard case .done = whole.events.last else { return #expect(Bool(false), "unfinished: \(whole.events)") }
        for index in 0..<scene.dialogue.count(from: .server) {
            #expect(scene.play(cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(scene.play(cut: .everywhere) == whole)
    }

    @Test("a login, a selection and a search are read")
    func reads() {
        let events = Self.login.play().events
        var selection = IMAPSelection()
        selection.messages = 3
        selection.uidValidity = 3_857_529_045
        selection.uidNext = 4_392
        selection.highestModSeq = 715_194_045_007
        selection.permanentFlags = ["\\Deleted", "\\*"]
        #expect(events.contains(.selected(selection)))
        #expect(events.contains(.searchResult([1, 22, .max])))
        #expect(events.last == .done(.logout, IMAPStatus(.ok, text: [UInt8]("bye"))))
    }

    @Test("codes of refusals are typed")
    func codes() {
        let expected = IMAPStatus(.no, code: .authenticationFailed, text: [UInt8]("no"))
        #expect(Self.literalLogin.play().events.contains(.done(.login, expected)))
        let later = IMAPStatus(.no, code: .unavailable, text: [UInt8]("later"))
        #expect(Self.auth.play().events.contains(.done(.authenticate, later)))
        #expect(
            Self.changes.play().events.contains(
                .done(.uidMove, IMAPStatus(.no, code: .tryCreate, text: [UInt8]("no such mailbox")))))
        #expect(
            Self.fetch.play().events.contains(
                .notice(IMAPStatus(.ok, code: .alert, text: [UInt8]("disk is nearly full")))))
    }

    @Test("capabilities told before TLS do not count behind it")
    func forgets() {
        let events = Self.startTLS.play().events
        #expect(events.filter { if case .capabilities = $0 { true } else { false } }.count == 1)
        #expect(events.contains(.startTLSReady))
    }

    @Test("mailboxes are read, whatever form their names have")
    func mailboxes() {
        let names = Self.folders.play().events.compactMap { event -> String? in
            if case .mailbox(let mailbox) = event { String(decoding: mailbox.name.encoded, as: UTF8.self) } else { nil }
        }
        #expect(names == ["INBOX", "[Gmail]", "Entw&APw-rfe/a\"b", "two\r\nwo)s", "", "gone"])
    }

    @Test("content arrives in file form and belongs to its UID")
    func content() {
        let events = Self.fetch.play().events
        let expected: [UInt32: [UInt8]] = [
            1: [UInt8]("Subject: a\n\nbody\n"), 2: [UInt8]("* 3 FETCH (UID 9 BODY[] {3}\n)\n\r "),
            9: [UInt8]("\n.\r\r"),
            12: [UInt8]("\n"),
        ]
        #expect(messages(in: events) == expected)
        #expect(events.contains(.contentBegin(sequence: 1, uid: 1, octets: 20)))
        #expect(events.contains(.contentBegin(sequence: 2, uid: nil, octets: 34)))
        var first = IMAPFetched(sequence: 1)
        first.uid = 1
        first.flags = ["\\Seen", "$Junk"]
        first.size = 20
        first.internalDate = [UInt8]("17-Jul-1996 02:44:25 -0700")
        first.body = .streamed(octets: 20, contentFaults: [])
        #expect(events.contains(.fetched(first)))
        let contentFaults = events.compactMap { event -> ContentFaults? in
            if case .fetched(let fetched) = event, case .streamed(_, let contentFaults) = fetched.body {
                contentFaults
            } else {
                nil
            }
        }
        #expect(contentFaults == [[], [.bareCR], [.bareCR, .bareLF], []])
    }

    @Test("a body that is not there is no delivery")
    func bodies() {
        let bodies = Self.oddBodies.play().events.compactMap { event -> IMAPFetched.Body? in
            if case .fetched(let fetched) = event { fetched.body } else { nil }
        }
        #expect(bodies == [.null, .empty, .empty, .streamed(octets: 15, contentFaults: []), .absent])
    }
}
