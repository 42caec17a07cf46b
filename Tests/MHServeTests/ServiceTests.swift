// Who is let in at a listener, how those who are not hear it, and how many there may be.

import NIOCore
import NIOEmbedded
import Testing

@testable import mhserve

@Suite("A listener")
struct ServiceTests {
    private func said(to rig: SessionRig) throws -> String { String(decoding: try rig.received(), as: UTF8.self) }

    @Test(
        "lets nobody in whom its rules deny, says so in the words of its protocol, and writes it down",
        arguments: [
            ("smtp", "554 5.7.1 hub.example.org access denied\r\n"),
            ("submission", "554 5.7.1 hub.example.org access denied\r\n"), ("pop3", "-ERR access denied\r\n"),
            ("submissions", ""), ("pop3s", ""),
        ])
    func denied(_ service: String, _ words: String) throws {
        let hub = try HubInMemory(service, rules: "deny 192.0.2.0/24")
        let rig = try SessionRig(of: hub)
        #expect(try said(to: rig) == words)
        if rig.isOpen { try rig.say("QUIT\n") }  // RFC 5321 §3.1 has a client that is told 554 say so
        #expect(hub.service.sessions.count == 0)
        #expect(hub.told("refused") == ["refused service=\(service) client=192.0.2.1 rule=\"deny 192.0.2.0/24\""])
        let other = try SessionRig(of: hub, from: "198.51.100.7")
        #expect(other.isOpen && hub.service.sessions.count == 1)
    }

    // RFC 5321 §3.1: a server that says 554 in place of a greeting MUST still wait for QUIT before it closes, and
    // SHOULD answer other commands with 503.
    @Test("that said 554 for a greeting waits for QUIT, and takes no other command")
    func deniedWaits() throws {
        let rig = try SessionRig(of: HubInMemory("smtp", rules: "deny 192.0.2.0/24"))
        #expect(try said(to: rig).hasPrefix("554 "))
        try #require(rig.isOpen)
        #expect(try rig.say("EHLO c\n").hasPrefix("503 "))
        #expect(try rig.say("MAIL FROM:<a@far.example>\n").hasPrefix("503 "))
        #expect(try rig.say("QUIT\n").hasPrefix("221 "))
        #expect(!rig.isOpen)
    }

    @Test("keeps apart those that it denies: they take no place of others, and have half a minute in all")
    func deniedApart() throws {
        let hub = try HubInMemory("smtp", rules: "deny 192.0.2.0/24")
        var held: [SessionRig] = []
        for host in 1...20 {
            for _ in 1...3 {
                let rig = try SessionRig(of: hub, from: "192.0.2.\(host)")
                #expect(try said(to: rig).hasPrefix("554 "))
                if rig.isOpen { held.append(rig) }
            }
        }
        #expect(held.count == 16, "two of an address, sixteen in all")
        #expect(hub.service.sessions.count == 0)
        let one = try #require(held.first)
        one.pass(.seconds(29))
        #expect(try one.say("NOOP\n").hasPrefix("503 "))
        one.pass(.seconds(2))
        #expect(try said(to: one).hasPrefix("421 "))
    }

    @Test("with rules that allow lets in those alone")
    func allowed() throws {
        let hub = try HubInMemory("smtp", rules: "allow 198.51.100.0/24 deny 198.51.100.8")
        for (address, isLetIn) in [("192.0.2.1", false), ("198.51.100.7", true), ("198.51.100.8", false)] {
            let words = try said(to: SessionRig(of: hub, from: address))
            #expect(words.hasPrefix("220 ") == isLetIn, "\(address): \(words)")
        }
        #expect(
            hub.told("refused") == [
                "refused service=smtp client=192.0.2.1 rule=\"not in allow 198.51.100.0/24\"",
                "refused service=smtp client=198.51.100.8 rule=\"deny 198.51.100.8\"",
            ])
    }

    @Test(
        "has so many connections of one address, and of all; one too many is to come again, until another has left",
        arguments: [
            ("smtp", "421 4.7.0 hub.example.org too many connections; try again later\r\n"),
            ("pop3", "-ERR [SYS/TEMP] too many connections; try again later\r\n"), ("submissions", ""), ("pop3s", ""),
        ])
    func tooMany(_ service: String, _ words: String) throws {
        let hub = try HubInMemory(service, words: ["max-connections 2", "max-connections-per-address 1"])
        let first = try SessionRig(of: hub)
        #expect(try said(to: SessionRig(of: hub)) == words, "of one address")
        let second = try SessionRig(of: hub, from: "198.51.100.7")
        #expect(try said(to: SessionRig(of: hub, from: "198.51.100.8")) == words, "of all")
        #expect(first.isOpen && second.isOpen && hub.service.sessions.count == 2)
        let lines = ["192.0.2.1", "198.51.100.8"].map {
            "refused service=\(service) client=\($0) why=\"too many connections\""
        }
        #expect(hub.told("refused") == lines)
        first.leave()
        #expect(hub.service.sessions.count == 1)
        let third = try SessionRig(of: hub)
        #expect(third.isOpen && hub.service.sessions.count == 2)
    }

    @Test("that stops tells everybody who is there, in a handshake too, and each leaves once")
    func stops() throws {
        let hub = try HubInMemory("submissions")
        let rigs = try ["192.0.2.1", "198.51.100.7"].map { try SessionRig(of: hub, from: $0) }
        #expect(hub.service.sessions.count == 2)
        hub.service.server.isStopping = true
        hub.service.sessions.stopSoon()
        #expect(rigs.allSatisfy { !$0.isOpen } && hub.service.sessions.count == 0)
        for rig in rigs { rig.leave() }
        #expect(hub.service.sessions.count == 0)
    }

    @Test("gives no session to a connection whose other end has no address")
    func noAddress() throws {
        let hub = try HubInMemory("smtp")
        let channel = EmbeddedChannel()
        try hub.service.admit(channel)
        #expect(hub.service.sessions.count == 0)
        #expect(throws: ChannelError.alreadyClosed) { try channel.close().wait() }
        channel.embeddedEventLoop.run()
    }
}
