// Addresses of header fields put anew where they stand, every other octet kept.

import Octets

/// What is to stand instead of a mailbox of an address field.
public struct MailboxReplacement: Sendable, Hashable {
    public let address: Address
    /// The display name for a mailbox that has none; it is no name of hers that would be lost.
    public let displayName: String?

    public init(_ address: Address, displayName: String? = nil) {
        (self.address, self.displayName) = (address, displayName)
    }
}

/// A place of a header, and what is to stand there.
public struct HeaderEdit: Sendable, Hashable {
    /// In the octets of the header.
    let range: Range<Int>
    let octets: [UInt8]
}

extension HeaderSection {
    /// The edit that takes a field out.
    public func removal(of field: HeaderField) -> HeaderEdit { HeaderEdit(range: field.whole, octets: []) }

    /// The edit that gives a field another body.
    /// - Parameter body: without the line end behind it; a line end within it is followed by a blank.
    public func replacement(of field: HeaderField, by body: [UInt8]) -> HeaderEdit {
        HeaderEdit(range: field.body, octets: [Octet.space] + body)
    }

    /// The octets of a line from which on a new line is begun before the next address that is put in, so that no line
    /// becomes longer than mail may have them (RFC 5322 §2.1.1: 998).
    static let foldColumn = 600

    /// The edits that put other mailboxes into a field. What cannot be read as an address stays as it is.
    /// - Parameters:
    ///   - field: one with an address list.
    ///   - list: what it says, read from the octets of this header.
    ///   - replacement: what is to stand instead of a mailbox; `nil` for itself. A mailbox with a display name of its own
    ///     keeps that.
    public func edits(
        of field: HeaderField, listing list: AddressList,
        _ replacement: (AddressList.Mailbox) -> MailboxReplacement?
    ) -> [HeaderEdit] {
        var edits: [HeaderEdit] = []
        var grown = 0
        // The first octet of the line in the old octets, less what the edits have added to that line.
        var lineStart = field.name.lowerBound
        for mailbox in list.mailboxes {
            guard let new = replacement(mailbox) else { continue }
            let isBare = mailbox.displayName == nil && mailbox.whole == mailbox.addressRange
            let name = isBare ? new.displayName.flatMap(DisplayName.encoded) : nil
            guard new.address != mailbox.address || name != nil else { continue }
            if let lf = octets[lineStart..<mailbox.whole.lowerBound].lastIndex(of: Octet.lf) {
                (lineStart, grown) = (lf + 1, 0)
            }
            let text = name.map { "\($0) <\(new.address)>" } ?? "\(new.address)"
            if mailbox.whole.lowerBound - lineStart + grown > Self.foldColumn,
                mailbox.whole.lowerBound > field.body.lowerBound
            {
                edits.append(
                    HeaderEdit(range: mailbox.whole.lowerBound..<mailbox.whole.lowerBound, octets: [0x0A, 0x20]))
                (lineStart, grown) = (mailbox.whole.lowerBound, 0)
            }
            edits.append(HeaderEdit(range: mailbox.addressRange, octets: Array(text.utf8)))
            grown += text.utf8.count - mailbox.addressRange.count
        }
        return edits
    }

    /// The octets of `range` with `edits` made, of which those in it are in order.
    public func octets(in range: Range<Int>, with edits: [HeaderEdit]) -> [UInt8] {
        var made: [UInt8] = []
        made.reserveCapacity(range.count + 64)
        var at = range.lowerBound
        for edit in edits where range.contains(edit.range.lowerBound) {
            made += octets[at..<edit.range.lowerBound]
            made += edit.octets
            at = edit.range.upperBound
        }
        return made + octets[at..<range.upperBound]
    }
}
