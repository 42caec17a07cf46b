// The end of a hop outranks what the connection itself would say; octets that came before it do not get lost.

import Blocking
import Glibc
import MailTestKit
import Testing
import Transport

@Suite struct HopFateTests {
    static let died = TransportError.hopDied(peer: "peer.test:110", reason: "hop 2: host key changed")

    @Test("a fate told while we wait ends the wait")
    func waiting() async throws {
        try await onThread { () throws in
            let fate = try EventFate()
            let pair = Pair(fate: fate)
            let thread = try BlockingThread(name: "hop") { fate.tell("hop 2: host key changed") }
            #expect(throws: Self.died) { try pair.wire.read(until: Deadline(after: .seconds(60))) }
            thread.join()
            pair.hangUp()
        }
    }

    @Test("a fate outranks the end of file, and the first sentence stands")
    func outranks() async throws {
        try await onThread { () throws in
            let fate = try EventFate()
            let pair = Pair(fate: fate)
            fate.tell("hop 2: host key changed")
            fate.tell("something later")
            pair.hangUp()
            #expect(throws: Self.died) { try pair.wire.read(until: Deadline(after: .seconds(60))) }
            #expect(throws: Self.died) { try pair.wire.read(until: Deadline(after: .seconds(60))) }
        }
    }

    @Test("a fate outranks a broken pipe")
    func writing() async throws {
        try await onThread { () throws in
            let fate = try EventFate()
            let pair = Pair(fate: fate)
            fate.tell("hop 2: host key changed")
            pair.hangUp()
            #expect(throws: Self.died) {
                try pair.wire.write([UInt8](repeating: 1, count: 100), until: Deadline(after: .seconds(60)))
            }
        }
    }

    @Test("octets that arrived before the hop died are handed out first")
    func octetsFirst() async throws {
        try await onThread { () throws in
            let fate = try EventFate()
            let pair = Pair(fate: fate)
            pair.say("250 queued\r\n")
            fate.tell("hop 2: host key changed")
            pair.hangUp()
            #expect(try pair.wire.readText() == "250 queued\r\n")
            #expect(throws: Self.died) { try pair.wire.read(until: Deadline(after: .seconds(60))) }
        }
    }

    @Test("without a fate, the end of file is what it is")
    func noFate() async throws {
        try await onThread { () throws in
            let fate = try EventFate()
            let pair = Pair(fate: fate)
            pair.hangUp()
            #expect(try pair.wire.readText() == "")
        }
    }
}
