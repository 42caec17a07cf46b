// What mail asks of DNS, as questions with typed answers; tests answer them from a table.

import Blocking

/// The answer to one question. A bogus or missing answer is an error, never an answer without records.
public struct DNSAnswer<Record: Sendable>: Sendable {
    public var records: [Record]
    /// Whether DNSSEC proves the answer, be it records, none of this type, or no such name.
    public var isSecure: Bool
    /// Whether the name does not exist at all; `records` is empty then.
    public var noSuchName: Bool
    /// How long the answer may be kept.
    public var timeToLive: Duration
    /// Whether one of several questions got no answer: what demands a proof must not go by this.
    public var isPartial = false

    public init(
        records: [Record], isSecure: Bool = false, noSuchName: Bool = false, timeToLive: Duration = .seconds(0)
    ) {
        (self.records, self.isSecure, self.noSuchName) = (records, isSecure, noSuchName)
        self.timeToLive = timeToLive
    }

    /// Whether the name exists, but without records of this type.
    public var noData: Bool { records.isEmpty && !noSuchName }
}

extension DNSAnswer: Equatable where Record: Equatable {}

/// One MX record (RFC 5321 §5.1).
public struct MailExchanger: Sendable, Hashable {
    public let preference: UInt16
    /// The host's name without a final dot; empty for the null MX.
    public let host: String

    public init(preference: UInt16, host: String) { (self.preference, self.host) = (preference, host) }

    /// Whether this record says that the domain takes no mail (RFC 7505).
    public var isNull: Bool { host.isEmpty }
}

/// One TLSA record (RFC 6698 §2.1).
public struct TLSARecord: Sendable, Hashable {
    public let usage: UInt8
    public let selector: UInt8
    public let matching: UInt8
    public let data: [UInt8]

    public init(usage: UInt8, selector: UInt8, matching: UInt8, data: [UInt8]) {
        (self.usage, self.selector, self.matching, self.data) = (usage, selector, matching, data)
    }
}

/// DNS as mail needs it. Each call may block until its deadline.
///
/// Names are ASCII (A-labels), with or without the final dot. Throws ``ResolverError``; a bogus answer is thrown as a
/// temporary failure, never returned as "no record".
public protocol MailResolver: Sendable {
    /// The MX records of `domain`, lowest preference first.
    func mailExchangers(of domain: String, until: Deadline) throws(ResolverError) -> DNSAnswer<MailExchanger>
    /// The A and AAAA records of `host`: 4 or 16 octets each. Secure only when both answers are; partial when one failed,
    /// as it does at servers that know no AAAA, and the other has records.
    func addresses(of host: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]>
    /// The TXT records of `name`, the strings of each joined (RFC 7208 §3.3).
    func text(of name: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]>
    /// The names in the PTR records of `address` (4 or 16 octets); unproven until they lead back to it.
    func pointers(of address: [UInt8], until: Deadline) throws(ResolverError) -> DNSAnswer<String>
    /// The TLSA records of the TCP service at `port` of `host` (RFC 6698 §3).
    func tlsa(of host: String, port: UInt16, until: Deadline) throws(ResolverError) -> DNSAnswer<TLSARecord>
}

/// The name under which PTR records of `address` stand (RFC 1035 §3.5, RFC 3596 §2.5).
/// - Throws: ``ResolverError/badName(_:)`` unless there are 4 or 16 octets.
public func reverseName(of address: [UInt8]) throws(ResolverError) -> String {
    switch address.count {
    case 4: return address.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa"
    case 16:
        let digits = address.reversed().flatMap { [$0 & 15, $0 >> 4] }
        return digits.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
    default: throw .badName("an address of \(address.count) octets")
    }
}
