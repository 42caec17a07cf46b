// SMTP and LMTP, client side: any server, any cuts.

import FuzzKit
import MailEnvelope
import MailFormat
import Octets

@testable import SMTPProtocol

@main
enum FuzzSMTPClient {
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
    let place = input.choice()
    let octets = input.rest
    claimSame(octets, place) { cut in
        var session = Session(setting)
        for piece in cut.pieces(of: octets) { session.hear(piece) }
        return session.trace
    }
}

/// One conversation of a client that wants to hand over three messages.
private struct Session {
    var trace = Trace<SMTPClient.Event>()
    private var engine: SMTPClient
    private let setting: UInt8
    private var transactions = 0
    private var isLoginTried = false
    private var told: Set<Int> = []
    private var verdicts = 0
    private var accepted = 0
    private var hasEnded = false

    /// - Parameter setting: bit 0 LMTP, 1 STARTTLS, 2 AUTH, 3-4 one recipient less than they say, 5 a server ahead
    ///   of its turn.
    init(_ setting: UInt8) {
        self.setting = setting
        engine = SMTPClient(setting & 1 == 0 ? .smtp : .lmtp)
    }

    /// A line is heard when the one before it has been answered: where a server that is ahead of its turn is left depends
    /// on how much had arrived. By bit 5 it is played all the same, and nothing is compared.
    mutating func hear(_ octets: [UInt8]) {
        if setting & 32 != 0 {
            trace.seal()
            return hear(piece: octets)
        }
        var rest = octets[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex
            hear(piece: Array(rest[..<end]))
            rest = rest[end...]
        }
    }

    private mutating func hear(piece octets: [UInt8]) {
        if hasEnded { return }
        engine.receive(octets)
        var events = 0
        do throws(SMTPError) {
            while let event = try engine.nextEvent() {
                events += 1
                claim(events < 100_000, "events without end")
                take(event)
            }
            claim(engine.lines.count < SMTPLimits.replyLine, "\(engine.lines.count) octets wait")
            claim(engine.outstandingCount >= 0 && engine.expected.count < 1000, "replies without end")
        } catch {
            if error == .injectionAfterSTARTTLS { trace.seal() }
            trace.end("\(error)")
            hasEnded = true
            claim(engine.send(.noop).isEmpty && !engine.isSendingContent, "speaks behind an error")
            engine.receive(Array("250 ok\r\n".utf8))
            claim((try? engine.nextEvent()) == .some(nil), "hears behind an error")
        }
    }

    private mutating func take(_ event: SMTPClient.Event) {
        if event == .startTLSReady { trace.seal() }
        trace.note(event) { _, _ in nil }
        check(event)
        var wire: [UInt8] = []
        for command in answers(to: event) { wire += engine.send(command) }  // content in pieces: lines only as a whole
        claimLines(wire, limit: SMTPLimits.authenticationLine)
        trace.answer(wire)
        if event == .startTLSReady {
            engine.tlsEstablished()
            trace.answer(engine.send(.hello("me.example")))
        }
    }

    private mutating func check(_ event: SMTPClient.Event) {
        switch event {
        case .mail: claim(told.isEmpty, "MAIL answered behind RCPT")
        case .rcpt(let index, let reply):
            claim((0..<recipients).contains(index) && told.insert(index).inserted, "recipient \(index) once more")
            if reply.isPositive { accepted += 1 }
        case .contentBegin: claim(accepted > 0 && engine.isSendingContent, "content for nobody")
        case .verdict(let index, _):
            verdicts += 1
            claim((index != nil) == (engine.dialect == .lmtp), "a verdict for \(String(describing: index))")
            claim(verdicts <= (engine.dialect == .lmtp ? accepted : 1), "a verdict too many")
        case .transactionEnd:
            claim(verdicts == 0 || verdicts == (engine.dialect == .lmtp ? accepted : 1), "an end without verdict")
            told = []
            accepted = 0
            verdicts = 0
        case .closing, .quit: claim(!engine.isSendingContent, "sends behind the end")
        default: break
        }
    }

    private var recipients: Int { Int(setting >> 3 & 3) + 1 }

    private mutating func answers(to event: SMTPClient.Event) -> [SMTPClient.Command] {
        switch event {
        case .greeting(let reply): return [reply.code == 220 ? .hello("me.example") : .quit]
        case .helloUnknown: return [.helo("me.example")]
        case .hello(let offered):
            if setting & 2 != 0, offered.startTLS, !engine.isTLS { return [.startTLS] }
            if setting & 4 != 0, !offered.mechanisms.isEmpty, !isLoginTried {
                isLoginTried = true
                return [.auth(mechanism: "PLAIN", initialResponse: setting & 8 == 0 ? [0, 0x61, 0, 0x62] : nil)]
            }
            return next()
        case .challenge(let octets): return [octets == nil ? .saslCancel : .saslResponse([0x61])]
        case .authenticated, .authenticationRefused, .transactionEnd: return next()
        case .contentBegin: return [.content(Array("Subject: x\n\n.dot\n".utf8)), .content([0x2E]), .contentEnd]
        case .helloRefused, .startTLSRefused, .impossible: return [.quit]
        case .closing, .quit, .startTLSReady: return []
        case .mail, .rcpt, .dataRefused, .emptied, .verdict, .rset, .noop, .initialResponseWanted: return [.proceed]
        }
    }

    private mutating func next() -> [SMTPClient.Command] {
        transactions += 1
        guard transactions <= 3, let sender = try? Address("a@me.example") else { return [.quit] }
        let paths = (0..<recipients).compactMap { try? Address("r\($0)@b.example") }
        let envelope = Envelope(reversePath: .address(sender), recipients: paths.map { .init($0) })
        return [.transaction(envelope, of: ContentFacts(wireSize: 100))]
    }
}
