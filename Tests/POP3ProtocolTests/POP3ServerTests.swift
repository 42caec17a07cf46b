// The POP3 server: order, limits, injection, and what it says.

import MailTestKit
import Octets
import Testing

@testable import POP3Protocol

/// The reply that an `S:` line shows, single lines only.
private func reply(in line: String) -> POP3Server.Reply? {
    if line.hasPrefix("+OK") { return .ok(String(line.dropFirst(4))) }
    if line.hasPrefix("-ERR") { return .err(nil, String(line.dropFirst(5))) }
    if line.hasPrefix("+ ") { return Base64.decode(line.dropFirst(2).utf8).map { .challenge($0) } }
    return nil
}

private func events(_ text: String, tls: Bool = false, cut: Cut = .nowhere) -> Played<POP3Server.Event> {
    var server = POP3Server(isTLS: tls)
    _ = server.send(.greeting("hello"))
    return Dialogue(text).play(server, as: .server, cut: cut, say: reply(in:), tls: { $0.tlsEstablished() })
}

@Suite struct POP3ServerTests {
    static let session = """
        C: CAPA
        C: user mrose
        C: PASS  two blanks 
        C: STAT
        S: +OK
        S: +OK
        S: +OK
        S: +OK 2 320
        C: List
        C: LIST 2
        C: UIDL 1
        C: RETR 1
        C: TOP 1 10
        C: DELE 2
        C: NOOP
        C: RSET
        S: +OK
        S: +OK
        S: +OK
        S: +OK
        S: +OK
        S: +OK
        S: +OK
        S: -ERR why
        C: QUIT
        C: STAT
        S: +OK
        """

    @Test("pipelined commands wait in order, wherever the octets are cut")
    func pipelined() {
        let whole = events(Self.session)
        let expected: [POP3Server.Event] = [
            .capa, .user([UInt8]("mrose")), .pass(user: [UInt8]("mrose"), password: [UInt8](" two blanks ")), .stat,
            .list(nil), .list(2), .uidl(1), .retr(1), .top(1, lines: 10), .dele(2), .noop, .rset, .quit(update: true),
        ]
        #expect(whole == Played(events: expected))
        for index in 0..<Dialogue(Self.session).count(from: .client) {
            #expect(events(Self.session, cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(events(Self.session, cut: .everywhere) == whole)
    }

    @Test(
        "a line that is no command here is a fault",
        arguments: [
            ("STAT", POP3Server.Fault.notLoggedIn), ("RETR 1", .notLoggedIn), ("PASS x", .userFirst),
            ("USER", .badArguments),
            ("XYZZY", .unknownCommand), ("", .unknownCommand), ("APOP a 0", .unknownCommand),
            ("CAPA now", .badArguments),
            ("AUTH", .badArguments), ("AUTH PLAIN !!!!", .badBase64), ("AUTH PL/AIN", .badArguments),
            ("USER a\\x00b", .badArguments), ("USER a\\n\\c", .bareLineFeed),
            ("USER " + String(repeating: "a", count: 249), .lineTooLong),
            ("USER " + String(repeating: "a", count: 20_000), .lineTooLong),
        ])
    func faults(_ line: String, _ fault: POP3Server.Fault) {
        #expect(events("C: \(line)") == Played(events: [.fault(fault)]))
        #expect(events("C: \(line)", cut: .everywhere) == Played(events: [.fault(fault)]))
    }

    @Test(
        "message numbers are checked",
        arguments: [
            ("RETR 0", POP3Server.Fault.badMessageNumber), ("RETR -1", .badMessageNumber), ("RETR", .badArguments),
            ("RETR 99999999999999999999", .badMessageNumber), ("RETR 1 2", .badArguments),
            ("LIST x", .badMessageNumber),
            ("TOP 1", .badArguments), ("TOP 1 -1", .badArguments), ("TOP 1 99999999999999999999", .badArguments),
            ("USER x", .loggedIn), ("STLS", .loggedIn), ("AUTH PLAIN", .loggedIn), ("DELE +1", .badMessageNumber),
        ])
    func numbers(_ line: String, _ fault: POP3Server.Fault) {
        let login = "C: USER a\nC: PASS b\nS: +OK\nS: +OK\n"
        #expect(events(login + "C: \(line)").events.last == .fault(fault))
    }

    @Test("octets behind STLS are an injection, in one piece or later")
    func injection() {
        for cut in [Cut.nowhere, .everywhere] {
            #expect(events("C: STLS\nC: USER x", cut: cut).events.last == .injectionAfterSTLS)
            #expect(events("C: STLS\nC: \\x16\\c", cut: cut).events.last == .injectionAfterSTLS)
        }
        #expect(events("C: STLS\nS: +OK\nC: USER x").events == [.stls, .injectionAfterSTLS])
        #expect(events("C: STLS\nC: USER x").events == [.injectionAfterSTLS])
        #expect(events("C: USER a\nS: +OK\nC: STLS\nS: +OK\nTLS\nC: PASS b").events.last == .fault(.userFirst))
        #expect(events("C: STLS\nS: -ERR no\nC: CAPA").events == [.stls, .capa])
        #expect(events("C: STLS", tls: true).events == [.fault(.isTLS)])
    }

    @Test("AUTH: responses, cancellation, limits")
    func auth() {
        let login = "C: AUTH plain =\nS: + Yw==\nC: AGEAYg==\nS: +OK\nC: STAT"
        #expect(
            events(login).events == [
                .auth(mechanism: "PLAIN", initialResponse: []), .saslResponse([0, 0x61, 0, 0x62]), .stat,
            ])
        #expect(events("C: AUTH LOGIN\nS: + Yw==\nC: *\nS: -ERR\nC: NOOP").events.last == .fault(.notLoggedIn))
        #expect(events("C: AUTH LOGIN\nS: + Yw==\nC: no base64").events.last == .fault(.badBase64))
        let long = String(repeating: "QUFB", count: 3_000)
        #expect(
            events("C: AUTH LOGIN\nS: + Yw==\nC: \(long)").events.last
                == .saslResponse(Array(repeating: 0x41, count: 9_000)))
        #expect(events("C: AUTH LOGIN\nS: + Yw==\nC: \(long)QUFB\(long)").events.last == .fault(.lineTooLong))
    }

    @Test("no text breaks a line, and no line exceeds 512 octets")
    func harmless() {
        var server = POP3Server()
        #expect(server.send(.greeting("a\r\n+OK b\0")) == [UInt8]("+OK a??+OK b?\r\n"))
        #expect(server.send(.ok(String(repeating: "x", count: 600))).count == 512)
        #expect(server.send(.err(.inUse, "locked")) == [UInt8]("-ERR [IN-USE] locked\r\n"))
        #expect(server.send(.uniqueID(.init(message: 1, id: [0x0D, 0x61]))) == [UInt8]("+OK 1 ?a\r\n"))
        #expect(server.errorCount == 1)
    }

    @Test("random octets never trap", arguments: 0..<200)
    func random(_ seed: Int) {
        var generator = SplitMix(seed: UInt64(seed))
        var server = POP3Server()
        _ = server.send(.greeting("hello"))
        let words = [
            "USER a", "PASS b", "AUTH PLAIN", "\r\n", "\n", " ", "=", "RETR ", "1", "TOP", "*", "LIST", "STLS", "\0",
        ]
        for _ in 0..<300 {
            if Int.random(in: 0..<8, using: &generator) == 0 {
                server.receive([UInt8.random(in: 0...255, using: &generator)])
            } else {
                server.receive(Array((words.randomElement(using: &generator) ?? "").utf8))
            }
            while server.nextEvent() != nil {
                let answers: [POP3Server.Reply] = [.ok("x"), .err(nil, "x"), .challenge([1, 2])]
                if let answer = answers.randomElement(using: &generator) { _ = server.send(answer) }
            }
        }
    }
}
