// SMTP and LMTP, server side: any octets, any verdicts, any cuts.

import FuzzKit
import MailEnvelope
import MailFormat
import Octets
import SMTPProtocol

@main
enum FuzzSMTPServer {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let setting = input.choice()
    let verdicts = input.choice()
    let octets = input.rest
    claimSame(octets, verdicts ^ setting) { cut in
        var session = Session(setting, verdicts)
        for piece in cut.pieces(of: octets) { session.hear(piece) }
        session.hangUp()
        return session.trace
    }
}

/// One conversation, and everything that must hold while it lasts.
private struct Session {
    var trace = Trace<SMTPServer.Event>()
    private var engine: SMTPServer
    private let verdicts: UInt8
    private var asked = 0
    private var contentOctets = 0
    private var isContentStray = false

    /// - Parameter setting: bits 0-1 mail, submission, LMTP; 2 STARTTLS; 3 repair; 4 a small size limit; 5 TLS stands.
    /// - Parameter verdicts: bits 0-4 choose who is refused (0: nobody), bit 5 completes bare addresses.
    init(_ setting: UInt8, _ verdicts: UInt8) {
        let modes: [SMTPServerOptions.Mode] = [.mail, .submission, .lmtp, .mail]
        var options = SMTPServerOptions(
            mode: modes[Int(setting & 3)], hostname: "hub.example", sizeLimit: setting & 16 == 0 ? 50 << 20 : 24)
        options.offersTLS = setting & 4 != 0
        options.lineEnds = setting & 8 == 0 ? .refuse : .repair
        options.mechanisms = ["PLAIN", "LOGIN"]
        options.authenticatesInClear = true
        options.qualify = verdicts & 32 == 0 ? nil : "hub.example"
        options.recipientLimit = 5
        engine = SMTPServer(options, isTLS: setting & 32 != 0)
        self.verdicts = verdicts & 31
    }

    mutating func hear(_ octets: [UInt8]) {
        engine.receive(octets)
        var events = 0
        while let event = engine.nextEvent() {
            events += 1
            claim(events < 100_000, "events without end")
            take(event)
        }
        claim(!engine.awaitingReply, "an answer is awaited, though all were given")
        claim(engine.backlog < SMTPLimits.authenticationLine, "\(engine.backlog) octets wait")
    }

    mutating func hangUp() {
        dropRefusedContent()
        let wasClosed = engine.isClosed
        let farewell = engine.send(.shutDown(""))
        let isFarewell = ["421", "550", "552"].contains { farewell.starts(with: $0.utf8) }
        claim(wasClosed ? farewell.isEmpty : isFarewell, "no farewell")
        claim(engine.isClosed && engine.envelope == nil, "a transaction behind the end")
        while let event = engine.nextEvent() { claim(event == .close, "\(event) behind the end") }
        engine.receive([0x41])
        claim(engine.nextEvent() == nil && engine.backlog == 0, "a closed conversation that hears")
    }

    /// How much of a message was handed out before it was found to be faulty is as it came.
    private mutating func dropRefusedContent() {
        if case .refusedContent = trace.events.last { trace.dropLast() }
        if case .content = trace.events.last { trace.dropLast() }
    }

    private mutating func take(_ event: SMTPServer.Event) {
        if event == .startTLS || event == .fault(.injectionAfterSTARTTLS) { trace.seal() }
        switch event {
        case .fault(.tooBig), .fault(.strayOctetsInContent): dropRefusedContent()
        default: break
        }
        trace.note(event) { last, next in
            switch (last, next) {
            case (.content(let first), .content(let more)): .content(first + more)
            case (.refusedContent(let first), .refusedContent(let more)): .refusedContent(octets: first + more)
            default: nil
            }
        }
        check(event)
        if case .content = event { return }
        if case .refusedContent = event { return }
        guard event != .close else { return }
        let command = answer(event)
        let reply = engine.send(command)
        trace.answer(reply)
        let lines = claimLines(reply, limit: SMTPLimits.ownReplyLine)
        for line in lines {
            claim(line.count >= 4 && (0x32...0x35).contains(line[line.startIndex]), "no reply: \(Array(line))")
        }
        claim(engine.send(.accept("twice")).isEmpty, "two answers to one event")
        checkAnswered(event, lines.count)
        if event == .startTLS, lines.first?.starts(with: "220".utf8) == true { engine.tlsEstablished() }
    }

    /// What must hold when `event` is handed out.
    private mutating func check(_ event: SMTPServer.Event) {
        switch event {
        case .mail(let envelope, _):
            claim(engine.clientName != nil && engine.envelope == nil, "MAIL out of order")
            claim(engine.options.mode != .submission || engine.isAuthenticated, "submission by a stranger")
            if let address = envelope.reversePath.address { check(address, envelope.smtpUTF8) }
        case .rcpt(let recipient):
            guard let envelope = engine.envelope else { return claim(false, "RCPT without MAIL") }
            claim(envelope.recipients.count < engine.options.recipientLimit, "too many recipients")
            if case .address(let address) = recipient.forwardPath { check(address, envelope.smtpUTF8) }
        case .contentBegin:
            claim(engine.envelope?.recipients.isEmpty == false, "content for nobody")
            contentOctets = 0
            isContentStray = false
        case .content(let octets):
            claim(engine.envelope != nil && !octets.isEmpty, "content outside of a transaction, or none")
            contentOctets += octets.count
            if octets.contains(Octet.cr) || octets.contains(Octet.nul) { isContentStray = true }
        case .refusedContent(let octets): claim(octets > 0, "nothing was refused")
        case .contentEnd(let octets, let contentFaults):
            claim(engine.envelope?.recipients.isEmpty == false, "a message for nobody")
            claim(octets == contentOctets, "\(contentOctets) octets were handed out, not \(octets)")
            claim(octets <= engine.options.sizeLimit ?? .max, "a message over the limit")
            claim(
                engine.options.lineEnds == .repair || contentFaults.isEmpty && !isContentStray,
                "a stray octet got through")
        case .chunkEnd: claim(engine.envelope != nil, "a chunk outside of a transaction")
        case .fault(let fault):
            switch fault {
            case .noRecipients, .strayOctetsInContent, .tooBig, .injectionAfterSTARTTLS:
                claim(engine.envelope == nil, "\(fault), and the transaction goes on")
            default: claim(!fault.closes || engine.envelope == nil, "\(fault), and the transaction goes on")
            }
        case .ehlo, .rset, .startTLS, .quit, .close: claim(engine.envelope == nil, "\(event) within a transaction")
        case .greeting, .auth, .saslResponse, .vrfy, .help, .noop: break
        }
    }

    private func check(_ address: Address, _ isInternationalAllowed: Bool) {
        claim(address.domain != nil, "an address without domain")
        claim(isInternationalAllowed || !address.isInternational, "an international address without SMTPUTF8")
        claim((try? Address(address.description)) == address, "\(address) is read as another address")
    }

    private func checkAnswered(_ event: SMTPServer.Event, _ lines: Int) {
        switch event {
        case .contentEnd: claim(engine.envelope == nil && lines > 0, "a transaction behind its content")
        case .contentBegin: break  // the go-ahead to the first chunk is silent
        default: claim(lines > 0, "no answer to \(event)")
        }
        if engine.isClosed { claim(engine.envelope == nil, "a transaction behind the end") }
    }

    private mutating func answer(_ event: SMTPServer.Event) -> SMTPServer.Command {
        asked += 1
        let isRefused = verdicts != 0 && (asked &* Int(verdicts)) % 7 == 0
        if isRefused {
            return .refuse(asked % 3 == 0 ? 550 : 451, .init(parsing: Array("4.7.1".utf8)) ?? status, "no\r\n")
        }
        switch event {
        case .auth(_, let initial): return initial == nil ? .challenge([0x3A]) : .accept("")
        case .contentEnd where engine.options.mode == .lmtp:
            let count = engine.envelope?.recipients.count ?? 0
            return .perRecipient(
                (0..<count).map { $0 % 2 == 0 ? .delivered(.passedOn, text: "") : .permanent(7, 1, text: "full") })
        case .mail, .rcpt, .contentBegin, .contentEnd, .saslResponse: return .accept(asked % 5 == 0 ? "a\nb" : "")
        default: return .proceed
        }
    }

    private var status: EnhancedStatus { .permanent(7, 1) }
}
