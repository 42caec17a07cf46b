// DNS with DNSSEC validation, through libunbound.

import Blocking
import Reporting

/// A validating resolver with a cache; one per process is enough, any number of threads may ask.
public final class UnboundResolver: MailResolver {
    /// Record types (IANA "DNS parameters").
    private enum RecordType: Int32 {
        case a = 1
        case ptr = 12
        case mx = 15
        case txt = 16
        case aaaa = 28
        case tlsa = 52

        var name: String { "\(self)".uppercased() }
    }

    private let context: UnboundContext

    /// - Throws: ``ResolverError/setUp(reason:)`` when libunbound cannot use the settings.
    public init(_ settings: UnboundSettings = UnboundSettings()) throws(ResolverError) {
        context = try UnboundContext(settings)
    }

    public func mailExchangers(of domain: String, until: Deadline) throws(ResolverError) -> DNSAnswer<MailExchanger> {
        var answer = try ask(domain, .mx, until, RecordData.mailExchanger)
        answer.records.sort { $0.preference < $1.preference }
        return answer
    }

    public func addresses(of host: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        func ask(_ type: RecordType, _ count: Int, _ until: Deadline) -> Result<DNSAnswer<[UInt8]>, ResolverError> {
            Result { () throws(ResolverError) in
                try self.ask(host, type, until) { RecordData.address($0, count: count) }
            }
        }
        let four = ask(.a, 4, until)
        let six = ask(.aaaa, 16, Self.hasRecords(four) ? until.earlier(of: Deadline(after: Self.patience)) : until)
        switch (four, six) {
        case (.success(let four), .success(let six)):
            return DNSAnswer(
                records: six.records + four.records, isSecure: four.isSecure && six.isSecure,
                noSuchName: four.noSuchName && six.noSuchName, timeToLive: min(four.timeToLive, six.timeToLive))
        case (.success(var one), .failure(let error)), (.failure(let error), .success(var one)):
            guard error.isMereFailure, !one.records.isEmpty else { throw error }
            (one.isSecure, one.isPartial) = (false, true)
            return one
        case (.failure(let error), .failure): throw error
        }
    }

    /// How long AAAA is waited for where A has records.
    private static let patience = Duration.seconds(5)

    private static func hasRecords(_ answer: Result<DNSAnswer<[UInt8]>, ResolverError>) -> Bool {
        if case .success(let answer) = answer { !answer.records.isEmpty } else { false }
    }

    public func text(of name: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        try ask(name, .txt, until, RecordData.text)
    }

    public func pointers(of address: [UInt8], until: Deadline) throws(ResolverError) -> DNSAnswer<String> {
        try ask(try reverseName(of: address), .ptr, until, RecordData.pointer)
    }

    public func tlsa(of host: String, port: UInt16, until: Deadline) throws(ResolverError) -> DNSAnswer<TLSARecord> {
        try ask("_\(port)._tcp.\(host)", .tlsa, until, RecordData.tlsa)
    }

    private func ask<Record>(
        _ name: String, _ type: RecordType, _ deadline: Deadline, _ parse: ([UInt8]) -> Record?
    ) throws(ResolverError) -> DNSAnswer<Record> {
        guard Self.isName(name) else { throw .badName(name) }
        let reply: UnboundContext.Reply?
        do throws(UnboundContext.LibraryFailure) {
            reply = try context.ask(name, type: type.rawValue, until: deadline)
        } catch {
            throw .serverFailure(name: name, type: type.name, reason: error.reason)
        }
        guard let reply else { throw .timedOut(name: name, type: type.name) }
        if let reason = reply.bogus { throw .bogus(name: name, type: type.name, reason: reason) }
        // RFC 1035 §4.1.1: 0 no error, 3 no such name; all others tell nothing about the name.
        guard reply.rcode == 0 || reply.rcode == 3 else {
            throw .serverFailure(name: name, type: type.name, reason: Self.words(for: reply.rcode))
        }
        var records: [Record] = []
        for data in reply.records {
            guard let record = parse(data) else { throw .malformed(name: name, type: type.name) }
            records.append(record)
        }
        return DNSAnswer(
            records: records, isSecure: reply.isSecure, noSuchName: reply.noSuchName,
            timeToLive: .seconds(Int(max(0, reply.timeToLive))))
    }

    private static func words(for rcode: Int32) -> String {
        switch rcode {
        case 1: "its servers do not understand (FORMERR)"
        case 2: "its servers fail (SERVFAIL)"
        case 4: "its servers do not offer that (NOTIMP)"
        case 5: "its servers refuse (REFUSED)"
        default: "response code \(rcode)"
        }
    }

    /// Whether `name` can be asked: labels of 1 to 63 printable ASCII octets, 253 in all (RFC 1035 §2.3.4). A backslash
    /// would mean an escape to libunbound.
    static func isName(_ name: String) -> Bool {
        let octets = name.hasSuffix(".") ? name.utf8.dropLast() : name.utf8[...]
        guard !octets.isEmpty, octets.count <= 253 else { return false }
        return octets.split(separator: 0x2E, omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count) && label.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }
        }
    }
}
