// The settings of a route.

import InternetAddress
import MailEnvelope
import MailRouting

/// The block `route NAME`.
public struct RouteSettings: Sendable, Hashable {
    public var name: String
    @Setting public var from: [AddressPattern] = []
    @Setting public var notFrom: [AddressPattern] = []
    @Setting public var to: [AddressPattern] = []
    @Setting public var notTo: [AddressPattern] = []
    @Setting public var headerFrom: [AddressPattern] = []
    @Setting public var notHeaderFrom: [AddressPattern] = []
    /// The accounts to send through, by name, in the order to try them.
    @Setting public var accounts: [String] = []
    @Setting public var isLast = false
    @Setting public var onConnectFailure = ConnectFailure.defer
    /// The names of the connections that it is tried over; empty for any, and for none.
    @Setting public var online: [String] = []
    /// Which addresses become which in mail that leaves by it.
    @Setting public var rewrites: [RewriteRule] = []
    /// Whom the copy of a recipient shows in its header; `nil`: as the hub does.
    @Setting public var shownRecipients: ShownRecipients? = nil
    /// The program that its mail is handed to, instead of accounts; empty for none.
    @Setting public var pipe: [ArgumentTemplate] = []
    /// Whether that program gets a line `From SENDER DATE` above each message, and such lines within it quoted.
    @Setting public var hasFromLine = false
    @Setting public var quotesFromLines = false
    public var position: SourcePosition
    public var positions = SourcePositions()

    /// How many recipients may leave by it, and in which time; `nil` for any number.
    @Setting public var limit: RateLimit? = nil

    /// Whether its mail goes straight to the hosts of each recipient's domain, instead of accounts.
    @Setting public var isMX = false
    /// How such hosts are spoken to, and from where.
    @Setting public var tls = HostTLS.opportunistic
    @Setting public var inet = AddressPreference.any
    @Setting public var sourceAddress: IPAddress? = nil
    @Setting public var port = 25
    @Setting public var timeout = Duration.seconds(5 * 60)
    /// Sessions at once, over all processes and hosts.
    @Setting public var connections = 20

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }

    /// Where its mail leaves the hub.
    public var target: RouteTarget { isMX ? .direct : pipe.isEmpty ? .accounts(accounts) : .program }

    /// The part of it that decides, as `MailRouting` takes it.
    public var route: Route {
        Route(
            name: name, from: AddressConditions(allow: from, deny: notFrom),
            to: AddressConditions(allow: to, deny: notTo),
            headerFrom: AddressConditions(allow: headerFrom, deny: notHeaderFrom), target: target, isLast: isLast,
            onConnectFailure: onConnectFailure, online: online)
    }
}

/// Whether a session with the host of a stranger's domain must be under TLS.
public enum HostTLS: String, Sendable, Hashable, CaseIterable {
    /// Where the host offers it, whoever that is; in clear where it does not.
    case opportunistic
    /// With a certificate for the host's name, or not at all.
    case required
}

extension RouteSettings {
    /// The session of an account of its own with `host`, one of those that take a domain's mail: without a login.
    /// - Parameters:
    ///   - address: where it is dialled.
    ///   - trustFile: the hub's own.
    public func session(
        with host: String, at address: IPAddress, trusting trustFile: String?
    ) -> (account: AccountSettings, server: AccountServer) {
        var account = AccountSettings(name: name, position: position)
        account.auth = .off
        account.tlsLine = tls == .required ? TLSLine(rule: .required) : .opportunistic
        account.trustFile = trustFile
        account.timeout = timeout
        account.inet = inet
        account.sourceAddress = sourceAddress
        var server = AccountServer(
            word: "mx", service: "smtp", host: host, port: port, hasImplicitTLS: false, counterpart: "smtp")
        server.address = address
        return (account, server)
    }
}
