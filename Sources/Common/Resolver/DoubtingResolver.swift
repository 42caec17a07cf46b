// DNS with DNSSEC where the name servers hand proofs on, and without where they do not.

import Blocking
import Synchronization

/// Asks with validation, and once an answer fails it, finds out whose doing that is: name servers that strip all proofs, as in
/// many homes, make every answer look forged. Then it goes on without, and no answer is ever secure.
public final class DoubtingResolver: MailResolver {
    private let validating: any MailResolver
    private let plain: any MailResolver
    /// Whether proofs come through; `nil` until that was asked.
    private let isProving = Mutex<Bool?>(nil)

    /// A name of the root zone's own, which is signed.
    private static let signedName = "arpa"

    public init(validating: any MailResolver, plain: any MailResolver) {
        (self.validating, self.plain) = (validating, plain)
    }

    public func mailExchangers(of domain: String, until: Deadline) throws(ResolverError) -> DNSAnswer<MailExchanger> {
        try ask(until) { resolver throws(ResolverError) in try resolver.mailExchangers(of: domain, until: until) }
    }

    public func addresses(of host: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        try ask(until) { resolver throws(ResolverError) in try resolver.addresses(of: host, until: until) }
    }

    public func text(of name: String, until: Deadline) throws(ResolverError) -> DNSAnswer<[UInt8]> {
        try ask(until) { resolver throws(ResolverError) in try resolver.text(of: name, until: until) }
    }

    public func pointers(of address: [UInt8], until: Deadline) throws(ResolverError) -> DNSAnswer<String> {
        try ask(until) { resolver throws(ResolverError) in try resolver.pointers(of: address, until: until) }
    }

    public func tlsa(of host: String, port: UInt16, until: Deadline) throws(ResolverError) -> DNSAnswer<TLSARecord> {
        try ask(until) { resolver throws(ResolverError) in try resolver.tlsa(of: host, port: port, until: until) }
    }

    private func ask<Record>(
        _ deadline: Deadline, _ question: (any MailResolver) throws(ResolverError) -> DNSAnswer<Record>
    ) throws(ResolverError) -> DNSAnswer<Record> {
        guard isProving.withLock({ $0 }) != false else { return try question(plain) }
        do throws(ResolverError) { return try question(validating) } catch {
            guard case .bogus = error, !handsProofsOn(until: deadline) else { throw error }
            return try question(plain)
        }
    }

    /// Whether what is known to be signed comes with its proof.
    private func handsProofsOn(until deadline: Deadline) -> Bool {
        if let known = isProving.withLock({ $0 }) { return known }
        let proof: Bool
        do throws(ResolverError) {
            proof = try validating.text(of: Self.signedName, until: deadline).isSecure
        } catch {
            // Silence says nothing of it.
            guard case .bogus = error else { return true }
            proof = false
        }
        isProving.withLock { $0 = proof }
        return proof
    }
}
