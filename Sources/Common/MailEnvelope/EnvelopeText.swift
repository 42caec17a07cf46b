// Foreign text that may stand in an envelope or a journal: it cannot hold what ends a line.

/// Text of at most ``limit`` octets without control characters; whoever holds one may write it on a line.
public struct EnvelopeText: Sendable, Hashable, CustomStringConvertible {
    /// RFC 3461 bounds ENVID by 100 characters (§4.4) and ORCPT by 500 (§4.2); this is wider.
    public static let limit = 1000

    public let description: String

    /// - Throws: ``EnvelopeTextError`` for CR, LF, NUL, any other control character, or more than ``limit`` octets.
    public init(_ text: String) throws(EnvelopeTextError) {
        guard text.utf8.count <= Self.limit else { throw .tooLong(limit: Self.limit) }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
        description = text
    }

    /// `text` with each control character as a blank, cut to `limit` octets, at most ``limit``: for replies of peers.
    public init(cleaning text: String, limit: Int = EnvelopeText.limit) {
        let limit = min(limit, Self.limit)
        var clean = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let control = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            let width = control ? 1 : UTF8.width(scalar)
            guard count + width <= limit else { break }
            count += width
            clean.unicodeScalars.append(control ? " " : scalar)
        }
        description = clean
    }
}

/// Why a text cannot stand in an envelope.
public enum EnvelopeTextError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong(limit: Int)
    case controlCharacter

    public var description: String {
        switch self {
        case .tooLong(let limit): "it is longer than \(limit) octets"
        case .controlCharacter: "it holds a control character"
        }
    }
}
