// A mail address, checked once and safe ever after (RFC 5321 §4.1.2, RFC 6531 §3.3).

import InternetAddress
import Octets

/// Why octets are no mail address.
public enum AddressError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(limit: Int)
    /// A control character, or an octet sequence that is no UTF-8.
    case forbiddenCharacter
    case badLocalPart
    case badDomain
    case notAnAddress

    public var description: String {
        switch self {
        case .empty: "the address is empty"
        case .tooLong(let limit): "the address is longer than \(limit) octets"
        case .forbiddenCharacter: "the address holds a control character or broken UTF-8"
        case .badLocalPart: "the part before the @ is not a valid local part"
        case .badDomain: "the part after the @ is not a valid domain"
        case .notAnAddress: "this is not an address of the form name@domain"
        }
    }
}

/// `local-part@domain`, or a bare local part that ``qualified(with:)`` has yet to complete.
///
/// Holds no CR, LF, NUL or other control character, so that it can stand in a command, a header field or a log line.
/// The domain is lower-case; the local part is kept as written.
public struct Address: Sendable, Hashable, CustomStringConvertible {
    /// The local part without quotes.
    public let localPart: String
    /// The domain or address literal, ASCII letters lower-case; `nil` for a bare local name.
    public let domain: String?

    /// The one bare name that every server accepts (RFC 5321 §4.5.1).
    public static let postmaster = Address(bare: "postmaster")

    /// RFC 5321 §4.5.3.1.1 and .2, in octets.
    static let localPartLimit = 64
    static let domainLimit = 255
    /// Octets of an address as it is written, quotes and backslashes included.
    private static let textLimit = 1000

    /// - Parameters:
    ///   - localPart: without quotes.
    ///   - domain: a domain or an address literal; `nil` for a bare local name.
    /// - Throws: ``AddressError`` for an empty or overlong part, a control character, or what is no domain.
    public init(localPart: String, domain: String?) throws(AddressError) {
        guard !localPart.isEmpty else { throw .badLocalPart }
        guard localPart.utf8.count <= Self.localPartLimit else { throw .tooLong(limit: Self.localPartLimit) }
        guard Self.isAllowed(localPart) else { throw .forbiddenCharacter }
        self.localPart = localPart
        guard let domain else {
            self.domain = nil
            return
        }
        guard domain.utf8.count <= Self.domainLimit else { throw .tooLong(limit: Self.domainLimit) }
        guard Self.isAllowed(domain) else { throw .forbiddenCharacter }
        guard Self.isDomain(Array(domain.utf8)) else { throw .badDomain }
        let isLower = domain.utf8.allSatisfy { !(0x41...0x5A).contains($0) }
        self.domain = isLower ? domain : String(decoding: domain.utf8.map(Octet.lowercased), as: UTF8.self)
    }

    private static func isAllowed(_ text: String) -> Bool {
        // Nearly all are ASCII.
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } || text.unicodeScalars.allSatisfy(isAllowed)
    }

    /// No control character, those of C1 (U+0080 to U+009F) included, which steer terminals as well.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
    }

    /// The local part of one address at the domain of another.
    public init(localPartOf one: Address, domainOf other: Address) {
        (localPart, domain) = (one.localPart, other.domain)
    }

    private init(bare localPart: String) {
        self.localPart = localPart
        domain = nil
    }

    /// Reads `Mailbox = Local-part "@" ( Domain / address-literal )`, or a local part alone.
    /// - Throws: ``AddressError`` for anything else.
    public init(parsing octets: some Collection<UInt8>) throws(AddressError) {
        // The generic initializer takes several times as long.
        let octets = octets.withContiguousStorageIfAvailable { unsafe Array($0) } ?? Array(octets)
        guard !octets.isEmpty else { throw .empty }
        guard octets.count <= Self.textLimit else { throw .tooLong(limit: Self.textLimit) }
        guard octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .forbiddenCharacter }
        guard octets.allSatisfy({ $0 < 0x80 }) || String(validating: octets, as: UTF8.self) != nil else {
            throw .forbiddenCharacter
        }
        var at = 0
        let local = try Self.localPart(in: octets, at: &at)
        if at == octets.count {
            try self.init(localPart: local, domain: nil)
            return
        }
        guard octets[at] == 0x40 else { throw .badLocalPart }
        try self.init(localPart: local, domain: String(decoding: octets[(at + 1)...], as: UTF8.self))
    }

    public init(_ text: String) throws(AddressError) { try self.init(parsing: text.utf8) }

    /// The form for the wire: the local part quoted where RFC 5321 requires it.
    public var description: String {
        let local = Self.isDotString(localPart.utf8) ? localPart : Self.quoted(localPart)
        return domain.map { "\(local)@\($0)" } ?? local
    }

    /// Whether the address needs SMTPUTF8 (RFC 6531).
    public var isInternational: Bool { description.utf8.contains { $0 >= 0x80 } }

    /// The same local part at `domain` if it has no domain yet.
    /// - Throws: ``AddressError`` when `domain` is used and is not valid.
    public func qualified(with domain: String) throws(AddressError) -> Address {
        self.domain == nil ? try Address(localPart: localPart, domain: domain) : self
    }

    /// The same local part at `domain` if it has no domain yet, for a domain that was found valid before; else nothing is
    /// changed.
    public func whole(at domain: String) -> Address {
        do throws(AddressError) { return try qualified(with: domain) } catch { return self }
    }

    /// Local-part = Dot-string / Quoted-string
    private static func localPart(in octets: [UInt8], at: inout Int) throws(AddressError) -> String {
        guard octets[at] == 0x22 else {
            let start = at
            while at < octets.count, octets[at] != 0x40 { at += 1 }
            guard isDotString(octets[start..<at]) else { throw .badLocalPart }
            return String(decoding: octets[start..<at], as: UTF8.self)
        }
        // Quoted-string = DQUOTE *QcontentSMTP DQUOTE
        var content: [UInt8] = []
        at += 1
        while at < octets.count, octets[at] != 0x22 {
            if octets[at] == 0x5C { at += 1 }
            guard at < octets.count else { throw .badLocalPart }
            content.append(octets[at])
            at += 1
        }
        guard at < octets.count else { throw .badLocalPart }
        at += 1
        return String(decoding: content, as: UTF8.self)
    }

    /// Dot-string = Atom *("." Atom). Leading, trailing and double dots are let through: such mailboxes exist.
    private static func isDotString(_ octets: some Collection<UInt8>) -> Bool {
        !octets.isEmpty && octets.allSatisfy { isAtomText($0) || $0 == Octet.dot }
    }

    static func isAtomText(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x80...0xFF: true
        case 0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2A, 0x2B, 0x2D, 0x2F, 0x3D, 0x3F, 0x5E, 0x5F, 0x60, 0x7B...0x7E: true
        default: false
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    /// Whether `octets` are Domain = sub-domain *("." sub-domain), with UTF-8 labels (RFC 6531) and the underscores
    /// that some names have, or an address literal.
    public static func isDomain(_ octets: [UInt8]) -> Bool {
        guard let first = octets.first, let last = octets.last else { return false }
        if first == 0x5B {  // [192.0.2.1] or [IPv6:2001:db8::1]
            return last == 0x5D && IPAddress(literal: Array(octets.dropFirst().dropLast())) != nil
        }
        var label = 0
        var previous: UInt8 = Octet.dot
        for octet in octets {
            switch octet {
            case Octet.dot:
                guard label > 0, previous != 0x2D else { return false }
                label = 0
            case 0x2D:
                guard label > 0 else { return false }
                label += 1
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF:
                label += 1
            default:
                return false
            }
            guard label <= 63 else { return false }
            previous = octet
        }
        return label > 0 && last != 0x2D
    }
}

/// The return address of a message: where failure notices go (RFC 5321 §3.3), or `<>` for mail that must cause none.
public enum ReversePath: Sendable, Hashable, CustomStringConvertible {
    case null
    case address(Address)

    /// The path as it stands in MAIL FROM, angle brackets included.
    public var description: String {
        switch self {
        case .null: "<>"
        case .address(let address): "<\(address)>"
        }
    }

    public var address: Address? {
        switch self {
        case .null: nil
        case .address(let address): address
        }
    }
}
