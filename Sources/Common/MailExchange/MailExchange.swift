// Whom to hand the mail of a domain to: its MX hosts and their addresses (RFC 5321 §5).

import Blocking
import InternetAddress
import Resolver

/// How the hosts of domains are found.
public struct MailExchange: Sendable {
    /// What this hub itself is, for mail that would lead back to it.
    public struct Here: Sendable {
        /// The names under which others know it, in lower case.
        public var names: Set<String> = []
        /// The addresses at which it takes mail from others.
        public var addresses: Set<IPAddress> = []

        public init() {}
    }

    /// Hosts that are asked for one domain at most, and addresses in all: a hostile zone may list thousands.
    public static let hostLimit = 10
    public static let addressLimit = 20

    let resolver: any MailResolver
    let hosts: HostsFile
    let here: Here
    let family: AddressPreference
    private let privateDomains: [String]

    /// - Parameters:
    ///   - privateDomains: these, and what lies below them, may have addresses that are not for the internet.
    ///   - family: which addresses are wanted.
    public init(
        asking resolver: any MailResolver, hosts: HostsFile = HostsFile(), here: Here = Here(),
        privateDomains: [String] = [], family: AddressPreference = .any
    ) {
        (self.resolver, self.hosts, self.here, self.family) = (resolver, hosts, here, family)
        self.privateDomains = privateDomains.map { $0.lowercased() }
    }

    /// The hosts of `domain`, best first.
    /// - Parameter domain: A-labels, or an address literal in its brackets.
    /// - Throws: ``MailHostError``; also later, by ``MailHosts/next(until:)``.
    public func hosts(of domain: String, until deadline: Deadline) throws(MailHostError) -> MailHosts {
        var ranked: [MailExchanger]
        if domain.hasPrefix("[") || hosts.addresses(of: domain) != nil {
            ranked = [MailExchanger(preference: 0, host: domain)]
        } else {
            ranked = try exchangers(of: domain, until: deadline)
        }
        // RFC 5321 §5.1: our own rank, and all behind it, would bring the mail back here.
        let own = ranked.filter { here.names.contains($0.host.lowercased()) }.min { $0.preference < $1.preference }
        if let own { ranked.removeAll { $0.preference >= own.preference } }
        guard let own, ranked.isEmpty else { return MailHosts(domain, ranked, self) }
        throw .leadsBackHere(domain: domain, host: own.host)
    }

    /// The MX records, equal ones in the order of chance; the domain itself where it has none.
    private func exchangers(of domain: String, until deadline: Deadline) throws(MailHostError) -> [MailExchanger] {
        let answer: DNSAnswer<MailExchanger>
        do throws(ResolverError) { answer = try resolver.mailExchangers(of: domain, until: deadline) } catch {
            if case .badName = error { throw .badName(domain: domain) }
            throw .unanswered(domain: domain, error)
        }
        guard !answer.noSuchName else { throw .notFound(domain: domain, reasons: []) }
        guard !answer.records.isEmpty else { return [MailExchanger(preference: 0, host: domain)] }
        var known: Set<String> = []
        let hosts = answer.records.filter { !$0.isNull && known.insert($0.host.lowercased()).inserted }
        guard !hosts.isEmpty else { throw .takesNoMail(domain: domain) }
        return hosts.shuffled().sorted { $0.preference < $1.preference }
    }

    /// Whether the addresses of `host` may be any.
    func isTrusted(_ host: String) -> Bool {
        let host = host.lowercased()
        return privateDomains.contains { host == $0 || host.hasSuffix(".\($0)") }
    }
}

/// The hosts of one domain, looked up as they are needed: the second is asked for only when the first does not take the
/// mail.
public struct MailHosts: Sendable {
    private let domain: String
    private let exchange: MailExchange
    private var ranked: ArraySlice<MailExchanger>
    /// Of one preference, and looked up.
    private var ready: [MailHost] = []
    private var hostsLeft = MailExchange.hostLimit
    private var addressesLeft = MailExchange.addressLimit
    private var given = 0
    /// Why hosts were passed over.
    private var reasons: [String] = []
    private var unanswered: ResolverError?
    private var ownHost: String?

    init(_ domain: String, _ ranked: [MailExchanger], _ exchange: MailExchange) {
        (self.domain, self.exchange, self.ranked) = (domain, exchange, ranked[...])
    }

    /// The next host to try; `nil` when there is none behind those that were given.
    /// - Throws: ``MailHostError`` when there is none at all.
    public mutating func next(until deadline: Deadline) throws(MailHostError) -> MailHost? {
        while ready.isEmpty, !ranked.isEmpty { lookUpNextRank(until: deadline) }
        guard ready.isEmpty else {
            given += 1
            return ready.removeFirst()
        }
        guard given == 0 else { return nil }
        // What may be otherwise in a while counts before what is known.
        if let unanswered { throw .unanswered(domain: domain, unanswered) }
        if let ownHost { throw .leadsBackHere(domain: domain, host: ownHost) }
        throw .notFound(domain: domain, reasons: reasons)
    }

    /// Looks up all hosts of the next preference: one that is this hub drops them all, and those behind.
    private mutating func lookUpNextRank(until deadline: Deadline) {
        guard let preference = ranked.first?.preference else { return }
        let rank = ranked.prefix { $0.preference == preference }
        ranked = ranked.dropFirst(rank.count)
        for exchanger in rank where hostsLeft > 0 && addressesLeft > 0 {
            hostsLeft -= 1
            let named = exchange.hosts.addresses(of: exchanger.host)
            let addresses = addresses(of: exchanger.host, named: named, until: deadline)
            guard !addresses.contains(where: exchange.here.addresses.contains) else {
                ownHost = exchanger.host
                (ready, ranked) = ([], [])
                return
            }
            let isOurs = named != nil || exchange.isTrusted(exchanger.host)
            let usable = usable(addresses, of: exchanger.host, isOurs: isOurs)
            guard !usable.isEmpty else { continue }
            addressesLeft -= usable.count
            let isLiteral = exchanger.host.hasPrefix("[")
            ready.append(MailHost(name: isLiteral ? "\(usable[0])" : exchanger.host, addresses: usable))
        }
        if hostsLeft == 0 || addressesLeft == 0 { ranked = [] }
    }

    /// - Parameter named: the addresses that this machine itself has for it.
    private mutating func addresses(
        of host: String, named: [IPAddress]?, until deadline: Deadline
    ) -> [IPAddress] {
        if host.hasPrefix("[") { return IPAddress(literal: Array(host.utf8.dropFirst().dropLast())).map { [$0] } ?? [] }
        if let named {
            if named.isEmpty { reasons.append("\(host) has no address in /etc/hosts, where it is named") }
            return named
        }
        do throws(ResolverError) {
            let answer = try exchange.resolver.addresses(of: host, until: deadline)
            if answer.records.isEmpty {
                reasons.append("\(host) \(answer.noSuchName ? "does not exist" : "has no address")")
            }
            return answer.records.compactMap(IPAddress.init(octets:))
        } catch {
            if case .badName = error {
                reasons.append("\(error)")
            } else {
                unanswered = unanswered ?? error
            }
            return []
        }
    }

    /// The addresses to try, in their order; the rest is told.
    /// - Parameter isOurs: whether they may be any.
    private mutating func usable(_ addresses: [IPAddress], of host: String, isOurs: Bool) -> [IPAddress] {
        guard !addresses.isEmpty else { return [] }
        let reachable = isOurs ? addresses : addresses.filter(\.isGloballyReachable)
        guard !reachable.isEmpty else {
            reasons.append(
                "\(host) has the address \(addresses[0]), which is not for the internet; if it is a host of this house, name "
                    + "it in /etc/hosts or with \"private-domain\"")
            return []
        }
        let wanted = exchange.family.order(reachable.map { Endpoint($0) }).map(\.address)
        if wanted.isEmpty { reasons.append("\(host) has no address of the kind that `inet` asks for") }
        return Array(wanted.prefix(addressesLeft))
    }
}
