// mhfetch against servers worse than any real one: nothing is said in clear, nothing hangs, what was whole is kept.

import Glibc
import MailTestKit
import Testing

@Suite("mhfetch and bad servers")
struct FetchHostileTests {
    typealias Step = FakeServer.Step

    /// A POP3 session up to the listing, for an account without TLS.
    static let login: [Step] = [
        .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
        .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"),
    ]

    /// UIDL and LIST for messages with these ids.
    static func listing(_ ids: [String], sizes: Bool = true) -> [Step] {
        let numbered = ids.enumerated().map { ($0.offset + 1, $0.element) }
        let uidl: [Step] = [.expect("UIDL"), .line("+OK")] + numbered.map { .line("\($0.0) \($0.1)") } + [.line(".")]
        guard sizes else { return uidl }
        return uidl + [.expect("LIST"), .line("+OK")] + numbered.map { .line("\($0.0) 100") } + [.line(".")]
    }

    static func message(_ number: Int) -> [Step] {
        [
            .expect("RETR \(number)"), .line("+OK"),
            .octets(Array("Subject: \(number)\r\n\r\nbody\r\n.\r\n".utf8)),
        ]
    }

    static func file(_ number: Int) -> [UInt8] { Array("Subject: \(number)\n\nbody\n".utf8) }

    static let farewell: [Step] = [.expect("QUIT"), .line("+OK")]

    private func rig(_ service: String, _ server: FakeServer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure("\(service) 127.0.0.1:\(server.port)", "timeout 4", lines.first ?? "tls off")
        return rig
    }

    @Test("FE1: without STLS or STARTTLS no login is sent")
    func noTLS() async throws {
        try await onThread {
            let pop3 = try FakeServer([
                .line("+OK"), .expect("CAPA"), .line("+OK"), .line("USER"), .line("SASL PLAIN"), .line("."),
                .expect("STLS"), .line("-ERR what?"), .drain,
            ])
            let imap = try FakeServer([
                .line("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello"), .drain,
            ])
            let preauth = try FakeServer([.line("* PREAUTH [CAPABILITY IMAP4rev1] come in"), .drain])
            for (service, server) in [("pop3", pop3), ("imap", imap), ("imap", preauth)] {
                let result = try rig(service, server, "tls required").fetch()
                #expect(result.status == 77, "\(result)")
                #expect(result.errorText.contains("offers no TLS, and the account demands it"), "\(result)")
                let said = server.stop().flatMap(\.lines)
                #expect(said.allSatisfy { ["CAPA", "STLS"].contains($0) || $0.hasSuffix("LOGOUT") }, "\(said)")
            }
        }
    }

    @Test("FE1: clear text behind the consent to TLS is taken for an attack", arguments: ["pop3", "imap"])
    func injection(into service: String) async throws {
        try await onThread {
            let server =
                service == "pop3"
                ? try FakeServer([
                    .line("+OK"), .expect("CAPA"), .line("+OK"), .line("STLS"), .line("."), .expect("STLS"),
                    .octets(Array("+OK go\r\n+OK injected\r\n".utf8)), .drain,
                ])
                : try FakeServer([
                    .line("* OK [CAPABILITY IMAP4rev1 STARTTLS] hello"), .expect("a1 STARTTLS"),
                    .octets(Array("a1 OK go\r\n* CAPABILITY IMAP4rev1\r\n".utf8)), .drain,
                ])
            let result = try rig(service, server, "tls required").fetch()
            #expect(result.status == 76 && result.errorText.contains("inject"), "\(result)")
        }
    }

    @Test("a server that stalls, drips, leaves or talks rubbish costs a timeout and a clear word, for POP3 and IMAP")
    func badManners() async throws {
        let slowly = Array("+OK this greeting takes too long, drop by drop by drop\r\n".utf8)
        let cases: [(String, String, [Step], Int32)] = [
            ("stalls", "pop3", [.stall(.seconds(60))], 75),
            ("stalls", "imap", [.stall(.seconds(60))], 75),
            ("drips", "pop3", [.drip(slowly, every: .milliseconds(100)), .drain], 75),
            ("leaves", "pop3", [.line("+OK")], 75),
            ("leaves", "imap", [.line("* BYE too many of you")], 75),
            ("leaves", "imap", [.line("* OK hi"), .skip(lines: 1), .reset], 75),
            ("leaves", "pop3", [.line("-ERR [IN-USE] later")], 75),
            ("rubbish", "pop3", [.line("HTTP/1.1 400 Bad Request")], 76),
            ("rubbish", "imap", [.line("220 smtp.example ESMTP")], 76),
            ("rubbish", "pop3", [.octets(SplitMix.some(5_000)), .line("")], 76),
            // A line without an end is given up at its limit.
            ("floods", "pop3", [.flood(chunk: [UInt8](repeating: 0x41, count: 8_192), octets: .max)], 76),
            (
                "floods", "imap",
                [.flood(chunk: Array("* OK ".utf8) + [UInt8](repeating: 0x41, count: 8_192), octets: .max)], 76
            ),
            // Words that nobody asked for, in time or without a pause, do not make up for the answer.
            (
                "chats", "imap",
                Self.imapLogin + [.expect("a2"), .times(600, [.line("* OK still here"), .stall(.milliseconds(100))])],
                75
            ),
            (
                "chats", "imap",
                Self.imapLogin + [.expect("a2"), .flood(chunk: Array("* OK still here\r\n".utf8), octets: .max)], 75
            ),
            (
                "chats", "imap",
                Self.imap(next: 2, sizes: []).dropLast()
                    + [.times(600, [.line("* 1 FETCH (UID 1 RFC822.SIZE 17)"), .stall(.milliseconds(100))])], 75
            ),
            // Taken for the answer to the next command, it would shift all that follow.
            (
                "says too much", "pop3",
                Self.login + [.expect("UIDL"), .octets(Array("+OK\r\n1 a\r\n.\r\n+OK\r\n".utf8)), .drain], 76
            ),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (name, service, script, status) in cases {
                group.addTask {
                    try await onThread {
                        let server = try FakeServer(script)
                        let result = try self.rig(service, server).fetch(deadline: .seconds(20))
                        #expect(result.status == status, "\(service) \(name): \(result)")
                        #expect(result.errorText.hasPrefix("mhfetch: account peer: "), "\(service) \(name): \(result)")
                        #expect(result.errorText.filter { $0 == "\n" }.count == 1, "\(service) \(name): \(result)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("ask 4: what was whole when the connection broke is kept, and the rest is fetched next time")
    func cutInTheMiddle() async throws {
        try await onThread {
            let ids = ["id-one", "id-two", "id-three"]
            let server = try FakeServer(
                Self.login + Self.listing(ids) + Self.message(1)
                    + [.expect("RETR 2"), .line("+OK"), .octets(Array("Subject: 2\r\n\r\nbo".utf8))],
                // The one that was cut may be at fault, but was not alone: all go on as before.
                Self.login + Self.listing(ids) + Self.message(2) + Self.message(3) + Self.farewell)
            let rig = rig("pop3", server)
            let cut = try rig.fetch()
            #expect(cut.status == 75, "\(cut)")
            #expect(rig.messages() == [Self.file(1)])
            #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
            let rest = try rig.fetch()
            #expect(rest.status == 0, "\(rest)")
            #expect(counted(rig.messages()) == counted((1...3).map(Self.file)))
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test(
        "FE12, ask 8: one message that the server refuses stops no other, is listed, left alone after three times, tried on demand"
    )
    func refusedMessage() async throws {
        try await onThread {
            let ids = ["good-1", "bad", "good-3"]
            let refusal: [Step] = [.expect("RETR 2"), .line("-ERR [SYS/PERM] \u{7}broken")]
            let login = Self.login + Self.listing(ids)
            let server = try FakeServer(
                login + [.expect("RETR 1")] + Self.message(1).dropFirst() + refusal + Self.message(3) + Self.farewell,
                login + refusal + Self.farewell, login + refusal + Self.farewell,
                Self.login + Self.listing(ids, sizes: false) + Self.farewell,
                login + Self.message(2) + Self.farewell,
                Self.login + Self.listing(ids, sizes: false) + Self.farewell)
            let rig = rig("pop3", server)
            for number in 1...3 {
                let result = try rig.fetch()
                #expect(result.status == 75 && result.errorText.contains("RETR was refused: \\x07broken"), "\(result)")
                #expect(rig.messages().count == 2, "run \(number)")
            }
            let status = try rig.fetch("--status")
            #expect(status.status == 75, "\(status)")
            #expect(status.outputText.contains("failed bad: 3 times, just now: RETR was refused"), "\(status)")
            let alone = try rig.fetch()
            #expect(
                alone.status == 75 && alone.errorText.contains("1 message failed three times and is tried"), "\(alone)")
            #expect(try rig.fetch("--retry").status == 0)
            #expect(counted(rig.messages()) == counted((1...3).map(Self.file)))
            let well = try rig.fetch()
            #expect(well.status == 0 && well.errors.isEmpty, "\(well)")
            let last = try rig.fetch("--status").outputText
            #expect(last.hasPrefix("peer: well, just now; 6 runs, 3 messages"), "\(last)")
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("FE4: equal ids are two messages, and ids that are only numbers are kept nowhere")
    func strangeIDs() async throws {
        try await onThread {
            let server = try FakeServer(
                Self.login + Self.listing(["same", "same"]) + Self.message(1) + Self.message(2) + Self.farewell,
                Self.login + Self.listing(["same", "same"], sizes: false) + Self.farewell)
            let twins = rig("pop3", server)
            #expect(try twins.fetch().status == 0)
            #expect(try twins.fetch().status == 0)
            #expect(twins.messages().count == 2)

            let numbers = Self.login + Self.listing(["1", "2"], sizes: false)
            let refused = try FakeServer(numbers + [.drain])
            let result = try rig("pop3", refused).fetch()
            #expect(result.status == 69 && result.errorText.contains("say `keep off`"), "\(result)")

            let deletes: [Step] = [.expect("DELE 1"), .line("+OK"), .expect("DELE 2"), .line("+OK")]
            let whole = Self.login + Self.listing(["1", "2"]) + Self.message(1) + Self.message(2) + deletes
            // The first farewell is lost: what stands there as 1 and 2 next time may be other mail, and is looked at.
            let off = try FakeServer(whole + [.expect("QUIT")], whole + Self.farewell)
            let taking = FetchRig()
            taking.configure("pop3 127.0.0.1:\(off.port)", "tls off", "keep off")
            #expect(try taking.fetch().status == 75)
            #expect(try taking.fetch().status == 0)
            #expect(taking.messages().count == 2, "it is the same")
            #expect(off.stop().last?.finished == true, "\(off.sessions)")
        }
    }

    @Test("with `keep off`, an id that two messages share, or that comes again at once, loses neither of them")
    func idsAgain() async throws {
        try await onThread {
            let login = Self.login
            func deletes(_ number: Int) -> [Step] { [.expect("DELE \(number)"), .line("+OK")] }
            let server = try FakeServer(
                // The second of two cannot be fetched: the first must stay, lest the second be counted as it.
                login + Self.listing(["same", "same"]) + Self.message(1)
                    + [.expect("RETR 2"), .line("-ERR busy")] + Self.farewell,
                login + Self.listing(["same", "same"]) + Self.message(2) + deletes(1) + deletes(2) + Self.farewell,
                // The same id again, at the next listing: another message. The farewell breaks off.
                login + Self.listing(["same"]) + [.expect("RETR 1")] + Self.message(3).dropFirst() + deletes(1)
                    + [.expect("QUIT")],
                // Nobody knows whether it went: it is looked at, it is the same, and it goes.
                login + Self.listing(["same"]) + [.expect("RETR 1")] + Self.message(3).dropFirst() + deletes(1)
                    + Self.farewell,
                login + Self.listing(["same"]) + [.expect("RETR 1")] + Self.message(4).dropFirst() + deletes(1)
                    + Self.farewell)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "keep off")
            for (status, count) in [(0, 1), (0, 2), (75, 3), (0, 3), (0, 4)] as [(Int32, Int)] {
                let result = try rig.fetch()
                #expect(result.status == status, "\(result)")
                #expect(rig.messages().count == count, "\(result)")
            }
            #expect(counted(rig.messages()) == counted((1...4).map(Self.file)))
            #expect(!server.stop().contains { !$0.finished && $0.lines.last != "QUIT" }, "\(server.sessions)")
        }
    }

    /// An IMAP session up to the first command behind the login, for an account without TLS.
    static let imapLogin: [Step] = [
        .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS] hello"),
        .expect("a1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA=="),
        .line("a1 OK [CAPABILITY IMAP4rev1 UIDPLUS] in"),
    ]

    /// An IMAP session up to the survey of the INBOX, for an account without TLS; tags count from a1.
    static func imap(next: Int, sizes: [(uid: Int, size: Int)]) -> [Step] {
        imapLogin + [
            .expect("a2 SELECT"), .line("* \(sizes.count) EXISTS"),
            .line("* OK [UIDVALIDITY 1] ok"), .line("* OK [UIDNEXT \(next)] ok"), .line("a2 OK [READ-ONLY] done"),
            .expect("a3 UID FETCH"),
        ]
            + sizes.enumerated().map {
                .line("* \($0.offset + 1) FETCH (UID \($0.element.uid) RFC822.SIZE \($0.element.size))")
            }
            + [.line("a3 OK done")]
    }

    @Test(
        "FE12: an IMAP server that cannot send one message, sends NIL, leaves one out or lies about UIDs loses nothing")
    func strangeIMAP() async throws {
        try await onThread {
            let body = "Subject: x\r\n\r\nx\r\n"
            let literal = "BODY[] {\(body.utf8.count)}\r\n\(body)"
            let bye: [Step] = [.skip(lines: 1), .tagged("@tag@ OK bye")]
            let four = (1...4).map { (uid: $0, size: 17) }
            let server = try FakeServer(
                // NO to the batch with one sent, then to each of the others by itself: NIL, none, refused.
                Self.imap(next: 5, sizes: four) + [
                    .expect("a4 UID FETCH 1:4"), .octets(Array("* 1 FETCH (UID 1 \(literal))\r\n".utf8)),
                    .line("a4 NO [SERVERBUG] cannot read"),
                    .expect("a5 UID FETCH 2 "), .line("* 2 FETCH (UID 2 BODY[] NIL)"), .line("a5 OK done"),
                    .expect("a6 UID FETCH 3 "), .line("a6 OK done"),
                    .expect("a7 UID FETCH 3 "), .line("* 3 FETCH (UID 3 RFC822.SIZE 17)"), .line("a7 OK done"),
                    .expect("a8 UID FETCH 4 "), .line("a8 NO [SERVERBUG] cannot read"),
                    .expect("a9 UID FETCH 4 "), .line("* 4 FETCH (UID 4 RFC822.SIZE 17)"), .line("a9 OK done"),
                ] + bye,
                // Next time: 2 is gone, 3 and 4 come, each by itself; one with the UID behind the content.
                [Step](Self.imap(next: 5, sizes: []).prefix(9)) + [
                    .line("* 2 FETCH (UID 3 RFC822.SIZE 17)"), .line("* 3 FETCH (UID 4 RFC822.SIZE 17)"),
                    .line("a3 OK done"),
                    .expect("a4 UID FETCH"), .octets(Array("* 2 FETCH (\(literal) UID 3)\r\n".utf8)),
                    .line("a4 OK done"),
                    .expect("a5 UID FETCH"), .octets(Array("* 3 FETCH (UID 4 \(literal))\r\n".utf8)),
                    .line("a5 OK done"),
                ] + bye,
                // Not listed twice: gone.
                [Step](Self.imap(next: 5, sizes: []).prefix(9)) + [.line("a3 OK done")] + bye)
            let rig = rig("imap", server)
            let first = try rig.fetch()
            #expect(first.status == 75, "\(first)")
            #expect(first.errorText.filter { $0 == "\n" }.count == 3, "\(first)")
            #expect(rig.messages().count == 1)
            let second = try rig.fetch()
            #expect(second.status == 0, "\(second)")
            #expect(rig.messages().count == 3)
            #expect(try rig.fetch("--status").status == 75 && rig.fetch().status == 0)
            #expect(try rig.fetch("--status").status == 0)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")

            let lying = try FakeServer(
                Self.imap(next: 3, sizes: [(1, 17), (2, 17)]) + [
                    .expect("a4"),
                    .octets(Array("* 1 FETCH (\(literal) UID 2)\r\n* 2 FETCH (\(literal) UID 1)\r\n".utf8)),
                    .line("a4 OK done"),
                ] + bye)
            let swapped = self.rig("imap", lying)
            let result = try swapped.fetch()
            #expect(result.status == 75 && result.errorText.contains("the UIDs 1 and 2 for message 1"), "\(result)")
            #expect(swapped.messages().isEmpty, "no message is taken for another")
        }
    }

    @Test(
        "on a slow line a batch ends after two seconds: what has come until then is safe", arguments: ["pop3", "imap"])
    func slowLine(_ service: String) async throws {
        try await onThread {
            let slow = Step.stall(.milliseconds(2_100))
            func fetched(_ uid: Int) -> Step {
                .octets(Array("* \(uid) FETCH (UID \(uid) BODY[] {20}\r\nSubject: \(uid)\r\n\r\nbody\r\n)\r\n".utf8))
            }
            let pop3 =
                Self.login + Self.listing(["a", "b", "c"]) + Self.message(1) + [slow] + Self.message(2)
                + Self.message(3) + Self.farewell
            let imap =
                Self.imap(next: 4, sizes: [(1, 20), (2, 20), (3, 20)]) + [
                    .expect("a4 UID FETCH 1:3 "), fetched(1), slow, fetched(2), fetched(3), .line("a4 OK done"),
                    .skip(lines: 1), .tagged("@tag@ OK bye"),
                ]
            let server = try FakeServer(service == "pop3" ? pop3 : imap)
            let rig = rig(service, server)
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(server.sessions)")
            #expect(counted(rig.messages()) == counted((1...3).map(Self.file)))
            // The second came when the first batch was late: POP3 had asked for it by then.
            let ended = rig.journal.filter { $0.hasPrefix("done ") }.map { $0.split(separator: " ").count - 2 }
            #expect(ended == (service == "pop3" ? [2, 1] : [1, 2]), "\(rig.journal)")
        }
    }

    @Test("a batch ends at its octets, whatever the server said of their number")
    func lyingSizes() async throws {
        try await onThread {
            let large: [Step] = [
                .expect("RETR 1"), .line("+OK"),
                .flood(chunk: Array((String(repeating: "x", count: 998) + "\r\n").utf8), octets: 17 << 20), .line("."),
            ]
            let server = try FakeServer(
                Self.login + Self.listing(["a", "b", "c"]) + large + Self.message(2) + Self.message(3) + Self.farewell)
            let rig = rig("pop3", server)
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(server.sessions)")
            let ended = rig.journal.filter { $0.hasPrefix("done ") }.map { $0.split(separator: " ").count - 2 }
            #expect(ended == [1, 2], "\(rig.journal)")
        }
    }

    @Test(
        "of several messages with one id, the one that stays is known by what it is, also when the others are forgotten"
    )
    func oneOfThreeStays() async throws {
        try await onThread {
            func message(_ number: Int, as listed: Int) -> [Step] {
                [.expect("RETR \(listed)")] + Self.message(number).dropFirst()
            }
            func deletes(_ number: Int, _ answer: String = "+OK") -> [Step] {
                [.expect("DELE \(number)"), .line(answer)]
            }
            let login = Self.login
            let one = login + Self.listing(["X"]) + message(2, as: 1) + deletes(1)
            let server = try FakeServer(
                login + Self.listing(["X", "X", "X"]) + Self.message(1) + Self.message(2) + Self.message(3)
                    + deletes(1) + deletes(2, "-ERR busy") + deletes(3) + Self.farewell,
                // Listed alone it counts as the first; it is looked at, and its deletion comes to nothing again and again.
                one + [.expect("QUIT")], one + [.expect("QUIT")], one + [.expect("QUIT")], one + Self.farewell)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "keep off")
            for status in [0, 75, 75, 75, 0] as [Int32] {
                let result = try rig.fetch()
                #expect(result.status == status, "\(result) \(server.sessions)")
                #expect(counted(rig.messages()) == counted((1...3).map(Self.file)), "\(result)")
            }
            #expect(!server.stop().contains { $0.surprise != nil }, "\(server.sessions)")
        }
    }

    @Test(
        "FE12: a message that kills us before its first octet is found out, comes last from then on, and stops no other"
    )
    func deadlyMessage() async throws {
        try await onThread {
            let rig = FetchRig()
            let slot = RunningCommand()
            let body = "Subject: x\r\n\r\nx\r\n"
            func message(_ uid: Int) -> Step {
                .octets(Array("* \(uid) FETCH (UID \(uid) BODY[] {\(body.utf8.count)}\r\n\(body))\r\n".utf8))
            }
            let two = Self.imap(next: 3, sizes: [(1, 17), (2, 17)])
            let death: [Step] = [.perform { slot.signal(SIGKILL) }, .drain]
            let bye: [Step] = [.skip(lines: 1), .tagged("@tag@ OK bye")]
            let there = Step.line("* 1 FETCH (UID 1 RFC822.SIZE 17)")
            let server = try FakeServer(
                two + [.expect("a4 UID FETCH 1:2 ")] + death,
                // From now on it is asked for behind the other one, and by itself.
                two + [.expect("a4 UID FETCH 2 "), message(2), .line("a4 OK done"), .expect("a5 UID FETCH 1 ")] + death,
                two + [.expect("a4 UID FETCH 1 "), there, .line("a4 OK done"), .expect("a5 UID FETCH 1 ")] + death,
                [Step](Self.imap(next: 3, sizes: []).prefix(9)) + [there, .line("a3 OK done")] + bye)
            rig.configure("imap 127.0.0.1:\(server.port)", "timeout 10", "tls off")
            for round in 1...3 {
                try rig.start(as: slot)
                #expect(slot.end()?.signal == SIGKILL, "round \(round)")
                #expect(rig.messages().count == (round == 1 ? 0 : 1), "round \(round)")
            }
            let result = try rig.fetch()
            #expect(result.status == 75, "\(result) \(server.sessions)")
            #expect(rig.journal.contains { $0.hasPrefix("fail i0:1 3 ") }, "\(rig.journal)")
            #expect(!server.stop().contains { $0.surprise != nil }, "\(server.sessions)")
        }
    }

    @Test("a server that refuses to send many at once is asked for fewer, one that sends them backwards is heard")
    func manyAtOnce() async throws {
        try await onThread {
            func message(_ uid: Int) -> Step {
                let body = "Subject: \(uid)\r\n\r\nbody\r\n"
                return .octets(Array("* \(uid) FETCH (UID \(uid) BODY[] {\(body.utf8.count)}\r\n\(body))\r\n".utf8))
            }
            let bye: [Step] = [.skip(lines: 1), .tagged("@tag@ OK bye")]
            let listed = Self.imap(next: 151, sizes: (1...150).map { ($0, 17) })
            let server = try FakeServer(
                listed + [.expect("a4 UID FETCH 1:150 ")] + (1...20).map(message) + [
                    .line("a4 NO [LIMIT] too many at once"),
                    .expect("a5 UID FETCH 21:84 "),
                ] + (21...84).map(message) + [.line("a5 OK done"), .expect("a6 UID FETCH 85:148 ")]
                    + (85...148).map(message) + [.line("a6 OK done"), .expect("a7 UID FETCH 149:150 ")]
                    + (149...150).map(message) + [.line("a7 OK done")] + bye,
                listed + [.expect("a4 UID FETCH 1:150 ")] + (1...150).reversed().map(message)
                    + [.line("a4 OK done")] + bye)
            for _ in 1...2 {
                let rig = rig("imap", server)
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(server.sessions)")
                #expect(counted(rig.messages()) == counted((1...150).map(Self.file)))
                let opened = rig.journal.count { $0.hasPrefix("open ") }
                #expect(opened == rig.journal.count { $0.hasPrefix("done ") })
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }
}

extension SplitMix {
    /// `count` octets without line ends.
    static func some(_ count: Int) -> [UInt8] {
        var random = SplitMix(seed: 11)
        return random.octets(count).map { $0 == 0x0A ? 0x0B : $0 }
    }
}
