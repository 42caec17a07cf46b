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
        func line(_ name: Field, _ value: String) {
            block += prefix
            block.append(contentsOf: "\(name.rawValue): \(value)\n".utf8)
        }
        line(.id, id.text)
        line(.from, envelope.reversePath.description)
        for recipient in envelope.recipients { line(.to, encode(recipient)) }
        line(.content, encode(content))
        line(.arrival, String(max(0, acceptance.arrival)))
        switch acceptance.source {
        case .unixUser(let uid): line(.source, "unix \(uid)")
        case .peer(let text): line(.source, "peer \(text)")
        case .hub: line(.source, "hub")
        }
        if let identity = acceptance.identity { line(.identity, identity.description) }
        if envelope.bodyType == .eightBitMIME { line(.body, envelope.bodyType.rawValue) }
        if envelope.smtpUTF8 { line(.smtpUTF8, "yes") }
        if let returned = envelope.returnContent { line(.returnContent, returned.rawValue) }
        if let envid = envelope.envelopeID { line(.envelopeID, envid.description) }
        if let from = acceptance.headerFrom { line(.headerFrom, "<\(from)>") }
        if let account = acceptance.account { line(.account, account.description) }
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
        // Values that are read as text below are UTF-8 for sure then.
        guard block.allSatisfy({ $0 < 0x80 }) || String(validating: block, as: UTF8.self) != nil else {
            throw .damaged("a line of its envelope is malformed")
        }
        var at = 0
        while at < block.count, let end = block.firstIndex(of: Octet.lf, in: at..<block.count) {
            let line = block[at..<end]
            at = end + 1
            guard line.starts(with: prefix) else { throw .damaged("a line of its envelope is malformed") }
            let rest = line.dropFirst(prefix.count)
            guard let field = fields.first(where: { rest.starts(with: $0.head) }) else {
                guard let colon = rest.firstIndex(of: Octet.colon), rest[(colon + 1)...].first == Octet.space else {
                    throw .damaged("a line of its envelope is malformed")
                }
                // The checksum holds, so the field was meant: a later release added it.
                throw .newerVersion
            }
            let value = rest.dropFirst(field.head.count)
            switch field.name {
            case .id: id = QueueID(String(decoding: value, as: UTF8.self))
            case .from: reversePath = try reversePathValue(value)
            case .to:
                guard envelope.recipients.count < recipientLimit else {
                    throw .damaged("it has more than \(recipientLimit) recipients")
                }
                envelope.recipients.append(try recipient(value))
            case .content: content = try contentValue(value)
            case .arrival: arrival = JournalWord.number(value)
            case .source: source = try sourceValue(value)
            case .identity: acceptance.identity = try text(value)
            case .body: envelope.bodyType = try known(BodyType(rawValue: String(decoding: value, as: UTF8.self)))
            case .smtpUTF8: envelope.smtpUTF8 = value.elementsEqual("yes".utf8)
            case .returnContent:
                envelope.returnContent = try known(ReturnContent(rawValue: String(decoding: value, as: UTF8.self)))
            case .envelopeID: envelope.envelopeID = try text(value)
            case .headerFrom: acceptance.headerFrom = try reversePathValue(value).address
            case .account: acceptance.account = try text(value)
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

    private static let prefix = Array("X-Mailhub-".utf8)

    /// The names of the fields.
    private enum Field: String, CaseIterable {
        case id = "Id"
        case from = "From"
        case to = "To"
        case content = "Content"
        case arrival = "Arrival"
        case source = "Source"
        case identity = "Identity"
        case body = "Body"
        case smtpUTF8 = "Smtputf8"
        case returnContent = "Ret"
        case envelopeID = "Envid"
        case headerFrom = "Header-From"
        case account = "Account"
    }

    /// The fields with the octets that begin their lines: a listing reads a hundred thousand of them.
    private static let fields = Field.allCases.map { (name: $0, head: Array("\($0.rawValue): ".utf8)) }

    /// The value of a known field; `nil`, one that is not known, was meant by a later release.
    private static func known<Value>(_ value: Value?) throws(Failure) -> Value {
        guard let value else { throw .newerVersion }
        return value
    }

    /// `5120 8bit signed`: octets on the wire, then what else is to be known of the content.
    private static func encode(_ content: ContentFacts) -> String {
        "\(content.wireSize)" + (content.is8Bit ? " 8bit" : "") + (content.hasStrays ? " strays" : "")
            + (content.hasLongLines ? " long" : "") + (content.isSigned ? " signed" : "")
    }

    private static func contentValue(_ value: ArraySlice<UInt8>) throws(Failure) -> ContentFacts {
        let words = value.split(separator: Octet.space, omittingEmptySubsequences: false)
        guard let size = words.first.flatMap({ JournalWord.number($0) }) else {
            throw .damaged("its Content field is malformed")
        }
        var content = ContentFacts(wireSize: size)
        for word in words.dropFirst() {
            switch String(decoding: word, as: UTF8.self) {
            case "8bit": content.is8Bit = true
            case "strays": content.hasStrays = true
            case "long": content.hasLongLines = true
            case "signed": content.isSigned = true
            default: throw .newerVersion
            }
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
    public static func recipient(_ octets: ArraySlice<UInt8>) throws(Failure) -> Envelope.Recipient {
        guard let open = octets.firstIndex(of: 0x3C) else { throw .damaged("a recipient is malformed") }
        guard let address = try reversePathValue(octets[open...]).address else {
            throw .damaged("a recipient is malformed")
        }
        var recipient = Envelope.Recipient(address)
        guard open > octets.startIndex else { return recipient }
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
    public static func reversePathValue(_ value: ArraySlice<UInt8>) throws(Failure) -> ReversePath {
        guard value.first == 0x3C, value.last == 0x3E, value.count >= 2 else { throw .damaged("a path is malformed") }
        let inner = value.dropFirst().dropLast()
        if inner.isEmpty { return .null }
        do {
            return .address(try Address(parsing: inner))
        } catch {
            throw .damaged("a path is malformed: \(error)")
        }
    }

    private static func sourceValue(_ value: ArraySlice<UInt8>) throws(Failure) -> Acceptance.Source {
        if value.elementsEqual("hub".utf8) { return .hub }
        guard let space = value.firstIndex(of: Octet.space) else { throw .damaged("its source is malformed") }
        let (kind, rest) = (value[..<space], value[(space + 1)...])
        if kind.elementsEqual("unix".utf8) {
            guard let uid = JournalWord.number(rest).flatMap({ UInt32(exactly: $0) }) else {
                throw .damaged("its source is malformed")
            }
            return .unixUser(uid)
        }
        guard kind.elementsEqual("peer".utf8) else { throw .newerVersion }
        return .peer(try text(rest))
    }

    private static func text(_ value: ArraySlice<UInt8>) throws(Failure) -> EnvelopeText {
        do { return try EnvelopeText(String(decoding: value, as: UTF8.self)) } catch { throw .damaged("\(error)") }
    }
}
