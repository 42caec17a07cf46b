// An engine lent to a wire sees every octet, and its answers reach the peer.

import Blocking
import Glibc
import MailTestKit
import Octets
import Testing
import Transport

/// Events are single octets; a zero is a fault.
private struct Echo: Engine {
    struct Fault: Error {}
    private var waiting: [UInt8] = []
    mutating func receive(_ octets: [UInt8]) { waiting += octets }
    mutating func nextEvent() throws(Fault) -> UInt8? {
        guard !waiting.isEmpty else { return nil }
        let octet = waiting.removeFirst()
        guard octet != 0 else { throw Fault() }
        return octet
    }
    mutating func send(_ command: [UInt8]) -> [UInt8] { command }
    var secret: Range<Int> { 0..<0 }
}

@Suite struct ConverseTests {
    @Test("events become answers until the answerer is done")
    func answers() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("abc.rest")
            var engine = Echo()
            var seen: [UInt8] = []
            try converse(&engine, on: pair.wire, timeout: .seconds(5)) { event in
                seen.append(event)
                if event == Octet.dot { return .done }
                return event == 0x62 ? .listen : .say([event, event])
            }
            #expect(seen == Array("abc.".utf8))
            pair.wire.close()
            #expect(pair.heard() == Array("aacc".utf8))
            pair.hangUp()
        }
    }

    @Test("a peer that ends early, an engine's fault and an answer's fault are thrown")
    func faults() async throws {
        try await onThread { () throws in
            for (text, expected) in [("ab", "closed"), ("a\0", "Fault"), ("x", "EINVAL")] {
                let pair = Pair()
                pair.say(text)
                pair.hangUp()
                var engine = Echo()
                var thrown = ""
                do {
                    try converse(&engine, on: pair.wire, timeout: .seconds(5)) { event throws in
                        if event == 0x78 { throw ExitProbe() }
                        return .listen
                    }
                } catch {
                    thrown = "\(error)"
                }
                switch expected {
                case "closed": #expect(thrown == "peer.test:110: closed the connection early")
                case "Fault": #expect(thrown == "Fault()")
                default: #expect(thrown == "ExitProbe()")
                }
            }
        }
    }

    @Test("each step has its own time")
    func timeout() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("a")
            var engine = Echo()
            #expect(throws: TransportError.timedOut(peer: "peer.test:110", doing: "waiting for it to speak")) {
                try converse(&engine, on: pair.wire, timeout: .milliseconds(20)) { _ in .listen }
            }
            pair.hangUp()
        }
    }
}

private struct ExitProbe: Error {}
