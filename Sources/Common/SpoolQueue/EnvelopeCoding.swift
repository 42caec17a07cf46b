// An envelope as it stands at the top of a queue file: a first line with length and checksum, then a line per field.

import DurableFiles
import MailEnvelope
import MailFormat
import Octets

/// Reads and writes the first lines of a queue file, version 1.
///
///     X-Mailhub-Envelope: 1 <octets of block> <crc32c of block>
///     X-Mailhub-Id: 1795251600.….hub
///     X-Mailhub-From: <alice@example.org>
///     X-Mailhub-To: NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@example.net <bob@example.net>
///     X-Mailhub-Content: 5120 8bit
///     …
///
/// The message begins right after the block. Nothing is searched for, so that no message can look like an envelope.
public enum EnvelopeCoding {
    /// The most recipients of one queued message.
    public static let recipientLimit = 10_000
    /// The most octets of the block.
    static let blockLimit = 1 << 20
    /// Enough for the first line whatever its numbers.
    static let firstLineLimit = 64
    private static let firstWord = Array("X-Mailhub-Envelope: ".utf8)

    /// What a first line says.
    struct FirstLine: Hashable {
        /// Octets of the line with its LF: where the block begins.
        let length: Int
        let block: Int
        let checksum: [UInt8]
    }

    public enum Failure: Error, Hashable {
        case newerVersion
        case damaged(String)
        /// The file belongs to this user, who is not the hub's.
        case foreignOwner(UInt32)
        /// The disk failed to read it.
        case unreadable(DurableError)
    }

    static func encode(
        _ envelope: Envelope, _ acceptance: Acceptance, _ content: ContentFacts, id: QueueID
    ) throws(QueueError) -> [UInt8] {
        guard !envelope.recipients.isEmpty else { throw .noRecipients }
        guard envelope.recipients.count <= recipientLimit else { throw .tooManyRecipients(limit: recipientLimit) }
        var block: [UInt8] = []
        func line(_ name: String, _ value: String) {
            block.append(contentsOf: "X-Mailhub-\(name): \(value)\n".utf8)
        }
        line("Id", id.text)
        line("From", envelope.reversePath.description)
        for recipient in envelope.recipients { line("To", encode(recipient)) }
        line("Content", encode(content))
        line("Arrival", String(max(0, acceptance.arrival)))
        switch acceptance.source {
        case .unixUser(let uid): line("Source", "unix \(uid)")
        case .peer(let text): line("Source", "peer \(text)")
        case .hub: line("Source", "hub")
        }
        if let identity = acceptance.identity { line("Identity", identity.description) }
        if envelope.bodyType == .eightBitMIME { line("Body", envelope.bodyType.rawValue) }
        if envelope.smtpUTF8 { line("Smtputf8", "yes") }
        if let returned = envelope.returnContent { line("Ret", returned.rawValue) }
        if let envid = envelope.envelopeID { line("Envid", envid.description) }
        if let from = acceptance.headerFrom { line("Header-From", "<\(from)>") }
        if let account = acceptance.account { line("Account", account.description) }
        guard block.count <= blockLimit else { throw .envelopeTooLarge(octets: block.count, limit: blockLimit) }
        return Array("X-Mailhub-Envelope: 1 \(block.count) \(CRC32C.hex(block))\n".utf8) + block
    }

    /// The first line of `octets`, the start of a file.
    static func firstLine(of octets: [UInt8]) throws(Failure) -> FirstLine {
        guard octets.starts(with: firstWord) else { throw .damaged("its first line is not ours") }
        guard let end = octets.firstIndex(of: Octet.lf, in: 0..<min(octets.count, firstLineLimit)) else {
            throw .damaged("its first line has no end")
        }
        let words = octets[firstWord.count..<end].split(separator: Octet.space, omittingEmptySubsequences: false)
        guard let version = words.first.flatMap({ JournalWord.number($0) }), version > 0 else {
            throw .damaged("its first line holds no version")
        }
        guard version == 1 else { throw .newerVersion }
        guard words.count == 3, let block = JournalWord.number(words[1]), block <= blockLimit, words[2].count == 8
        else {
            throw .damaged("its first line is malformed")
        }
        return FirstLine(length: end + 1, block: block, checksum: Array(words[2]))
    }

    /// What a block says.
    struct Decoded: Hashable {
        var id: QueueID
        var envelope: Envelope
        var acceptance: Acceptance
        var content: ContentFacts
    }

    /// Reads `block`, whose CRC-32C the first line gives as `checksum`, in hexadecimal.
    static func decode(_ block: [UInt8], checksum: [UInt8]) throws(Failure) -> Decoded {
        guard Array(CRC32C.hex(block).utf8) == checksum else { throw .damaged("the checksum of its envelope is wrong") }
        guard block.last == Octet.lf else { throw .damaged("its envelope does not end in a line end") }
        var id: QueueID?
        var reversePath: ReversePath?
        var content: ContentFacts?
        var source: Acceptance.Source?
        var arrival: Int?
        var envelope = Envelope(reversePath: .null)
        var acceptance = Acceptance(arrival: 0, source: .hub)
        var at = 0
        while at < block.count, let end = block.firstIndex(of: Octet.lf, in: at..<block.count) {
            let line = block[at..<end]
            at = end + 1
            guard line.starts(with: "X-Mailhub-".utf8), let colon = line.firstIndex(of: Octet.colon),
                line.dropFirst(colon - line.startIndex + 1).first == Octet.space,
                let value = String(validating: line[(colon + 2)...], as: UTF8.self)
            else { throw .damaged("a line of its envelope is malformed") }
            let name = String(decoding: line[(line.startIndex + 10)..<colon], as: UTF8.self)
            switch name {
            case "Id": id = QueueID(value)
            case "From": reversePath = try reversePathValue(value)
            case "To":
                guard envelope.recipients.count < recipientLimit else {
                    throw .damaged("it has more than \(recipientLimit) recipients")
                }
                envelope.recipients.append(try recipient(value))
            case "Content": content = try contentValue(value)
            case "Arrival": arrival = JournalWord.number(value.utf8)
            case "Source": source = try sourceValue(value)
            case "Identity": acceptance.identity = try text(value)
            case "Body": envelope.bodyType = try known(BodyType(rawValue: value))
            case "Smtputf8": envelope.smtpUTF8 = value == "yes"
            case "Ret": envelope.returnContent = try known(ReturnContent(rawValue: value))
            case "Envid": envelope.envelopeID = try text(value)
            case "Header-From": acceptance.headerFrom = try reversePathValue(value).address
            case "Account": acceptance.account = try text(value)
            default:
                // The checksum holds, so the field was meant: a later release added it.
                throw .newerVersion
            }
        }
        guard let id, let reversePath, let content, let source, let arrival, !envelope.recipients.isEmpty else {
            throw .damaged("its envelope lacks a field")
        }
        envelope.reversePath = reversePath
        acceptance.source = source
        acceptance.arrival = arrival
        return Decoded(id: id, envelope: envelope, acceptance: acceptance, content: content)
    }

    /// The value of a known field; `nil`, one that is not known, was meant by a later release.
    private static func known<Value>(_ value: Value?) throws(Failure) -> Value {
        guard let value else { throw .newerVersion }
        return value
    }

    private static let contentWords: [(path: WritableKeyPath<ContentFacts, Bool> & Sendable, word: String)] = [
        (\.is8Bit, "8bit"), (\.hasStrays, "strays"), (\.isSigned, "signed"),
    ]

    /// `5120 8bit signed`: octets on the wire, then what else is to be known of the content.
    private static func encode(_ content: ContentFacts) -> String {
        ([String(content.wireSize)] + contentWords.filter { content[keyPath: $0.path] }.map(\.word))
            .joined(separator: " ")
    }

    private static func contentValue(_ value: String) throws(Failure) -> ContentFacts {
        let words = value.split(separator: " ", omittingEmptySubsequences: false)
        guard let size = words.first.flatMap({ JournalWord.number($0.utf8) }) else {
            throw .damaged("its Content field is malformed")
        }
        var content = ContentFacts(wireSize: size)
        for word in words.dropFirst() {
            content[keyPath: try known(contentWords.first { $0.word == word }).path] = true
        }
        return content
    }

    /// A recipient as a line has it: `[NOTIFY=…] [ORCPT=…] <address>`.
    public static func encode(_ recipient: Envelope.Recipient) -> String {
        var value = ""
        if let notify = recipient.notify.value { value += "NOTIFY=\(notify) " }
        if let original = recipient.originalRecipient { value += "ORCPT=\(JournalWord.encode(original.description)) " }
        return value + "\(recipient.forwardPath)"
    }

    /// Reads what ``encode(_:)-(Envelope.Recipient)`` writes. Parameters hold no `<`: the first one begins the path, and the
    /// last octet ends it.
    public static func recipient(_ value: String) throws(Failure) -> Envelope.Recipient {
        let octets = Array(value.utf8)
        guard let open = octets.firstIndex(of: 0x3C) else { throw .damaged("a recipient is malformed") }
        guard let address = try reversePathValue(String(decoding: octets[open...], as: UTF8.self)).address else {
            throw .damaged("a recipient is malformed")
        }
        var recipient = Envelope.Recipient(address)
        for parameter in octets[..<open].split(separator: Octet.space) {
            if parameter.starts(with: "NOTIFY=".utf8) {
                guard let notify = Notify(parsing: parameter.dropFirst(7)) else {
                    throw .damaged("a NOTIFY is malformed")
                }
                recipient.notify = notify
            } else if parameter.starts(with: "ORCPT=".utf8) {
                guard let original = JournalWord.decode(parameter.dropFirst(6)).flatMap(OriginalRecipient.init) else {
                    throw .damaged("an ORCPT is malformed")
                }
                recipient.originalRecipient = original
            } else {
                throw .newerVersion
            }
        }
        return recipient
    }

    /// Reads `<address>` or `<>`.
    public static func reversePathValue(_ value: String) throws(Failure) -> ReversePath {
        guard value.utf8.first == 0x3C, value.utf8.last == 0x3E, value.utf8.count >= 2 else {
            throw .damaged("a path is malformed")
        }
        let inner = value.utf8.dropFirst().dropLast()
        if inner.isEmpty { return .null }
        do {
            return .address(try Address(parsing: inner))
        } catch {
            throw .damaged("a path is malformed: \(error)")
        }
    }

    private static func sourceValue(_ value: String) throws(Failure) -> Acceptance.Source {
        if value == "hub" { return .hub }
        let words = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard words.count == 2 else { throw .damaged("its source is malformed") }
        switch words[0] {
        case "unix":
            guard let uid = UInt32(words[1]) else { throw .damaged("its source is malformed") }
            return .unixUser(uid)
        case "peer":
            return .peer(try text(String(words[1])))
        default:
            throw .newerVersion
        }
    }

    private static func text(_ value: String) throws(Failure) -> EnvelopeText {
        do { return try EnvelopeText(value) } catch { throw .damaged("\(error)") }
    }
}
