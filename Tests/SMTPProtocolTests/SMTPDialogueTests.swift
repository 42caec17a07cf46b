// The SMTP client in conversations as servers hold them, honest and hostile, cut at every octet.

import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

@Suite("SMTP dialogues")
struct SMTPDialogueTests {
    @Test("the client makes of a conversation what is expected", arguments: Dialogue.all(in: "SMTP"))
    func expected(_ dialogue: Dialogue) throws {
        let played = try play(dialogue)
        #expect(played.mismatch == nil)
        #expect(played.words == dialogue.expected)
    }

    @Test("events do not depend on where the network cuts the octets", arguments: Dialogue.all(in: "SMTP"))
    func everySplit(_ dialogue: Dialogue) throws {
        let whole = try play(dialogue)
        #expect(!whole.events.isEmpty)
        for index in 0..<dialogue.count(from: .server) {
            #expect(try play(dialogue, cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(try play(dialogue, cut: .everywhere) == whole)
    }

    @Test("a hostile server ends the session with the error expected", arguments: Dialogue.all(in: "SMTPHostile"))
    func hostile(_ dialogue: Dialogue) throws {
        let played = try play(dialogue)
        #expect(played.error is SMTPError)
        #expect(played.mismatch == nil)
        #expect(played.words == dialogue.expected)
    }

    @Test(
        "a hostile server gets no further where the network cuts its octets", arguments: Dialogue.all(in: "SMTPHostile")
    )
    func hostileSplit(_ dialogue: Dialogue) throws {
        let whole = try play(dialogue)
        let cuts = (0..<dialogue.count(from: .server)).map { Cut.before($0) } + [.everywhere]
        for cut in cuts {
            let played = try play(dialogue, cut: cut)
            #expect(played.error is SMTPError && played.failure == whole.failure, "\(cut)")
            #expect(rulings(in: played.events) == rulings(in: whole.events), "\(cut)")
        }
    }

    @Test("a message has one verdict for all who were taken, in LMTP one for each")
    func verdicts() throws {
        let (forAll, forEach): ([Int?: Int], [Int?: Int]) = ([nil: 250], [0: 250, 2: 452])
        #expect(try codes(of: "01") == forAll)
        #expect(try codes(of: "12") == forEach)
        #expect(try codes(of: "08").isEmpty, "nobody was taken, and nothing was sent")
        #expect(try codes(of: "09").isEmpty, "the server went before it had the message")
    }

    @Test("what was offered in clear is not offered behind STARTTLS, and what is, is read")
    func offers() throws {
        let offers = try events(of: "02").compactMap { event -> SMTPCapabilities? in
            if case .hello(let capabilities) = event { capabilities } else { nil }
        }
        #expect(offers.map(\.startTLS) == [true, false])
        #expect(offers.map(\.mechanisms) == [[], ["PLAIN", "LOGIN"]])
        #expect(offers.map(\.sizeLimit) == [52_428_800, 52_428_800])
        #expect(offers.map(\.recipientLimit) == [50_000, 50_000])
    }

    /// The events of the dialogue whose name begins with `number`.
    private func events(of number: String) throws -> [SMTPClient.Event] {
        try play(try #require(Dialogue.all(in: "SMTP").first { $0.name.hasPrefix(number) })).events
    }

    /// The codes of the verdicts, by recipient.
    private func codes(of number: String) throws -> [Int?: Int] {
        let rulings = rulings(in: try events(of: number))
        return Dictionary(uniqueKeysWithValues: rulings.map { ($0.index, $0.reply.code) })
    }
}

// MARK: Playing

private func play(_ dialogue: Dialogue, cut: Cut = .nowhere) throws -> Played<SMTPClient.Event> {
    var script = try Script(dialogue)
    return dialogue.play(
        SMTPClient(script.dialect), as: .client, cut: cut, say: { script.command(of: $0) },
        tls: { $0.tlsEstablished() })
}

/// What the server said of a whole message.
private struct Ruling: Equatable {
    let index: Int?
    let reply: SMTPReply
}

private func rulings(in events: [SMTPClient.Event]) -> [Ruling] {
    events.compactMap { event -> Ruling? in
        if case .verdict(let index, let reply) = event { Ruling(index: index, reply: reply) } else { nil }
    }
}

/// The commands that send our lines of a dialogue.
private struct Script {
    private var steps: [(line: String, command: SMTPClient.Command?)] = []
    let dialect: SMTPClient.Dialect

    init(_ dialogue: Dialogue) throws {
        let lines = dialogue.lines
        dialect = lines.contains { $0.side == .client && $0.text.hasPrefix("LHLO ") } ? .lmtp : .smtp
        var isContent = false
        for (index, line) in lines.enumerated() {
            guard line.side == .client else {
                isContent = isContent || line.text.hasPrefix("354")
                continue
            }
            if isContent {
                isContent = line.text != "."
                steps.append((line.text, isContent ? Self.content(line.text) : .contentEnd))
            } else {
                let ours = lines[index...].filter { $0.side == .client }
                steps.append((line.text, try command(ours.map { $0.text })))
            }
        }
    }

    /// The command that sends `line` next. Lines that went out with the command before it are passed over.
    mutating func command(of line: String) -> SMTPClient.Command? {
        while !steps.isEmpty {
            let step = steps.removeFirst()
            if step.line == line { return step.command }
        }
        return nil
    }

    /// `line` as a file has it.
    private static func content(_ line: String) -> SMTPClient.Command {
        .content(Array("\(line.hasPrefix(".") ? line.dropFirst() : line[...])\n".utf8))
    }

    /// - Parameter lines: the line in question, and all that we send behind it.
    private func command(_ lines: [String]) throws -> SMTPClient.Command? {
        let words = lines[0].split(separator: " ").map { String($0) }
        switch words.first {
        case "EHLO", "LHLO": return .hello(words[1])
        case "HELO": return .helo(words[1])
        case "STARTTLS": return .startTLS
        case "AUTH":
            var initial: [UInt8]?
            if words.count > 2 { initial = words[2] == "=" ? [] : Base64.decode(words[2].utf8) }
            return .auth(mechanism: words[1], initialResponse: initial)
        case "MAIL":
            // Behind the RSET that the engine says by itself, the transaction is under way.
            if case .transaction? = steps.last?.command, steps.last?.line == "RSET" { return .proceed }
            return try Self.transaction(lines)
        case "RSET":
            guard lines.count > 1, lines[1].hasPrefix("MAIL ") else { return .rset }
            return try Self.transaction(Array(lines.dropFirst()))
        case "RCPT", "DATA": return .proceed
        case "NOOP": return .noop
        case "QUIT": return .quit
        case "*": return .saslCancel
        default: return Base64.decode(lines[0].utf8).map { .saslResponse($0) }
        }
    }

    /// - Parameter lines: MAIL, its recipients, and whatever comes then.
    private static func transaction(_ lines: [String]) throws -> SMTPClient.Command {
        let (sender, parameters) = parts(lines[0])
        let recipients = try lines.dropFirst().prefix { $0.hasPrefix("RCPT ") }.map { try recipient($0) }
        var envelope = Envelope(reversePath: .null, recipients: recipients)
        if !sender.isEmpty { envelope.reversePath = .address(try Address(sender)) }
        // A sender who is refused comes to no recipient: there is one all the same.
        if envelope.recipients.isEmpty { envelope.recipients = [.init(try Address("unsaid@mail.example"))] }
        envelope.returnContent = parameters["RET"].flatMap { ReturnContent(rawValue: $0) }
        if let id = parameters["ENVID"].flatMap({ XText.decode($0.utf8) }) {
            envelope.envelopeID = try EnvelopeText(id)
        }
        let facts = ContentFacts(
            wireSize: parameters["SIZE"].flatMap { Int($0) } ?? 0, is8Bit: parameters["BODY"] == "8BITMIME")
        return .transaction(envelope, of: facts)
    }

    private static func recipient(_ line: String) throws -> Envelope.Recipient {
        let (path, parameters) = parts(line)
        var recipient = Envelope.Recipient(try Address(path))
        recipient.notify = parameters["NOTIFY"].flatMap { Notify(parsing: $0.utf8) } ?? .unspecified
        if let original = parameters["ORCPT"], let semicolon = original.firstIndex(of: ";") {
            recipient.originalRecipient = OriginalRecipient(
                type: String(original[..<semicolon]),
                address: XText.decode(original[original.index(after: semicolon)...].utf8) ?? "")
        }
        return recipient
    }

    /// What stands in the angle brackets of `line`, and the parameters behind them.
    private static func parts(_ line: String) -> (path: String, parameters: [String: String]) {
        let open = line.firstIndex(of: "<") ?? line.startIndex
        let close = line.firstIndex(of: ">") ?? line.endIndex
        var parameters: [String: String] = [:]
        for word in line[close...].dropFirst().split(separator: " ") {
            let halves = word.split(separator: "=", maxSplits: 1)
            parameters[String(halves[0])] = halves.count > 1 ? String(halves[1]) : ""
        }
        return (String(line[open..<close].dropFirst()), parameters)
    }
}

// MARK: What happened, as the `E:` lines write it

extension Played where Event == SMTPClient.Event {
    fileprivate var words: [String] {
        events.map { $0.words } + (error.map { ["! " + (($0 as? SMTPError)?.words ?? "\($0)")] } ?? [])
    }
}

extension SMTPClient.Event {
    fileprivate var words: String {
        switch self {
        case .greeting(let reply): "greeting: \(reply.words)"
        case .hello(let capabilities): capabilities.words
        case .helloUnknown(let reply): "EHLO not known: \(reply.words)"
        case .helloRefused(let reply): "hello refused: \(reply.words)"
        case .startTLSReady: "TLS now"
        case .startTLSRefused(let reply): "STARTTLS refused: \(reply.words)"
        case .challenge(nil): "challenge: no base64"
        case .challenge(let octets?): "challenge: \"\(Dialogue.text(of: octets))\""
        case .initialResponseWanted: "initial response wanted"
        case .authenticated(let reply): "logged in: \(reply.words)"
        case .authenticationRefused(let reply): "login refused: \(reply.words)"
        case .impossible(let obstacle): "impossible: \(obstacle)"
        case .mail(let reply): "sender: \(reply.words)"
        case .rcpt(let index, let reply): "recipient \(index): \(reply.words)"
        case .dataRefused(let reply): "DATA refused: \(reply.words)"
        case .contentBegin: "ready for content"
        case .emptied: "nobody is left"
        case .verdict(let index, let reply): "verdict\(index.map { " \($0)" } ?? ""): \(reply.words)"
        case .transactionEnd: "end of transaction"
        case .rset(let reply): "reset: \(reply.words)"
        case .noop(let reply): "noop: \(reply.words)"
        case .quit(let reply): "quit: \(reply.words)"
        case .closing(let reply): "goodbye: \(reply.words)"
        }
    }
}

extension SMTPReply {
    /// Code, status and text, a stroke between the lines.
    fileprivate var words: String {
        let text = lines == [[]] ? nil : lines.map { Dialogue.text(of: $0) }.joined(separator: " / ")
        return ["\(code)", enhanced.map { "\($0)" }, text].compactMap { $0 }.joined(separator: " ")
    }
}

extension SMTPCapabilities {
    fileprivate var words: String {
        let flags: [(Bool, String)] = [
            (pipelining, "PIPELINING"), (eightBitMIME, "8BITMIME"), (smtpUTF8, "SMTPUTF8"), (startTLS, "STARTTLS"),
            (chunking, "CHUNKING"), (dsn, "DSN"), (enhancedStatusCodes, "ENHANCEDSTATUSCODES"),
        ]
        var words = ["hello:"] + flags.filter { $0.0 }.map { $0.1 }
        if size { words.append("SIZE" + (sizeLimit.map { "=\($0)" } ?? "")) }
        if !mechanisms.isEmpty { words.append("AUTH=" + mechanisms.joined(separator: ",")) }
        if let recipientLimit { words.append("RCPTMAX=\(recipientLimit)") }
        if let transactionLimit { words.append("MAILMAX=\(transactionLimit)") }
        return words.joined(separator: " ")
    }
}

extension SMTPError {
    fileprivate var words: String {
        switch self {
        case .malformed: "malformed"
        case .replyLineTooLong: "replyLineTooLong"
        case .tooManyReplyLines: "tooManyReplyLines"
        case .verdictTooLong: "verdictTooLong"
        case .differentCodes(let first, let second): "differentCodes: \(first) \(second)"
        case .unsolicitedReply(let reply): "unsolicitedReply: \(reply.words)"
        case .unsolicitedOctets: "unsolicitedOctets"
        case .unexpectedReply(_, let reply): "unexpectedReply: \(reply.words)"
        case .tooManyChallenges: "tooManyChallenges"
        case .injectionAfterSTARTTLS: "injectionAfterSTARTTLS"
        }
    }
}
