// Sessions with the hosts of a recipient's domain, as a route with `mx` has them (RFC 5321 §5).

import AccountSessions
import Blocking
import DomainNames
import Glibc
import InternetAddress
import MailEnvelope
import MailExchange
import MessageContent
import Reporting
import Resolver
import RunControl
import SpoolQueue
import Transport

/// What one route needs to reach strangers.
struct DirectSending {
    /// How long DNS may take for the hosts of a domain, and for the addresses of those of one preference.
    private static let lookUpTime = Duration.seconds(60)
    /// How long after DNS has said for the first time that there is no such place it is believed: who is asked in a strange
    /// network, before one has logged in there, may say so of everything.
    private static let doubt = 3600

    private let route: RouteSettings
    private let hub: CarrierHub

    init(by route: RouteSettings, hub: CarrierHub) { (self.route, self.hub) = (route, hub) }

    /// A session with the best host of `domain` that can be had.
    /// - Throws: why there is none, and what that means for mail.
    func session(with domain: String) throws(HopFault) -> ServerSession {
        let hop = NextHop.domain(domain, route: route.name)
        var faults: [String] = []
        var until = Int.max
        var isUnreachable = true
        do throws(MailHostError) {
            let exchange = try exchange(of: domain)
            var hosts = try exchange.hosts(of: IDNA.ascii(domain) ?? domain, until: Deadline(after: Self.lookUpTime))
            // Each look-up has its time: the hosts before may have taken long to be given up.
            while let host = try hosts.next(until: Deadline(after: Self.lookUpTime)), !hub.isEnding {
                noteFound(hop)
                if let known = knownFault(of: host.name) {
                    faults.append("\(host.name): \(known.words)")
                    until = min(until, known.until)
                    // Nobody has tried to connect: mail does not come back for that.
                    isUnreachable = false
                    continue
                }
                switch session(with: host) {
                case .success(let session): return session
                case .failure(let fault):
                    faults.append(fault.words)
                    until = min(until, fault.until)
                    isUnreachable = isUnreachable && fault.isUnreachable
                }
            }
        } catch {
            throw fault(of: error, hop)
        }
        var fault = HopFault(faults.joined(separator: "; "), isUnreachable: isUnreachable)
        fault.until = until == .max ? fault.until : until
        fault.ofDestination = .temporary(4, 1, text: fault.words)
        throw fault
    }

    // MARK: Hosts

    /// A session at the first of the addresses of `host` that gives one.
    private func session(with host: MailHost) -> Result<ServerSession, HopFault> {
        var words: [String] = []
        var isUnreachable = true
        for address in host.addresses where !hub.isEnding {
            do throws(AccountError) {
                let session = try open(host.name, at: address)
                mend(host.name)
                return .success(session)
            } catch {
                words.append(sentence(error))
                isUnreachable = isUnreachable && error.isOfConnection
            }
        }
        var fault = HopFault(words.joined(separator: "; "), isUnreachable: isUnreachable)
        fault.until = note(fault.words, of: host.name)
        return .failure(fault)
    }

    /// A session under TLS where that can be had, and in clear where the route lets it be so.
    private func open(_ host: String, at address: IPAddress) throws(AccountError) -> ServerSession {
        var (account, server) = route.session(with: host, at: address, trusting: hub.settings.tlsTrustFile)
        do throws(AccountError) {
            return try ServerSession(account: account, server: server, over: hub.paths, hostname: hub.settings.hostname)
        } catch {
            guard account.tlsLine.isOpportunistic, error.isOfTLS else { throw error }
            hub.log.write(.info, "tls", [("host", host), ("error", sentence(error)), ("sent", "in clear")])
            account.tlsLine = TLSLine(rule: .off, isInsecure: true)
            return try ServerSession(account: account, server: server, over: hub.paths, hostname: hub.settings.hostname)
        }
    }

    /// What is known to be wrong with a host, until when it is not asked; `nil` where it may be asked.
    private func knownFault(of host: String) -> HopFault? {
        do throws(QueueError) {
            let state = try hub.hops.read(host: host)
            guard let words = state.fault, !hub.asksAtOnce,
                !ClockSanity.hasCome(state.nextProbe, now: Clock.seconds(), longestWait: hub.policy.longestDelay)
            else { return nil }
            var fault = HopFault(words)
            fault.until = state.nextProbe
            return fault
        } catch {
            hub.log.write(.warning, "host", [("host", host), ("error", sentence(error))])
            return nil
        }
    }

    /// Notes what is wrong with a host.
    /// - Returns: when it may be asked again.
    private func note(_ words: String, of host: String) -> Int {
        let now = Clock.seconds()
        var next = now + HopHealth.firstDelay
        guard !StopSignal.hasCome else { return next }
        do throws(QueueError) {
            try hub.hops.change(host: host) { state in
                if state.fault == nil || state.since > now { state.since = now }
                state.fault = words
                let delay = max(HopHealth.firstDelay, (now - state.since) / 4)
                next = now + hub.policy.spread(min(delay, hub.policy.longestDelay))
                state.nextProbe = next
            }
            hub.log.write(.info, "host fault", [("host", host), ("error", words)])
        } catch {
            hub.log.write(.warning, "host", [("host", host), ("error", sentence(error))])
        }
        return next
    }

    private func mend(_ host: String) {
        do throws(QueueError) {
            guard try hub.hops.read(host: host).fault != nil else { return }
            try hub.hops.change(host: host) { $0.fault = nil }
        } catch {
            hub.log.write(.warning, "host", [("host", host), ("error", sentence(error))])
        }
    }

    // MARK: Domains

    private func exchange(of domain: String) throws(MailHostError) -> MailExchange {
        do throws(ResolverError) {
            return MailExchange(
                asking: try hub.resolver(), here: here, privateDomains: hub.settings.privateDomains, family: route.inet)
        } catch {
            throw .unanswered(domain: domain, error)
        }
    }

    /// What of this hub takes mail from others at the port that we would dial.
    private var here: MailExchange.Here {
        var here = MailExchange.Here()
        here.names = [hub.settings.hostname.lowercased()]
        for listener in hub.settings.listeners where listener.service == .smtp && listener.port == route.port {
            switch listener.address {
            case nil, IPAddress.anyV4?, IPAddress.anyV6?: here.addresses.formUnion(NetworkInterface.addresses())
            case let address?: here.addresses.insert(address)
            }
        }
        return here
    }

    /// Notes that a domain has hosts, after all.
    private func noteFound(_ hop: NextHop) {
        do throws(QueueError) {
            guard try hub.hops.read(hop).missingSince > 0 else { return }
            try hub.hops.change(hop) { $0.missingSince = 0 }
        } catch {
            hub.log.write(.warning, "domain", [("domain", hop.name), ("error", sentence(error))])
        }
    }

    /// What it means that a domain has no host.
    private func fault(of error: MailHostError, _ hop: NextHop) -> HopFault {
        let words = sentence(error)
        var fault = HopFault(words, isUnreachable: true)
        switch error {
        case .takesNoMail: fault.ofDestination = .permanent(1, 10, text: words)
        case .leadsBackHere: fault.ofDestination = .permanent(4, 6, text: words)
        case .badName: fault.ofDestination = .permanent(1, 2, text: words)
        case .unanswered: fault.ofDestination = .temporary(4, 3, text: words)
        case .notFound:
            fault.ofDestination = isBelieved(hop) ? .permanent(1, 2, text: words) : .temporary(1, 2, text: words)
        }
        return fault
    }

    /// Notes that DNS knows no host of the domain; whether it has said so for long enough.
    private func isBelieved(_ hop: NextHop) -> Bool {
        let now = Clock.seconds()
        do throws(QueueError) {
            let state = try hub.hops.change(hop) { state in
                if state.missingSince == 0 || state.missingSince > now { state.missingSince = now }
            }
            return now - state.missingSince >= Self.doubt
        } catch {
            hub.log.write(.warning, "domain", [("domain", hop.name), ("error", sentence(error))])
            return false
        }
    }
}

extension AccountError {
    /// Whether TLS was offered, and could not be had.
    fileprivate var isOfTLS: Bool {
        switch self {
        case .noTLS, .transport(.tls): true
        default: false
        }
    }
}
