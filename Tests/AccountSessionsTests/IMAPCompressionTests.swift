// A session that is compressed, as a played server sees it.

import Blocking
import IMAPProtocol
import MailTestKit
import Testing

@testable import AccountSessions
@testable import RunControl
@testable import Transport

@Suite("A compressed session")
struct IMAPCompressionTests {
    private let scratch = ScratchDirectory()

    /// Begins a session in which the server offers to compress.
    /// - Parameters:
    ///   - agree: answers COMPRESS, whose tag is a2.
    ///   - play: goes on behind that.
    private func begin(
        _ agree: @escaping @Sendable (Voice) throws -> Void,
        _ play: @escaping @Sendable (Voice) throws -> Void = { _ in }
    ) throws -> IMAPSession {
        let played = try PlayedServer { voice in
            try voice.greet(.imap, offering: "PLAIN")
            try voice.hear()
            try voice.say("a1 OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in")
            #expect(try voice.hear() == "a2 COMPRESS DEFLATE")
            try agree(voice)
            try play(voice)
        }
        var account = account()
        account.isCompressed = true
        return try IMAPSession(on: played.wire, of: account, at: server, try AccountLogin(of: account))
    }

    private func compress(_ voice: Voice) throws {
        try voice.say("a2 OK go")
        try voice.wire.startCompression(with: [])
    }

    @Test("FE9: what follows the server's consent is compressed both ways; a refusal changes nothing")
    func both() async throws {
        try await onThread {
            for isAgreed in [true, false] {
                let session = try begin({ voice in
                    if isAgreed { try compress(voice) } else { try voice.say("a2 NO [COMPRESSIONACTIVE] no") }
                }) { voice in
                    let line = try voice.hear()
                    #expect(line == "a3 SELECT \"INBOX\"")
                    try voice.say("* 3 EXISTS", "* OK [UIDVALIDITY 1] x", "a3 OK done")
                    try voice.hear()
                }
                #expect(try session.select("INBOX").messages == 3)
                #expect((session.exchange.wire.compressedCount ?? 0 > 0) == isAgreed)
                if isAgreed { #expect(session.exchange.wire.compressedCount ?? 0 < 60) }
            }
        }
    }

    @Test("FE9: compressed words that come in the same packet as the consent are read, and none is before the login")
    func atOnce() async throws {
        try await onThread {
            let session = try begin({ voice in
                // Both in one write: what the layer makes of the second is held back until then.
                let far = try DeflateWords("* OK already\r\n")
                try voice.wire.write(Array("a2 OK go\r\n".utf8) + far.octets, until: Deadline(after: .seconds(20)))
                try voice.hear()
            })
            let event = try session.exchange.next()
            guard case .notice(let status) = event else {
                Issue.record("\(event)")
                return
            }
            #expect(status.text == Array("already".utf8))
        }
    }

    @Test("FE9: words of next to nothing end the session; content may be as long as it is")
    func bombs() async throws {
        try await onThread {
            let session = try begin(compress) { voice in
                try voice.hear()
                let words = String(repeating: "* OK \(String(repeating: " ", count: 4_000))\r\n", count: 2_000)
                try voice.say(words)
                try voice.hear()
            }
            try session.exchange.say(.noop)
            let error = accountError {
                while true { _ = try session.exchange.event() }
            }
            #expect(error?.transportError == .inflated(peer: "mail.test:1"), "\(String(describing: error))")
            let size = 32 << 20
            let content = try begin(compress) { voice in
                try voice.hear()
                try voice.say("* 1 FETCH (UID 1 BODY[] {\(size)}")
                for _ in 0..<size / 65_536 {
                    try voice.wire.write([UInt8](repeating: 0x61, count: 65_536), until: Deadline(after: .seconds(20)))
                }
                try voice.say(")", "a3 OK done")
                try voice.hear()
            }
            try content.exchange.say(.uidFetch(.from(1), .body))
            var octets = 0
            reading: while true {
                switch try content.exchange.next() {
                case .content(let piece):
                    #expect(piece.count <= 3 * Wire.inboxLimit)
                    octets += piece.count
                case .done: break reading
                default: break
                }
            }
            #expect(octets == size && content.exchange.wire.compressedCount ?? .max < size / 500)
        }
    }

    @Test("FE9: what is no DEFLATE ends the session, and says why")
    func broken() async throws {
        try await onThread {
            let session = try begin({ voice in
                try voice.say("a2 OK go")
                _ = try voice.wire.read(until: Deadline(after: .seconds(20)))
                try voice.wire.write([0xFF, 0xFF, 0xFF], until: Deadline(after: .seconds(20)))
                _ = try voice.wire.read(until: Deadline(after: .seconds(20)))
            })
            try session.exchange.say(.noop)
            let error = accountError { _ = try session.exchange.event() }
            #expect(
                error.map { "\($0)" }
                    == "what the server has compressed is none that can be read: invalid block type")
            #expect(error?.exitStatus == .protocolError)
        }
    }
}

/// Words as the other end compresses them.
private struct DeflateWords {
    let octets: [UInt8]

    init(_ text: String) throws {
        let wire = Wire(reading: -1, writing: -1, facts: WireFacts(peer: "nobody"), stop: -1)
        try wire.startCompression(with: [])
        wire.hold(Array(text.utf8))
        octets = wire.outbox
    }
}
