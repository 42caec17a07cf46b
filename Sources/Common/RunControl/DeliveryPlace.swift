// Where fetched mail goes.

import InternetAddress
import MailEnvelope
import MailFormat

/// `deliver KIND …`: a place that the mail of an account goes to.
public enum DeliveryPlace: Sendable, Hashable {
    /// The Maildir of the mailbox it is for.
    case maildir
    /// The mbox at a path.
    case mbox(String)
    /// A program, and its arguments.
    case program([ArgumentTemplate])
    /// A server that takes mail by SMTP or LMTP.
    case server(MailServer)
    /// A folder at the IMAP server of an account; `nil` for the folder that it was fetched from, or goes to.
    case append(account: String, folder: String?)

    /// The kind, as the rc names it.
    public var kind: String {
        switch self {
        case .maildir: "maildir"
        case .mbox: "mbox"
        case .program: "program"
        case .server(let server): server.service.rawValue
        case .append: "append"
        }
    }
}

extension DeliveryPlace {
    /// Whether the same goes there: at one server each recipient is another place.
    func isSame(as other: DeliveryPlace) -> Bool {
        guard description == other.description else { return false }
        guard case .server(let one) = self, case .server(let two) = other else { return true }
        return one.recipient == two.recipient
    }
}

extension DeliveryPlace: CustomStringConvertible {
    /// Kind and address: by it the state knows the place again, however the line was written.
    public var description: String {
        switch self {
        case .maildir: kind
        case .mbox(let path): "\(kind) \(Page.quoted(path))"
        case .program(let argv): ([kind] + argv.map { Page.quoted($0.description) }).joined(separator: " ")
        case .server(let server): "\(kind) \(server.address)"
        case .append(let account, let folder):
            ([kind, Page.quoted(account)] + (folder.map { [Page.quoted($0)] } ?? [])).joined(separator: " ")
        }
    }
}

/// `deliver smtp|lmtp ADDRESS [for RECIPIENT] [tls off insecure]`: a server of the house.
public struct MailServer: Sendable, Hashable {
    public enum Service: String, Sendable, Hashable, CaseIterable {
        case smtp, lmtp

        public var defaultPort: Int {
            switch self {
            case .smtp: 25
            case .lmtp: 24
            }
        }
    }

    public var service: Service
    /// A name, an address without brackets, or the path of a socket, which begins with `/`.
    public var host: String
    /// 0 for a socket.
    public var port: Int
    /// Whom all mail is for there, instead of the address it came to.
    public var recipient: Address?
    /// Whether another machine is spoken to in clear.
    public var isInsecure: Bool

    public init(
        service: Service, host: String, port: Int, recipient: Address? = nil, isInsecure: Bool = false
    ) {
        (self.service, self.host, self.port) = (service, host, port)
        (self.recipient, self.isInsecure) = (recipient, isInsecure)
    }

    public var isSocket: Bool { HostAndPort.isSocket(host) }

    /// Whether what is sent there stays on this machine.
    public var isHere: Bool { HostAndPort.isHere(host) }

    /// As the rc has it.
    public var address: String { isSocket ? host : "\(HostAndPort(host: host, port: port))" }
}

extension MailServer {
    /// The session of an account of its own that mail of `account` is delivered in: without a login, and under TLS to any
    /// other machine.
    /// - Parameter trustFile: the hub's own.
    public func session(
        for account: AccountSettings, trusting trustFile: String?
    ) -> (account: AccountSettings, server: AccountServer) {
        var settings = AccountSettings(name: account.name, position: account.position)
        settings.auth = .off
        settings.tlsLine = TLSLine(rule: isHere || isInsecure ? .off : .required, isInsecure: isInsecure)
        settings.trustFile = trustFile
        settings.timeout = account.timeout
        settings.heloName = account.heloName
        settings.transcript = account.transcript
        let server = AccountServer(
            word: "deliver", service: service.rawValue, host: host, port: port, hasImplicitTLS: false,
            counterpart: service.rawValue)
        return (settings, server)
    }
}
