// Where an account's mail comes from and goes to, whatever the protocol.

import InternetAddress

/// A server of an account, whichever way the mail goes.
public struct AccountServer: Sendable, Hashable {
    /// The word of its line: `fetch` or `send`.
    public let word: String
    /// As the rc names it: `imaps`.
    public let service: String
    /// A name, an address without brackets, or the path of a socket, which begins with `/`.
    public let host: String
    public let port: Int
    public let hasImplicitTLS: Bool
    /// The same service with TLS from the first octet where this one begins without, and the other way about.
    public let counterpart: String
    /// Where it is dialled, if that is known already; its name is looked up else.
    public var address: IPAddress?
    /// The servers that are asked when the ones before cannot be reached.
    public var others: [AccountServer] = []
    /// It, and those that are asked behind it.
    public var all: [AccountServer] { [self] + others }

    private var isSocket: Bool { HostAndPort.isSocket(host) }

    /// Where it is, for a person.
    public var place: String {
        if isSocket { return host }
        let shown = address.map { "\(host) (\($0))" } ?? host
        return "\(shown) port \(port)"
    }

    /// Whether it takes mail by LMTP (RFC 2033).
    public var speaksLMTP: Bool { service == "lmtp" }

    /// Whether the service at a well-known port begins with TLS; `nil` for other ports.
    public static func beginsWithTLS(port: Int) -> Bool? {
        switch port {
        case 465, 993, 995: true
        case 25, 110, 143, 587: false
        default: nil
        }
    }

    /// What is wrong with the port; `nil` when nothing is, or nobody can tell.
    public var portFault: String? {
        guard let begins = Self.beginsWithTLS(port: port), begins != hasImplicitTLS, counterpart != service else {
            return nil
        }
        return begins
            ? "port \(port) begins with TLS, and \(service) begins without; write \"\(word) \(counterpart) \(host)\""
            : "port \(port) begins without TLS, and \(service) begins with it; write \"\(word) \(counterpart) \(host)\""
    }

    /// What to tell a person whose server sends no greeting.
    public var silenceAdvice: String {
        if isSocket { return "look what listens there" }
        guard counterpart != service else { return "look whether that is its port for \(service)" }
        return portFault ?? "if port \(port) begins with TLS, write \"\(word) \(counterpart) \(host):\(port)\""
    }
}

extension AccountSettings {
    /// Where mail is fetched from.
    public var fetchServer: AccountServer? {
        fetch.map {
            AccountServer(
                word: "fetch", service: $0.service.rawValue, host: $0.host, port: $0.port,
                hasImplicitTLS: $0.service.hasImplicitTLS, counterpart: $0.service.counterpart.rawValue)
        }
    }

    /// Where mail is sent to.
    public var sendServer: AccountServer? {
        send.map { send in
            func server(_ host: String, _ port: Int) -> AccountServer {
                AccountServer(
                    word: "send", service: send.service.rawValue, host: host, port: port,
                    hasImplicitTLS: send.service.hasImplicitTLS, counterpart: send.service.counterpart.rawValue)
            }
            var first = server(send.host, send.port)
            first.others = send.others.map { server($0.host, $0.port ?? send.service.defaultPort) }
            return first
        }
    }

    /// Whether there is a login: by a secret, or by the certificate shown.
    public var logsIn: Bool { auth == .external || (auth != .off && secret != .none) }

    /// Whether it logs in with an access token instead of a password.
    public var hasToken: Bool { secret.token != nil }

    /// Whether octets go to `server` in clear, and beyond this machine.
    public func speaksInClear(to server: AccountServer) -> Bool {
        tls == .off && !HostAndPort.isHere(server.host)
    }
}

extension FetchServer.Service {
    var counterpart: Self {
        switch self {
        case .pop3: .pop3s
        case .imap: .imaps
        case .pop3s: .pop3
        case .imaps: .imap
        }
    }
}

extension SendServer.Service {
    var counterpart: Self {
        switch self {
        case .smtp, .submission: .submissions
        case .submissions: .submission
        case .lmtp: .lmtp
        }
    }
}
