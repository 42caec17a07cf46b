// Who a message says it is from: one reading of From, Sender and their Resent- kin for all who judge or route by it.

/// Why readers of a message might see another author than we do.
public enum AuthorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// RFC 5322 §3.6 allows the field once.
    case repeated(field: String)
    /// A part of the field is no address, or the field exceeds the bounds of ``AddressList``.
    case unreadable(field: String)
    /// The field is there and names nobody.
    case empty(field: String)
    /// RFC 5322 §3.6.2: one mailbox.
    case several(field: String)

    public var description: String {
        switch self {
        case .repeated(let field): "there is more than one \(field) field"
        case .unreadable(let field): "the \(field) field cannot be read as a list of addresses"
        case .empty(let field): "the \(field) field names nobody"
        case .several(let field): "the \(field) field names more than one address"
        }
    }
}

/// The persons that a header names as those who wrote, sent or resent the message (RFC 5322 §3.6.2, §3.6.6).
public struct HeaderAuthors: Sendable, Hashable {
    /// The mailboxes of From; none when there is no such field.
    public let from: [Address]
    /// The mailboxes of Sender, and of Resent-From and Resent-Sender of every block.
    public let senders: [Address]

    /// - Throws: ``AuthorError`` when a field is ambiguous or unreadable; a missing field is no fault.
    public init(of header: HeaderSection) throws(AuthorError) {
        from = try Self.from(in: header)
        var senders: [Address] = []
        try Self.refuseRepeated("Sender", in: header)
        for (name, isOne) in [("Sender", true), ("Resent-From", false), ("Resent-Sender", true)]
            as [(StaticString, Bool)]
        {
            for field in header.fields(named: name) {
                let addresses = try Self.addresses(field, name, in: header)
                guard !isOne || addresses.count == 1 else { throw .several(field: "\(name)") }
                senders += addresses
            }
        }
        self.senders = senders
    }

    /// The mailboxes of From, in order; empty only when there is no such field.
    /// - Throws: ``AuthorError`` when the field is ambiguous or unreadable.
    public static func from(in header: HeaderSection) throws(AuthorError) -> [Address] {
        try refuseRepeated("From", in: header)
        guard let field = header.first("From") else { return [] }
        return try addresses(field, "From", in: header)
    }

    private static func refuseRepeated(_ name: StaticString, in header: HeaderSection) throws(AuthorError) {
        guard header.fields(named: name).count <= 1 else { throw .repeated(field: "\(name)") }
    }

    private static func addresses(
        _ field: HeaderField, _ name: StaticString, in header: HeaderSection
    ) throws(AuthorError) -> [Address] {
        let list: AddressList
        do throws(AddressListError) {
            list = try AddressList(parsing: header.octets, in: field.body)
        } catch {
            throw .unreadable(field: "\(name)")
        }
        guard list.faults.isEmpty else { throw .unreadable(field: "\(name)") }
        guard !list.mailboxes.isEmpty else { throw .empty(field: "\(name)") }
        return list.mailboxes.map(\.address)
    }
}
