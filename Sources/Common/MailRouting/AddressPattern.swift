// A pattern for addresses, as rules write it: `*` and `?`, a local part alone, or `<>`.

import MailFormat

/// Why a text is no address pattern.
public enum PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(limit: Int)
    case controlCharacter
    /// `@example.org`, `alice@` or more than one `@`.
    case badShape(suggestion: String?)

    public var description: String {
        switch self {
        case .empty: "the pattern is empty"
        case .tooLong(let limit): "the pattern is longer than \(limit) octets"
        case .controlCharacter: "the pattern holds a control character"
        case .badShape(let suggestion):
            "this is no pattern of the form name@domain" + (suggestion.map { "; did you mean \"\($0)\"?" } ?? "")
        }
    }
}

/// Matches addresses: `*` stands for any characters or none, `?` for one, in the local part and the domain separately.
///
/// The domain is compared without regard to case, the local part with it (RFC 5321 §2.4) unless the caller asks
/// otherwise. A pattern without `@` is a local part at any domain, or at none; `<>` is the null reverse-path alone.
public struct AddressPattern: Sendable, Hashable, CustomStringConvertible {
    private enum Form: Sendable, Hashable {
        case null
        case address(local: String, domain: String?)
    }

    /// An address is 64 + 1 + 255 octets at most (RFC 5321 §4.5.3.1); a longer pattern is of no use.
    public static let lengthLimit = 320
    /// The longest local part (RFC 5321 §4.5.3.1.1): a longer pattern without a domain matches nothing.
    public static let localPartLimit = 64

    private let form: Form

    /// The pattern that `text` is, as the rc writes it.
    /// - Throws: ``PatternError`` when `text` is empty, has more than ``lengthLimit`` octets or a control character, or
    ///   is neither `name@domain` nor `name` nor `<>`.
    public init(parsing text: String) throws(PatternError) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= Self.lengthLimit else { throw .tooLong(limit: Self.lengthLimit) }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
        guard text != "<>" else {
            form = .null
            return
        }
        guard let at = text.lastIndex(of: "@") else {
            form = .address(local: text, domain: nil)
            return
        }
        let (local, domain) = (String(text[..<at]), String(text[text.index(after: at)...]))
        guard !local.isEmpty else { throw .badShape(suggestion: domain.isEmpty ? nil : "*@\(domain)") }
        guard !domain.isEmpty, !local.contains("@") else { throw .badShape(suggestion: nil) }
        form = .address(local: local, domain: domain.lowercased())
    }

    /// The pattern that matches `address` alone or, if it has no domain, its local part at any.
    public init(_ address: Address) { form = .address(local: address.localPart, domain: address.domain) }

    /// Whether this is `<>`.
    public var isNull: Bool { form == .null }

    /// Whether a `*` or `?` stands in it.
    public var isGlob: Bool {
        guard case .address(let local, let domain) = form else { return false }
        return (local + (domain ?? "")).contains { $0 == "*" || $0 == "?" }
    }

    /// The domain part, lower-case; `nil` for `<>` and for a local part alone.
    public var domain: String? {
        guard case .address(_, let domain) = form else { return nil }
        return domain
    }

    /// The local part, or the pattern for it; `nil` for `<>`.
    public var localPart: String? {
        guard case .address(let local, _) = form else { return nil }
        return local
    }

    /// The one address that this pattern matches; `nil` for a glob, a local part alone and `<>`.
    public var address: Address? {
        guard case .address(let local, let domain?) = form, !isGlob else { return nil }
        // A local part that needs quotes may stand in the pattern with them or without.
        return (try? Address("\(local)@\(domain)")) ?? (try? Address(localPart: local, domain: domain))
    }

    /// The same pattern at `domain` if it has none yet.
    public func qualified(with domain: String) -> AddressPattern {
        guard case .address(let local, nil) = form else { return self }
        return AddressPattern(form: .address(local: local, domain: domain.lowercased()))
    }

    /// Whether the pattern matches `path`; the null reverse-path is matched by `<>` alone.
    public func matches(_ path: ReversePath, foldingLocalPart: Bool = false) -> Bool {
        switch path {
        case .null: isNull
        case .address(let address): matches(address, foldingLocalPart: foldingLocalPart)
        }
    }

    /// - Parameter foldingLocalPart: whether `Alice` and `alice` are the same, as they are for mailboxes of this hub.
    public func matches(_ address: Address, foldingLocalPart: Bool = false) -> Bool {
        guard case .address(let local, let domain) = form else { return false }
        if let domain {
            guard let given = address.domain, Glob.matches(given.lowercased(), domain) else { return false }
        }
        return foldingLocalPart
            ? Glob.matches(address.localPart.lowercased(), local.lowercased()) : Glob.matches(address.localPart, local)
    }

    public var description: String {
        switch form {
        case .null: "<>"
        case .address(let local, let domain): domain.map { "\(local)@\($0)" } ?? local
        }
    }

    private init(form: Form) { self.form = form }
}
