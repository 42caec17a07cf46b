// The POP3 client against dialogues, honest and hostile, cut at every octet.

import MailTestKit
import Octets
import Testing

@testable import POP3Protocol

/// Joins pieces of content, and of a listing, that only a cut has parted.
func merged(_ one: POP3Client.Event, _ other: POP3Client.Event) -> POP3Client.Event? {
    switch (one, other) {
    case (.content(let first), .content(let second)): return .content(first + second)
    case (.uniqueIDs(var first), .uniqueIDs(let second)):
        first.append(second)
        return .uniqueIDs(first)
    default: return nil
    }
}

/// The command that a `C:` line shows.
func command(in line: String) -> POP3Command? {
    let words = line.split(separator: " ").map(String.init)
    let number = words.dropFirst().first.flatMap { Int($0) }
    switch words.first {
    case "CAPA": return .capa
    case "STLS": return .stls
    case "USER": return .user(words[1])
    case "PASS": return .pass(words.dropFirst().joined(separator: " "))
    case "AUTH":
        return .auth(mechanism: words[1], initialResponse: words.dropFirst(2).first.flatMap { Base64.decode($0.utf8) })
    case "STAT": return .stat
    case "LIST": return .list(number)
    case "UIDL": return .uidl(number)
    case "RETR": return .retr(number ?? 0)
    case "TOP": return .top(number ?? 0, lines: Int(words[2]) ?? 0)
    case "DELE": return .dele(number ?? 0)
    case "NOOP": return .noop
    case "QUIT": return .quit
    case "*": return .saslCancel
    default: return Base64.decode(line.utf8).map { .saslResponse($0) }
    }
}

func play(_ dialogue: Dialogue, cut: Cut = .nowhere) -> Played<POP3Client.Event> {
    dialogue.play(
        POP3Client(), as: .client, cut: cut, say: command(in:), tls: { $0.tlsEstablished() }, merge: merged)
}

@Suite struct POP3ClientTests {
    @Test("events do not depend on where the network cuts the octets", arguments: Dialogue.all(in: "POP3"))
    func everySplit(_ dialogue: Dialogue) {
        let whole = play(dialogue)
        #expect(whole.failure == nil)
        #expect(whole.mismatch == nil)
        #expect(!whole.events.isEmpty)
        for index in 0..<dialogue.count(from: .server) {
            #expect(play(dialogue, cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(play(dialogue, cut: .everywhere) == whole)
    }

    @Test("a hostile server ends the session, however it is cut", arguments: Dialogue.all(in: "POP3Hostile"))
    func hostile(_ dialogue: Dialogue) {
        let whole = play(dialogue)
        #expect(whole.failure != nil)
        for index in 0..<dialogue.count(from: .server) {
            #expect(play(dialogue, cut: .before(index)).failure == whole.failure, "cut before octet \(index)")
        }
        #expect(play(dialogue, cut: .everywhere).failure == whole.failure)
    }

    @Test("content is in file form, and contentFaults are told")
    func content() throws {
        let dialogue = try #require(Dialogue.all(in: "POP3").first { $0.name.hasPrefix("02") })
        let events = play(dialogue).events
        let expected: [POP3Client.Event] = [
            .greeting(text: []),
            .ok(.pass, text: []),
            .contentBegin(message: 1),
            .content([UInt8]("Subject: one\n\n.dot\n..\nx is unstuffed too\n")),
            .contentEnd([]),
            .err(.retr(2), code: nil, text: [UInt8]("no such message")),
            .contentBegin(message: 3),
            .contentEnd([]),
            .contentBegin(message: 4),
            .content(
                [UInt8]("bare\nlf, bare\rcr, nul\0 and ") + [0xFF, 0xFE]
                    + [UInt8]("\n\n is content, and so is\n\n.\n")),
            .contentEnd([.bareCR, .bareLF, .nul]),
            .ok(.dele(1), text: [UInt8]("marked")),
        ]
        #expect(events == expected)
    }

    @Test("greeting, codes and capabilities are read")
    func login() throws {
        let dialogue = try #require(Dialogue.all(in: "POP3").first { $0.name.hasPrefix("01") })
        let events = play(dialogue).events
        #expect(events.first == .greeting(text: [UInt8]("POP3 ready <1896.697170952@dbc.example>")))
        guard case .capabilities(let capabilities) = events[1] else {
            Issue.record("no capabilities")
            return
        }
        #expect(capabilities.has("PIPELINING"))
        #expect(capabilities.mechanisms == ["PLAIN", "SCRAM-SHA-256"])
        #expect(events.contains(.err(.pass, code: .auth, text: [UInt8]("no such user or password"))))
        #expect(events.contains(.stat(messages: 2, octets: 320)))
    }

    @Test(
        "the stamp of a greeting is for APOP if it is a msg-id, and nothing else is",
        arguments: [
            ("+OK ready <1896.697170952@dbc.example>", "<1896.697170952@dbc.example>"), ("+OK ready", nil),
            ("+OK <a b@c>", nil), ("+OK <a\u{80}@c>", nil), ("+OK <ab>", nil), ("+OK >a@b<", nil),
        ])
    func stamp(greeting: String, stamp: String?) throws {
        var client = POP3Client()
        client.receive(Array("\(greeting)\r\n".utf8))
        _ = try client.nextEvent()
        #expect(client.stamp == stamp.map { Array($0.utf8) })
    }

    @Test("after STLS the capabilities of clear text are forgotten")
    func forgets() throws {
        var client = POP3Client()
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        _ = client.send(.capa)
        client.receive([UInt8]("+OK\r\nSTLS\r\n.\r\n"))
        _ = try client.nextEvent()
        #expect(client.capabilities?.has("STLS") == true)
        _ = client.send(.stls)
        client.receive([UInt8]("+OK\r\n"))
        #expect(try client.nextEvent() == .startTLSReady)
        #expect(client.send(.noop).isEmpty)
        #expect(client.capabilities == nil)
    }

    @Test(
        "what would break a line is never said",
        arguments: [
            POP3Command.user("a\r\nDELE 1"), .pass("a\nb"), .pass("a\0"), .user(""),
            .user(String(repeating: "u", count: 300)),
            .auth(mechanism: "PLAIN x\r\n", initialResponse: nil), .retr(0), .dele(-1), .top(1, lines: -1),
            .saslResponse([1]), .proceed, .apop(user: "a b", digest: "0"),
        ])
    func cannotSend(_ command: POP3Command) throws {
        var client = POP3Client()
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        #expect(client.send(command) == [])
        #expect(throws: POP3Error.self) { try client.nextEvent() }
        #expect(throws: POP3Error.self) { try client.nextEvent() }
    }

    @Test("an initial response too long for its line waits for the server")
    func heldBack() throws {
        var client = POP3Client()
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        let token = [UInt8](repeating: 0x41, count: 900)
        #expect(client.send(.auth(mechanism: "XOAUTH2", initialResponse: token)) == [UInt8]("AUTH XOAUTH2\r\n"))
        client.receive([UInt8]("+ \r\n"))
        #expect(try client.nextEvent() == .proceed)
        #expect(client.send(.proceed) == Base64.encode(token) + [13, 10])
        client.receive([UInt8]("+OK\r\n"))
        #expect(try client.nextEvent() == .ok(.auth, text: []))
        #expect(client.isAuthenticated)
    }

    @Test("a listing without end stops at its limit")
    func endlessCapabilities() throws {
        var client = POP3Client()
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        _ = client.send(.capa)
        client.receive([UInt8]("+OK\r\n") + Array(repeating: [UInt8]("X\r\n"), count: 65).joined())
        #expect(throws: POP3Error.tooMany(what: "capabilities", limit: 64)) { try client.nextEvent() }
    }

    @Test("a listing of long ids stops at its octets, however few its entries are")
    func longListing() throws {
        var client = POP3Client(listOctetLimit: 28)
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        for _ in 1...2 {
            // 27 octets, each time anew.
            _ = client.send(.uidl(nil))
            client.receive([UInt8]("+OK\r\n1 aaaaaaaaaa\r\n2 bbbbbbbbb\r\n.\r\n"))
            for _ in 1...2 { #expect(try client.nextEvent() != nil) }
        }
        _ = client.send(.uidl(nil))
        client.receive([UInt8]("+OK\r\n1 aaaaaaaaaa\r\n2 bbbbbbbbbbb\r\n.\r\n"))
        #expect(try client.nextEvent() != nil)
        #expect(throws: POP3Error.tooMany(what: "octets in one listing", limit: 28)) { try client.nextEvent() }
    }

    @Test("a reply that nothing asked for ends the session before the next command", arguments: ["+OK\r\n", "+O", "x"])
    func surplus(_ octets: String) throws {
        var client = POP3Client()
        client.receive([UInt8]("+OK\r\n"))
        _ = try client.nextEvent()
        for _ in 1...2 { #expect(!client.send(.noop).isEmpty) }
        client.receive(Array("+OK 1\r\n+OK 2\r\n\(octets)".utf8))
        _ = try client.nextEvent()
        var other = client
        #expect(!other.send(.noop).isEmpty, "an answer is awaited still: it may be one to that")
        _ = try client.nextEvent()
        let reply = octets == "+OK\r\n" ? "+OK" : octets
        for _ in 1...2 {
            #expect(client.send(.noop).isEmpty)
            #expect(throws: POP3Error.unsolicitedReply([UInt8](reply.utf8))) { try client.nextEvent() }
        }
    }

    @Test("what is awaited sets the pace; answers, entries and content are progress, lines on their way are none")
    func progress() throws {
        var client = POP3Client()
        /// What the client makes of `text`: how many events, how much progress, what it awaits then.
        func hear(_ text: String) throws -> (events: Int, progress: Int, awaits: Awaited) {
            let before = client.progress
            client.receive([UInt8](text.utf8))
            var events = 0
            while try client.nextEvent() != nil { events += 1 }
            return (events, client.progress - before, client.awaits)
        }
        #expect(client.awaits == .reply)
        #expect(try hear("+OK") == (0, 0, .reply))
        #expect(try hear("\r\n") == (1, 1, .nothing))
        _ = client.send(.capa)
        #expect(
            try hear("+OK\r\nUSER\r\nTOP\r\n") == (0, 1, .reply), "its lines are none: they have their time as a whole")
        #expect(try hear(".\r\n") == (1, 1, .nothing))
        for (listing, events) in [(POP3Command.uidl(nil), 1), (.list(nil), 2)] {
            _ = client.send(listing)
            #expect(try hear("+OK\r\n") == (0, 1, .reply))
            #expect(try hear("1 11\r\n2 ") == (1, 1, .listing))
            #expect(try hear("22\r\n3 33\r\n") == (events, 2, .listing))
            #expect(try hear("4 44\r\n.\r\n") == (2, 2, .nothing))
        }
        for _ in 1...2 { _ = client.send(.retr(1)) }
        #expect(try hear("+OK\r\n") == (1, 1, .content))
        #expect(try hear("a\r\n") == (1, 1, .content))
        #expect(try hear(".\r\n") == (1, 1, .reply))
        #expect(try hear("-ERR\r\n") == (1, 1, .nothing))
    }

    @Test("refusals of a login: the credentials', or trouble of the server's that passes or stays")
    func refusals() throws {
        let cases: [(String, LoginRefusal)] = [
            ("-ERR no", .init(.credentials, words: [UInt8]("no".utf8))),
            ("-ERR [AUTH] no", .init(.credentials, words: [UInt8]("no".utf8))),
            ("-ERR [IN-USE] x", .init(.server, isTemporary: true, words: [UInt8]("x".utf8))),
            ("-ERR [LOGIN-DELAY] x", .init(.server, isTemporary: true, words: [UInt8]("x".utf8))),
            ("-ERR [SYS/TEMP] x", .init(.server, isTemporary: true, words: [UInt8]("x".utf8))),
            ("-ERR [SYS/PERM] x", .init(.server, words: [UInt8]("x".utf8))),
            (
                "-ERR Unable to lock maildrop",
                .init(.server, isTemporary: true, words: [UInt8]("Unable to lock maildrop".utf8))
            ),
            ("-ERR mailbox is LOCKED", .init(.server, isTemporary: true, words: [UInt8]("mailbox is LOCKED".utf8))),
            ("-ERR [AUTH] mailbox locked", .init(.credentials, words: [UInt8]("mailbox locked".utf8))),
            (
                "-ERR invalid credentials for mailbox; unlock at x",
                .init(.credentials, words: [UInt8]("invalid credentials for mailbox; unlock at x".utf8))
            ),
            ("-ERR mailbox blocked", .init(.credentials, words: [UInt8]("mailbox blocked".utf8))),
            (
                "-ERR mailbox locked: failed too often",
                .init(.credentials, words: [UInt8]("mailbox locked: failed too often".utf8))
            ),
            ("-ERR account locked", .init(.credentials, words: [UInt8]("account locked".utf8))),
            (
                "-ERR wrong password, mailbox locked",
                .init(.credentials, words: [UInt8]("wrong password, mailbox locked".utf8))
            ),
        ]
        for (line, refusal) in cases {
            for login in [POP3Command.user("a"), .pass("b"), .auth(mechanism: "PLAIN", initialResponse: nil)] {
                var client = POP3Client()
                client.receive([UInt8]("+OK\r\n".utf8))
                _ = try client.nextEvent()
                _ = client.send(login)
                client.receive([UInt8]("\(line)\r\n".utf8))
                let event = try #require(try client.nextEvent())
                #expect(POP3Client.meaning(of: event) == .refused(refusal), "\(line)")
            }
        }
    }

    @Test("a line without an end is given up at its limit")
    func unterminated() throws {
        var client = POP3Client()
        for _ in 0..<3 {
            client.receive([UInt8](repeating: 0x61, count: 4_000))
            #expect(try client.nextEvent() == nil)
        }
        client.receive([UInt8](repeating: 0x61, count: 4_000))
        #expect(throws: POP3Error.lineTooLong(limit: POP3Client.replyLimit)) { try client.nextEvent() }
        #expect(client.lines.isEmpty)
        for listing in [POP3Command.uidl(nil), .list(nil)] {
            var client = POP3Client()
            client.receive([UInt8]("+OK\r\n"))
            _ = try client.nextEvent()
            _ = client.send(listing)
            client.receive([UInt8]("+OK\r\n1 1\r\n2 "))
            #expect(try client.nextEvent() != nil)
            client.receive([UInt8](repeating: 0x61, count: 4_000))
            #expect(try client.nextEvent() == nil)
            client.receive([UInt8](repeating: 0x61, count: 9_000))
            #expect(throws: POP3Error.lineTooLong(limit: POP3Client.replyLimit)) { try client.nextEvent() }
        }
    }

    @Test("random octets never trap", arguments: 0..<200)
    func random(_ seed: Int) {
        var generator = SplitMix(seed: UInt64(seed))
        var client = POP3Client()
        let words = [
            "+OK", "-ERR", "+", " ", "1", "0", "\r\n", "\n", ".", "..", "[AUTH]", "<a@b>", "999999999999999999999",
        ]
        let commands: [POP3Command] = [
            .capa, .stat, .list(nil), .uidl(nil), .retr(1), .auth(mechanism: "PLAIN", initialResponse: nil), .noop,
        ]
        client.receive([UInt8]("+OK\r\n"))
        for _ in 0..<200 {
            if Bool.random(using: &generator), let command = commands.randomElement(using: &generator) {
                _ = client.send(command)
            }
            if Int.random(in: 0..<8, using: &generator) == 0 {
                client.receive([UInt8.random(in: 0...255, using: &generator)])
            } else {
                client.receive(Array((words.randomElement(using: &generator) ?? "").utf8))
            }
            do { while try client.nextEvent() != nil {} } catch { return }
        }
    }
}
