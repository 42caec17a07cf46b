// Where a copy of a message was put: what keeps a later attempt from making a second one.

/// A mailbox of this hub, or a folder of one, by the names of the rc: a Maildir that has moved is still the same place.
public struct CopyPlace: Sendable, Hashable, CustomStringConvertible {
    /// The most octets of a place, all names together.
    public static let limit = 320

    private static let kind = "maildir "

    /// `maildir <mailbox>` or `maildir <mailbox>/<folder>`.
    public let description: String
    /// `<mailbox>` or `<mailbox>/<folder>`.
    public var name: String { String(description.trimmingPrefix(Self.kind)) }

    /// - Throws: ``EnvelopeTextError`` for a control character, or more than ``limit`` octets.
    public init(mailbox: String, folder: String? = nil) throws(EnvelopeTextError) {
        try self.init(text: Self.kind + mailbox + (folder.map { "/\($0)" } ?? ""))
    }

    /// Reads what ``description`` writes. It is never cut: two places must not become one.
    /// - Throws: ``EnvelopeTextError`` as ``init(mailbox:folder:)``.
    public init(text: String) throws(EnvelopeTextError) {
        guard text.utf8.count <= Self.limit else { throw .tooLong(limit: Self.limit) }
        description = try EnvelopeText(text).description
    }
}
