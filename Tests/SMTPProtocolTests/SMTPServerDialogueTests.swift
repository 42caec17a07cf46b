// The SMTP server in conversations as clients hold them, honest and hostile, cut at every octet.

import MailEnvelope
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

@Suite("SMTP server dialogues")
struct SMTPServerDialogueTests {
    @Test("the server makes of a conversation what is expected", arguments: Dialogue.all(in: "SMTPServer"))
    func expected(_ dialogue: Dialogue) {
        let played = play(dialogue)
        #expect(played.mismatch == nil)
        #expect(played.words == dialogue.expected)
    }

    @Test("neither events nor answers depend on where the network cuts", arguments: Dialogue.all(in: "SMTPServer"))
    func everySplit(_ dialogue: Dialogue) {
        let whole = play(dialogue)
        for index in 0..<dialogue.count(from: .client) {
            #expect(play(dialogue, cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(play(dialogue, cut: .everywhere) == whole)
    }

    /// What of content is handed out before its fault is seen depends on the cuts; whatever it is, it is dropped.
    @Test(
        "a hostile client is answered alike wherever the network cuts its octets, and comes to no message",
        arguments: Dialogue.all(in: "SMTPServerHostile"))
    func hostile(_ dialogue: Dialogue) {
        let count = dialogue.count(from: .client)
        // All of them, but where a line without end makes thousands.
        var cuts = stride(from: 0, to: count, by: max(1, count / 300)).map { Cut.before($0) } + [.nowhere]
        if count < 10_000 { cuts.append(.everywhere) }
        for cut in cuts {
            let played = play(dialogue, cut: cut)
            #expect(played.mismatch == nil, "\(cut)")
            let words = played.words.filter { !$0.hasPrefix("| ") && !$0.hasPrefix("content for nothing") }
            #expect(words == dialogue.expected, "\(cut)")
            #expect(!words.contains { $0.contains("evil") }, "\(cut)")
        }
    }

    @Test("what a sender asks for reaches the policy as it was meant")
    func parameters() throws {
        let dialogue = try #require(Dialogue.all(in: "SMTPServer").first { $0.name.hasPrefix("submission-01") })
        let events = play(dialogue).events
        let envelope = try #require(
            events.compactMap { event -> Envelope? in
                if case .mail(let envelope, _) = event { envelope } else { nil }
            }.first)
        #expect(envelope.returnContent == .headers && envelope.envelopeID?.description == "QQ+314")
        #expect(envelope.bodyType == .eightBitMIME && !envelope.smtpUTF8 && envelope.recipients.isEmpty)
        let recipients = events.compactMap { event -> Envelope.Recipient? in
            if case .rcpt(let recipient) = event { recipient } else { nil }
        }
        #expect(recipients.map(\.notify) == [.on([.success, .failure]), .never])
        #expect(recipients.first?.originalRecipient?.address == "bob+news@elsewhere.example")
    }
}

// MARK: Playing

private func play(_ dialogue: Dialogue, cut: Cut = .nowhere) -> Played<SMTPServer.Event> {
    dialogue.play(
        server(for: dialogue.name), as: .server, cut: cut, say: reply(in:), tls: { $0.tlsEstablished() }, merge: merged)
}

/// The listener that the dialogue's name begins with.
private func server(for name: String) -> SMTPServer {
    if name.hasPrefix("lmtp-") { return SMTPServer(mailOptions(.lmtp)) }
    guard name.hasPrefix("submission") else { return SMTPServer(mailOptions { $0.offersTLS = true }) }
    let options = mailOptions(.submission) {
        $0.offersTLS = true
        $0.mechanisms = ["PLAIN", "LOGIN"]
    }
    return SMTPServer(options, isTLS: name.hasPrefix("submissions-"))
}

/// The policy's command behind an `S:` line. To a fault the engine has an answer of its own, whatever the command.
private func reply(in line: String) -> SMTPServer.Command? {
    guard let code = Int(line.prefix(3)) else { return nil }
    let text = line.dropFirst(4)
    if code == 334 { return Base64.decode(text.utf8).map { .challenge($0) } }
    if text.hasPrefix("hub.example") { return .accept("") }  // a greeting or the offers: all of it is the engine's
    let word = text.prefix { $0 != " " }
    guard let status = EnhancedStatus(parsing: word.utf8) else { return .accept(String(text)) }
    let words = String(text.dropFirst(word.count + 1))
    if code == 421, status == EnhancedStatus.transient(3, 2) { return .shutDown(words) }
    return code < 400 ? .accept(words) : .refuse(code, status, words)
}

/// Joins pieces of content that only a cut has parted.
private func merged(_ one: SMTPServer.Event, _ other: SMTPServer.Event) -> SMTPServer.Event? {
    switch (one, other) {
    case (.content(let first), .content(let second)): .content(first + second)
    case (.refusedContent(let first), .refusedContent(let second)): .refusedContent(octets: first + second)
    default: nil
    }
}

// MARK: What happened, as the `E:` lines write it

extension Played where Event == SMTPServer.Event {
    fileprivate var words: [String] { events.map { $0.words } }
}

extension SMTPServer.Event {
    fileprivate var words: String {
        switch self {
        case .greeting: "greeting"
        case .ehlo(let name): "hello: \(name)"
        case .auth(let mechanism, let initial):
            "auth \(mechanism): " + (initial.map { "\"\(Dialogue.text(of: $0))\"" } ?? "-")
        case .saslResponse(let octets): "response: \"\(Dialogue.text(of: octets))\""
        case .mail(let envelope, let parameters): envelope.words(parameters)
        case .rcpt(let recipient): recipient.words
        case .contentBegin: "content wanted"
        case .content(let octets): "| \(Dialogue.text(of: octets))"
        case .refusedContent(let octets): "content for nothing: \(octets) octets"
        case .chunkEnd: "end of chunk"
        case .contentEnd(let octets, let faults):
            "end of content: \(octets) octets" + (faults.isEmpty ? "" : ", faults \(faults.rawValue)")
        case .rset: "reset"
        case .vrfy(let name): "vrfy: \"\(name)\""
        case .help(let topic): "help: \"\(topic)\""
        case .noop: "noop"
        case .startTLS: "TLS wanted"
        case .quit: "quit"
        case .fault(let fault): "fault: \(fault.reply.code)" + (fault.reply.enhanced.map { " \($0)" } ?? "")
        case .close: "close"
        }
    }
}

extension Envelope {
    fileprivate func words(_ parameters: MailParameters) -> String {
        var words = ["mail: \(reversePath)"]
        if bodyType == .eightBitMIME { words.append("8BITMIME") }
        if smtpUTF8 { words.append("SMTPUTF8") }
        if let returnContent { words.append("RET=\(returnContent.rawValue)") }
        if let envelopeID { words.append("ENVID=\(envelopeID)") }
        if let size = parameters.size { words.append("SIZE=\(size)") }
        if let auth = parameters.auth { words.append("AUTH=\(auth)") }
        return words.joined(separator: " ")
    }
}

extension Envelope.Recipient {
    fileprivate var words: String {
        var words = ["recipient: \(forwardPath)"]
        if let value = notify.value { words.append("NOTIFY=\(value)") }
        if let originalRecipient { words.append("ORCPT=\(originalRecipient)") }
        return words.joined(separator: " ")
    }
}
