// The parts of a message: where each begins and ends, and what it says of itself (RFC 2045, RFC 2046).

import Octets

/// What is counted of the octets of a body, as they stand in the message.
public struct BodyFacts: Sendable, Hashable {
    public var octets = 0
    public var has8Bit = false
    /// NUL, or a CR that is no part of a line end.
    public var hasStrays = false
    /// Octets of the longest line, its end not counted.
    public var longestLine = 0
    /// Octets that quoted-printable would write as three (RFC 2045 §6.7), blanks at the ends of lines not counted.
    public var unprintable = 0

    public init() {}
}

/// One part of a message; the first is the message itself.
public struct MIMEPart: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case leaf
        /// - Parameter isClosed: whether the closing delimiter came.
        case multipart(boundary: [UInt8], isClosed: Bool)
        /// A message within, which is its one child.
        case message
    }

    /// The index of the part that holds it; `nil` for the message itself.
    public let parent: Int?
    /// How many parts it is in.
    public let depth: Int
    public internal(set) var kind = Kind.leaf
    /// The indexes of the parts in it.
    public internal(set) var children: [Int] = []
    public internal(set) var header: HeaderSection
    /// Where its header begins, its body, and what is behind that, in octets of the message in file form. The line end before
    /// a delimiter belongs to the delimiter.
    public let headerStart: Int
    public internal(set) var bodyStart: Int
    public internal(set) var bodyEnd: Int
    /// Its type, or what stands for it where none is named.
    public internal(set) var type: ContentType
    /// `nil` for one that is not known.
    public internal(set) var encoding: TransferEncoding? = .sevenBit
    /// Whether its header says what it is, once and in a way that can be read.
    public internal(set) var isReadable = true
    /// Of a leaf.
    public internal(set) var facts = BodyFacts()

    /// Whether a change of its octets breaks a signature, or what is encrypted.
    public var isSealed: Bool {
        switch type.type.text {
        case "multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime",
            "application/pgp-encrypted":
            true
        default: false
        }
    }
}

/// The parts of a message, each before those in it.
public struct MIMEStructure: Sendable, Hashable {
    public internal(set) var parts: [MIMEPart]
    /// Whether all parts are here: none was passed over for a bound.
    public internal(set) var isWhole = true
    /// Octets of the message in file form.
    public internal(set) var size = 0
}
