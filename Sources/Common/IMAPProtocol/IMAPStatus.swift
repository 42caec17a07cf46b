// OK, NO, BAD, BYE, PREAUTH with their codes (RFC 3501 §7.1, RFC 5530), and what a server can do.

import Octets

/// What a server can do (RFC 3501 §7.2.1). Names are in upper case.
public struct IMAPCapabilities: Hashable, Sendable {
    public let names: Set<String>

    init(_ words: some Sequence<ArraySlice<UInt8>>) {
        names = Set(words.map { String(decoding: $0.map(Octet.uppercased), as: UTF8.self) })
    }

    public func has(_ name: String) -> Bool { names.contains(name) }

    /// The mechanisms of `AUTH=…`, sorted.
    public var mechanisms: [String] { names.filter { $0.hasPrefix("AUTH=") }.map { String($0.dropFirst(5)) }.sorted() }
}

/// The code in brackets of a status response.
public enum IMAPCode: Hashable, Sendable {
    /// The text is for a person's eyes.
    case alert
    case capability(IMAPCapabilities)
    case uidValidity(UInt32)
    case uidNext(UInt32)
    /// RFC 4315 §3: the mailbox gets other UIDs each time it is selected.
    case uidNotSticky
    /// RFC 7162 §3.1.2.1.
    case highestModSeq(Int)
    case noModSeq
    case readOnly
    case readWrite
    case permanentFlags([String])
    case tryCreate
    /// The UIDVALIDITY of the mailbox that a message was appended to, and its UID there (RFC 4315 §3).
    case appendUID(validity: UInt32, uid: UInt32)
    /// The message is larger than the server takes (RFC 4469 §4.2, RFC 7889 §4).
    case tooBig
    /// RFC 5530 §3, as are those below.
    case authenticationFailed, authorizationFailed, expired, privacyRequired, contactAdmin
    case unavailable, inUse, limit, serverBug
    case noPermission, nonexistent, overQuota, expungeIssued, alreadyExists
    /// Any other, as it came, without its brackets.
    case other([UInt8])
}

/// A status response without its tag.
public struct IMAPStatus: Hashable, Sendable {
    public enum Condition: Sendable, Hashable { case ok, no, bad, bye, preauth }

    public let condition: Condition
    public let code: IMAPCode?
    public let text: [UInt8]

    public init(_ condition: Condition, code: IMAPCode? = nil, text: [UInt8] = []) {
        self.condition = condition
        self.code = code
        self.text = text
    }

    /// `("OK" / "NO" / "BAD" / "BYE" / "PREAUTH") SP resp-text`; `nil` when `line` says something else.
    init?(_ line: ArraySlice<UInt8>) {
        let space = line.firstIndex(of: Octet.space) ?? line.endIndex
        guard let condition = Self.condition(line[..<space]) else { return nil }
        self.condition = condition
        var rest = line[space...].dropFirst()
        guard rest.first == 0x5B, let close = Self.close(of: rest) else {
            code = nil
            text = Array(rest)
            return
        }
        code = IMAPCode(rest[(rest.startIndex + 1)..<close])
        rest = rest[(close + 1)...]
        text = Array(rest.drop { $0 == Octet.space })
    }

    private static func condition(_ word: ArraySlice<UInt8>) -> Condition? {
        if word.equalsIgnoringCase("OK") { return .ok }
        if word.equalsIgnoringCase("NO") { return .no }
        if word.equalsIgnoringCase("BAD") { return .bad }
        if word.equalsIgnoringCase("BYE") { return .bye }
        return word.equalsIgnoringCase("PREAUTH") ? .preauth : nil
    }

    /// The bracket that ends the code; one within quotes (a keyword of BADCHARSET) does not count.
    private static func close(of text: ArraySlice<UInt8>) -> Int? {
        var isQuoted = false
        for (index, octet) in zip(text.indices, text) {
            if octet == 0x22 { isQuoted.toggle() }
            if octet == 0x5D, !isQuoted { return index }
        }
        return nil
    }
}

extension IMAPCode {
    private static let plain: [String: IMAPCode] = [
        "ALERT": .alert, "NOMODSEQ": .noModSeq, "READ-ONLY": .readOnly, "READ-WRITE": .readWrite,
        "TRYCREATE": .tryCreate, "TOOBIG": .tooBig, "UIDNOTSTICKY": .uidNotSticky,
        "AUTHENTICATIONFAILED": .authenticationFailed, "AUTHORIZATIONFAILED": .authorizationFailed, "EXPIRED": .expired,
        "PRIVACYREQUIRED": .privacyRequired, "CONTACTADMIN": .contactAdmin, "UNAVAILABLE": .unavailable,
        "INUSE": .inUse,
        "LIMIT": .limit, "SERVERBUG": .serverBug, "NOPERM": .noPermission, "NONEXISTENT": .nonexistent,
        "OVERQUOTA": .overQuota, "EXPUNGEISSUED": .expungeIssued, "ALREADYEXISTS": .alreadyExists,
    ]

    init(_ octets: ArraySlice<UInt8>) {
        let space = octets.firstIndex(of: Octet.space) ?? octets.endIndex
        let name = String(decoding: octets[..<space].map(Octet.uppercased), as: UTF8.self)
        let rest = octets[space...].dropFirst()
        let uid = Decimal.value(of: rest).flatMap { UInt32(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
        switch name {
        case "CAPABILITY": self = .capability(IMAPCapabilities(rest.split(separator: Octet.space)))
        case "UIDVALIDITY": self = uid.map { .uidValidity($0) } ?? .other(Array(octets))
        case "UIDNEXT": self = uid.map { .uidNext($0) } ?? .other(Array(octets))
        case "APPENDUID":
            let numbers = rest.split(separator: Octet.space).map {
                Decimal.value(of: $0).flatMap { UInt32(exactly: $0) }
            }
            if numbers.count == 2, let validity = numbers[0], let uid = numbers[1] {
                self = .appendUID(validity: validity, uid: uid)
            } else {
                self = .other(Array(octets))
            }
        case "HIGHESTMODSEQ": self = Decimal.value(of: rest).map { .highestModSeq($0) } ?? .other(Array(octets))
        case "PERMANENTFLAGS":
            let flags = rest.filter { $0 != 0x28 && $0 != 0x29 }.split(separator: Octet.space)
            self = .permanentFlags(flags.map { String(decoding: $0, as: UTF8.self) })
        default: self = rest.isEmpty ? Self.plain[name] ?? .other(Array(octets)) : .other(Array(octets))
        }
    }
}
