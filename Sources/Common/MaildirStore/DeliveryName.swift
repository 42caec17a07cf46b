// The names under which messages are delivered: unique by chance, or the same again after a crash.

import DurableFiles
import Octets

/// The unique part of a mail file's name, up to the first `,` (maildir(5)).
public struct DeliveryName: Sendable, Hashable, CustomStringConvertible {
    public let unique: String
    /// Whether a later attempt uses the same name, so that a leftover in tmp is its own and may go.
    public let isRepeatable: Bool
    public var description: String { unique }

    /// Room for sizes and flags is left up to the 255 octets of NAME_MAX.
    static let limit = 190

    private init(_ unique: String, isRepeatable: Bool) throws(MaildirError) {
        guard unique.utf8.count <= Self.limit, unique.utf8.allSatisfy(Self.isPlain) else { throw .badNamePart(unique) }
        self.unique = unique
        self.isRepeatable = isRepeatable
    }

    /// A name nobody else makes.
    /// - Parameter seconds: the time of delivery, in seconds since 1970.
    public static func random(seconds: Int) throws(MaildirError) -> DeliveryName {
        try DeliveryName(UniqueName.make(seconds: seconds), isRepeatable: false)
    }

    /// The name of the `index`-th message of the fetch batch `nonce`: `<sec>.F<nonce>.<k>.hub`.
    public static func fetched(nonce: String, index: Int, seconds: Int) throws(MaildirError) -> DeliveryName {
        guard !nonce.isEmpty, !nonce.utf8.contains(Octet.dot) else { throw .badNamePart(nonce) }
        return try DeliveryName("\(max(0, seconds)).F\(nonce).\(index).\(UniqueName.tail)", isRepeatable: true)
    }

    /// The name of a letter that the hub writes once a day at most: `<sec>.Aday.0.hub`.
    /// - Parameter day: since 1970.
    public static func ofTheDay(_ day: Int) throws(MaildirError) -> DeliveryName {
        try DeliveryName("\(max(0, day) * 86_400).Aday.0.\(UniqueName.tail)", isRepeatable: true)
    }

    /// The name of queue message `id` for its recipient `number`: `<sec>.Q<id>.<n>.hub`, where the
    /// seconds are those that lead the id.
    public static func queued(id: String, recipient number: Int) throws(MaildirError) -> DeliveryName {
        let seconds = id.utf8.prefix { Octet.isDigit($0) }
        guard !id.isEmpty, seconds.count <= 12 else { throw .badNamePart(id) }
        let time = seconds.isEmpty ? "0" : String(decoding: Array(seconds), as: UTF8.self)
        return try DeliveryName("\(time).Q\(id).\(number).\(UniqueName.tail)", isRepeatable: true)
    }

    /// The name of a message of a spool, for a copy of it.
    public static func same(as message: StoredMessage) throws(MaildirError) -> DeliveryName {
        try DeliveryName(message.unique, isRepeatable: true)
    }

    /// The name in new/ or cur/: `S` is the octets of the file, `W` the octets on the wire.
    ///
    /// `W` is left out when the last line lacks its end: the wire then has a CRLF more than other programs count.
    func fileName(size: Int, wire: Int?, flags: MaildirFlags = []) -> String {
        "\(unique),S=\(size)" + (wire.map { ",W=\($0)" } ?? "") + (flags.isEmpty ? "" : ":2,\(flags.letters)")
    }

    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
