// A host that takes the mail of a domain, and why there is none.

import InternetAddress
import Reporting
import Resolver

/// A host to hand the mail of a domain to, and its addresses in the order to try them.
public struct MailHost: Sendable, Hashable {
    /// Without a final dot; an address for a domain that is an address literal.
    public let name: String
    public let addresses: [IPAddress]

    public init(name: String, addresses: [IPAddress]) { (self.name, self.addresses) = (name, addresses) }
}

/// Why a domain has no host that its mail can be handed to.
public enum MailHostError: Complaint, Equatable {
    /// It says that it takes no mail (RFC 7505).
    case takesNoMail(domain: String)
    /// This hub is its best host, and does not know it as its own (RFC 5321 §5.1).
    case leadsBackHere(domain: String, host: String)
    /// The name, or that of all its hosts, is not there; or they have no address that can be used. Who is asked in a strange
    /// network may say so of every name.
    case notFound(domain: String, reasons: [String])
    /// DNS does not say.
    case unanswered(domain: String, ResolverError)
    /// The name is none that DNS can be asked about.
    case badName(domain: String)

    public var exitStatus: ExitStatus {
        switch self {
        case .takesNoMail, .notFound, .badName: .noHost
        case .leadsBackHere: .configuration
        case .unanswered(_, let error): error.exitStatus
        }
    }

    public var description: String {
        switch self {
        case .takesNoMail(let domain): "\(domain) takes no mail (its MX record says so)"
        case .leadsBackHere(let domain, let host):
            "mail for \(domain) leads back to this hub, by its host \(host); add a \"domain \(domain)\" block, "
                + "or mend the MX records of \(domain)"
        case .notFound(let domain, let reasons):
            "no host takes mail for \(domain): \(reasons.isEmpty ? "there is no such domain" : reasons.joined(separator: "; "))"
        case .unanswered(let domain, let error): "the hosts of \(domain) are not known: \(error)"
        case .badName(let domain): "\(printable(domain)) is no name of a domain"
        }
    }
}
