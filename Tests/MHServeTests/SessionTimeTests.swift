// How long a client may take for what, by a clock that is moved by hand.

import NIOCore
import Testing

@testable import mhserve

@Suite("The time that a session gives")
struct SessionTimeTests {
    private static let envelope = "EHLO c\nMAIL FROM:<a@example.net>\nRCPT TO:<alice@example.org>\nDATA\n"

    @Test(
        "a handshake has a minute in all, at the beginning and by STARTTLS or STLS, though a client may be idle for longer",
        arguments: [
            ("submissions", ""), ("pop3s", ""), ("smtp", "EHLO c\nSTARTTLS\n"), ("submission", "EHLO c\nSTARTTLS\n"),
            ("pop3", "STLS\n"),
        ])
    func handshake(_ service: String, _ opening: String) throws {
        let rig = try SessionRig(service)
        if !opening.isEmpty {
            let said = try rig.say(opening)
            #expect(said.hasSuffix("TLS\r\n"), "\(said)")
        }
        rig.pass(.seconds(50))
        try rig.send([0x16, 0x03])  // the beginning of a handshake renews nothing
        rig.pass(.seconds(9))
        #expect(rig.isOpen)
        rig.pass(.seconds(2))
        #expect(!rig.isOpen)
    }

    @Test("a client that says nothing in clear has its idle time", arguments: [("smtp", 300), ("pop3", 600)])
    func idle(_ service: String, _ seconds: Int64) throws {
        let rig = try SessionRig(service)
        rig.pass(.seconds(seconds - 1))
        #expect(rig.isOpen)
        rig.pass(.seconds(2))
        #expect(!rig.isOpen)
    }

    @Test(
        "after the handshake the idle time holds again",
        arguments: [("smtp", "EHLO c\nSTARTTLS\n", 300), ("pop3", "STLS\n", 600), ("pop3s", "", 600)])
    func afterHandshake(_ service: String, _ opening: String, _ seconds: Int64) throws {
        let rig = try SessionRig(service)
        if !opening.isEmpty { try rig.say(opening) }
        rig.pass(.seconds(50))
        let client = try rig.shakeHands()
        rig.pass(.seconds(seconds - 1))
        #expect(rig.isOpen)
        rig.pass(.seconds(2))
        #expect(!rig.isOpen)
        _ = client
    }

    @Test("refused content is read on at the slowest legal pace for ten minutes, then refused for ever")
    func refusedContent() throws {
        let rig = try SessionRig("smtp")
        #expect(try rig.say(Self.envelope).hasSuffix("CR LF . CR LF\r\n"))
        try rig.send([0])
        // 4 KiB in three minutes: three times, and the tenth minute comes.
        for _ in 1...3 {
            rig.pass(.seconds(179))
            try rig.send([UInt8](repeating: 0x61, count: 4096))
        }
        rig.pass(.seconds(62))
        #expect(rig.isOpen)
        #expect(try rig.received().isEmpty)
        rig.pass(.seconds(2))
        #expect(String(decoding: try rig.received(), as: UTF8.self).hasPrefix("550 5.6.0 "))
        #expect(!rig.isOpen)
        #expect(rig.logged("takes too long").count == 1)
    }

    @Test("refused content that ends within its time is answered there, and the session goes on")
    func refusedContentEnds() throws {
        let rig = try SessionRig("smtp", words: ["size-limit 64k"])
        try rig.say(Self.envelope)
        for _ in 1...2 { try rig.send([UInt8](repeating: 0x61, count: 40_000)) }
        for _ in 1...2 {
            rig.pass(.seconds(179))
            try rig.send([UInt8](repeating: 0x61, count: 4096))
        }
        #expect(try rig.say("\n.\n").hasPrefix("552 "))
        rig.pass(.seconds(299))
        #expect(try rig.say("NOOP\n").hasPrefix("250 "))
    }

    @Test("content that comes too slowly is refused for now; refused content that does, for ever")
    func tooSlow() throws {
        for (first, reply) in [(Array("good".utf8), "421 "), ([0], "550 ")] {
            let rig = try SessionRig("smtp")
            try rig.say(Self.envelope)
            try rig.send(first)
            rig.pass(.seconds(100))
            try rig.send([UInt8](repeating: 0x61, count: 100))
            rig.pass(.seconds(81))
            #expect(String(decoding: try rig.received(), as: UTF8.self).hasPrefix(reply))
            #expect(!rig.isOpen)
        }
    }

    @Test("the octets of a refused chunk keep their pace, too")
    func refusedChunk() throws {
        let rig = try SessionRig("smtp")
        #expect(try rig.say("EHLO c\nBDAT 20000\n").hasSuffix("503 5.5.1 MAIL first\r\n"))
        for _ in 1...3 {
            rig.pass(.seconds(179))
            try rig.send([UInt8](repeating: 0x61, count: 4096))
        }
        try rig.send([UInt8](repeating: 0x61, count: 20_000 - 3 * 4096))
        #expect(try rig.say("NOOP\n").hasPrefix("250 "))
    }
}
