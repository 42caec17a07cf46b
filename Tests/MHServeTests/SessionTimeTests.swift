// How long a client may take for what, by a clock that is moved by hand.

import NIOCore
import Testing

@testable import mhserve

@Suite("The time that a session gives")
struct SessionTimeTests {
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
}
