// DNS from a table: for tests, which ask nobody.

import Blocking

/// Answers from what it was given, by names in lower case without the final dot. A name that appears nowhere does not
/// exist.
public struct TableResolver: MailResolver {
    public var mailExchangers: [String: [MailExchanger]] = [:]
    public var addresses: [String: [[UInt8]]] = [:]
    public var text: [String: [[UInt8]]] = [:]
    /// By reverse name, see ``reverseName(of:)``.
    public var pointers: [String: [String]] = [:]
    /// By `_25._tcp.host`.
    public var tlsa: [String: [TLSARecord]] = [:]
    /// Names whose answers DNSSEC proves.
    public var secure: Set<String> = []
    /// Names that fail.
    public var failures: [String: ResolverError] = [:]

    public init() {}

    public func mailExchangers(of domain: String, until: Deadline) throws(ResolverError) -> DNSAnswer<MailExchanger> {
        var answer = try answer(domain, from: mailExchangers)
        answer.records.sort { $0.preference < $1.preference }
        return answer
    }

    public func addresses(of host: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        try answer(host, from: addresses)
    }

    public func text(of name: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        try answer(name, from: text)
    }

    public func pointers(of address: [UInt8], until: Deadline) throws(ResolverError) -> DNSAnswer<String> {
        try answer(try reverseName(of: address), from: pointers)
    }

    public func tlsa(of host: String, port: UInt16, until: Deadline) throws(ResolverError) -> DNSAnswer<TLSARecord> {
        try answer("_\(port)._tcp.\(host)", from: tlsa)
    }

    private func answer<Record>(_ name: String, from table: [String: [Record]]) throws(ResolverError) -> DNSAnswer<
        Record
    > {
        var name = name.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        if let failure = failures[name] { throw failure }
        let exists =
            mailExchangers[name] != nil || addresses[name] != nil || text[name] != nil || pointers[name] != nil
            || tlsa[name] != nil
        return DNSAnswer(records: table[name] ?? [], isSecure: secure.contains(name), noSuchName: !exists)
    }
}
