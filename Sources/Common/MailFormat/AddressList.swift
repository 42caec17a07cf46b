// Address lists of header fields (RFC 5322 §3.4 and §4.4), read in one pass with the positions of all parts.

import Octets

/// Why a field cannot be read as an address list at all.
public enum AddressListError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooManyAddresses(limit: Int)
    case commentsTooDeep(limit: Int)

    public var description: String {
        switch self {
        case .tooManyAddresses(let limit): "a header field names more than \(limit) addresses"
        case .commentsTooDeep(let limit): "comments of a header field are nested more than \(limit) deep"
        }
    }
}

/// The mailboxes of a To, From, Cc or like field. Ranges count in the octets that were parsed, so that a part can be
/// replaced in place.
public struct AddressList: Sendable, Hashable {
    /// One mailbox.
    public struct Mailbox: Sendable, Hashable {
        public let address: Address
        /// Where local part, `@` and domain stand, without angle brackets and source route.
        public let addressRange: Range<Int>
        /// The display name, or the comment behind a bare address: quotes and backslashes undone, encoded words
        /// (RFC 2047) as they are.
        public let displayName: [UInt8]?
        /// Where the display name stands; `nil` when it was a comment or is missing.
        public let displayNameRange: Range<Int>?
        /// Name and address, angle brackets included.
        public let whole: Range<Int>
    }

    /// A place where an address should be and none can be read.
    public struct Fault: Sendable, Hashable {
        public let range: Range<Int>
        public let error: AddressError
    }

    /// The most addresses of one field: RFC 5321 §4.5.3.1.8 asks servers for 100 recipients, large lists have some
    /// thousands.
    public static let countLimit = 10_000
    /// The deepest nesting of comments.
    public static let commentDepthLimit = 32

    public internal(set) var mailboxes: [Mailbox] = []
    public internal(set) var faults: [Fault] = []
    /// Whether a group stood in the list, perhaps an empty one such as `undisclosed-recipients:;`. What stands before a
    /// colon and is no group name, as in `b@x: c@d` or `:include:/etc/passwd`, is a fault.
    public internal(set) var hasGroup = false

    /// Reads `octets[range]`: address-list = (address *("," address)) / obs-addr-list. Takes time linear in the range.
    /// - Throws: ``AddressListError``, only above a bound. What is no address is in ``faults``; the others are still
    ///   read.
    public init(parsing octets: [UInt8], in range: Range<Int>) throws(AddressListError) {
        var parser = AddressListParser(octets: octets, range: range)
        self = try parser.parse()
    }

    /// Reads a field's body given by itself; see ``init(parsing:in:)``.
    public init(parsing octets: [UInt8]) throws(AddressListError) { try self.init(parsing: octets, in: octets.indices) }

    init() {}
}
