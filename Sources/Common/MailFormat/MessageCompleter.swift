// Makes a locally submitted message whole: the fields a user's program may leave out or must not pass on.

import Octets

/// Why a submitted message cannot be completed.
public enum CompletionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The header exceeds the bounds of its ``HeaderScanner``.
    case headerTooLong
    /// A line of the header is no field, and the empty line that must go before it would break a signature.
    case signedWithBrokenHeader

    public var description: String {
        switch self {
        case .headerTooLong: "the message's header is too long or has too many fields"
        case .signedWithBrokenHeader:
            "the message is signed, and a line of its header is no field; mend that line and sign again"
        }
    }
}

/// Completes the header of a message at its submission (RFC 6409 §8, RFC 5322 §3.6).
public struct MessageCompleter: Sendable {
    /// Who sends, with a domain: the From of a message that has none.
    public var author: Address
    /// The display name before ``author`` (`-F`, or the user's own).
    public var fullName: String?
    public var date: MailDate
    /// The domain that bare names in address fields get; `nil` leaves them.
    public var domain: String?

    public init(author: Address, fullName: String? = nil, date: MailDate, qualifyingWith domain: String? = nil) {
        self.author = author
        self.fullName = fullName
        self.date = date
        self.domain = domain
    }

    /// The header that is stored and sent, in file form with its closing empty line; the body follows as it is.
    ///
    /// An empty line thus stands before the first line that is no field, so that every reader finds the end of the
    /// header, and with it the authors, where we do.
    ///
    /// A leading mbox line, Bcc, Resent-Bcc, Return-Path and Envelope-To are dropped. Date, From and Message-ID are
    /// added where missing, and a To with an empty group where there is no Cc either. In a message with Resent- fields
    /// the newest block of them is completed instead, and the fields of the original stay as they are (RFC 5322
    /// §3.6.6). Bare names in the address fields get a domain, unless the message is signed, or the field cannot be read.
    /// - Throws: ``CompletionError`` for a header that is too long, or that is broken and signed.
    public func complete(_ header: HeaderSection) throws(CompletionError) -> [UInt8] {
        guard header.end != .tooLong else { throw .headerTooLong }
        guard !header.hasBrokenSignature else { throw .signedWithBrokenHeader }
        let resent = ResentBlock(in: header)
        let isSigned = header.mayBeSigned  // asked once: the answer is in all of its fields
        var made: [UInt8] = []
        made.reserveCapacity(header.octets.count + 512)
        for (index, field) in header.fields.enumerated() {
            if let resent, index == resent.indices.lowerBound { made += resentAdditions(header, resent) }
            guard !Self.isDropped(field, in: header) else { continue }
            let isOurs = !isSigned && (resent.map { $0.indices.contains(index) } ?? true)
            made += header.octets(in: field.whole, with: isOurs ? qualified(field, in: header) : [])
            if made.last != Octet.lf { made.append(Octet.lf) }  // the header was all there was
        }
        if resent == nil { made += additions(header) }
        made.append(Octet.lf)
        return made
    }

    /// Only the fields that are missing, in file form, for the top of a message that is otherwise left alone. None for
    /// one with Resent- fields: what is missing in the original is not ours to add.
    public func missingFields(of header: HeaderSection) -> [UInt8] {
        ResentBlock(in: header) == nil ? additions(header) : []
    }

    /// The fields whose names are completed.
    private static let addressFields: [StaticString] = [
        "From", "Sender", "Reply-To", "To", "Cc", "Mail-Followup-To", "Resent-From", "Resent-Sender", "Resent-Reply-To",
        "Resent-To", "Resent-Cc",
    ]

    private func qualified(_ field: HeaderField, in header: HeaderSection) -> [HeaderEdit] {
        guard let domain, Self.addressFields.contains(where: { header.isNamed(field, $0) }) else { return [] }
        let list: AddressList
        do throws(AddressListError) { list = try AddressList(parsing: header.octets, in: field.body) } catch {
            return []
        }
        return header.edits(of: field, listing: list) { mailbox in
            guard mailbox.address.domain == nil else { return nil }
            // The rc's domain is one, and a local part is as long as it was.
            return (try? mailbox.address.qualified(with: domain)).map { MailboxReplacement($0) }
        }
    }

    private static func isDropped(_ field: HeaderField, in header: HeaderSection) -> Bool {
        header.isNamed(field, "Bcc") || header.isNamed(field, "Resent-Bcc") || header.isNamed(field, "Return-Path")
            || header.isNamed(field, "Envelope-To")
    }

    private func additions(_ header: HeaderSection) -> [UInt8] {
        var text = ""
        if header.first("Date") == nil { text += "Date: \(date)\n" }
        if header.first("From") == nil { text += "From: \(mailbox)\n" }
        if header.first("To") == nil, header.first("Cc") == nil { text += "To: undisclosed-recipients:;\n" }
        if header.first("Message-ID") == nil {
            text += "Message-ID: \(newMessageID(header, from: header.first("From")))\n"
        }
        return Array(text.utf8)
    }

    private func resentAdditions(_ header: HeaderSection, _ block: ResentBlock) -> [UInt8] {
        var text = ""
        if !block.has("Resent-Date", in: header) { text += "Resent-Date: \(date)\n" }
        if !block.has("Resent-From", in: header) { text += "Resent-From: \(mailbox)\n" }
        if !block.has("Resent-Message-ID", in: header) {
            let from = header.fields[block.indices].first { header.isNamed($0, "Resent-From") }
            text += "Resent-Message-ID: \(newMessageID(header, from: from))\n"
        }
        return Array(text.utf8)
    }

    /// An identifier at the domain of the author that `field` names, else of ``author``: it tells no more than the
    /// message does.
    private func newMessageID(_ header: HeaderSection, from field: HeaderField?) -> String {
        let named = field.flatMap { try? AddressList(parsing: header.octets, in: $0.body) }?.mailboxes.first?.address
        return MessageIDMaker.make(domain: named?.domain ?? author.domain, seconds: date.seconds)
    }

    private var mailbox: String {
        guard let name = fullName.flatMap(DisplayName.encoded) else { return author.description }
        return "\(name) <\(author)>"
    }
}

/// The newest block of Resent- fields: the topmost ones, up to another field or a second one of the same name.
struct ResentBlock {
    /// Indices into the fields of the header.
    let indices: Range<Int>

    init?(in header: HeaderSection) {
        guard let first = header.fields.firstIndex(where: { Self.isResent($0, in: header) }) else { return nil }
        var names: Set<[UInt8]> = []
        var end = first
        while end < header.fields.count, Self.isResent(header.fields[end], in: header),
            names.insert(header.octets[header.fields[end].name].map(Octet.lowercased)).inserted
        { end += 1 }
        indices = first..<end
    }

    func has(_ name: StaticString, in header: HeaderSection) -> Bool {
        header.fields[indices].contains { header.isNamed($0, name) }
    }

    private static func isResent(_ field: HeaderField, in header: HeaderSection) -> Bool {
        field.name.count > 7 && header.octets[field.name].prefix(7).equalsIgnoringCase("Resent-")
    }
}
