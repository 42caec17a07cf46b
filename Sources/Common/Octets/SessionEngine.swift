// How a session begins, in one vocabulary for POP3, IMAP and SMTP: greeting, offers, STARTTLS, login.

/// What a server offers to a session that begins.
public struct SessionOffers: Sendable, Hashable {
    /// Whether STARTTLS (STLS) is worth asking for.
    public let hasStartTLS: Bool
    /// The SASL mechanisms, in capitals.
    public let mechanisms: [String]

    public init(hasStartTLS: Bool, mechanisms: [String]) {
        self.hasStartTLS = hasStartTLS
        self.mechanisms = mechanisms
    }
}

/// Why a server refused a login.
public struct LoginRefusal: Error, Sendable, Hashable {
    public enum Cause: Sendable, Hashable {
        /// User name or password is wrong, or the server tells no reason.
        case credentials
        /// The mechanism, or the lack of TLS under it.
        case mechanism
        /// A fault of the server's own.
        case server
    }

    public let cause: Cause
    /// Whether the same login may succeed later without anybody changing anything.
    public let isTemporary: Bool
    /// The text of the server's reply, as it came.
    public let words: [UInt8]

    public init(_ cause: Cause, isTemporary: Bool = false, words: [UInt8]) {
        self.cause = cause
        self.isTemporary = isTemporary
        self.words = words
    }

    /// The same, with what the server has said of it within the exchange.
    public func saying(_ more: [UInt8]?) -> LoginRefusal {
        guard let more, !more.isEmpty else { return self }
        return LoginRefusal(cause, isTemporary: isTemporary, words: words + Array(" (".utf8) + more + Array(")".utf8))
    }
}

/// What an event means to a session that begins.
public enum SessionEvent: Sendable, Hashable {
    /// The server is ready for commands.
    case greeted
    /// The server is ready and regards us as logged in (PREAUTH, RFC 3501 §7.1.4); it is too late for STARTTLS.
    case preauthenticated
    /// The server refuses the session, or ends it.
    case farewell(words: [UInt8])
    /// The server has told what it offers; see ``SessionEngine/offers``.
    case offered
    /// The server does not know the command that asks what it offers.
    case offersUnknown
    /// Start TLS now, then call ``SessionEngine/tlsEstablished()``.
    case tlsReady
    case tlsRefused(words: [UInt8])
    /// A challenge, decoded; answer with a response or cancel. `nil` when it was not base64.
    case challenge([UInt8]?)
    /// The server is ready for the rest of a command.
    case proceed
    /// The login command sent last is accepted; with SASL, the whole login is.
    case accepted
    case refused(LoginRefusal)
}

/// What a session that begins sends.
public enum SessionCommand: Sendable, Hashable {
    case startTLS
    case authenticate(mechanism: String, initialResponse: [UInt8]?)
    /// The answer to a challenge, not yet in base64.
    case response([UInt8])
    /// Gives the SASL exchange up: `*`.
    case cancel
    /// The answer to ``SessionEvent/proceed``.
    case proceed
}

/// A client's engine of a protocol with STARTTLS and a login: its SASL profile (RFC 4422 §4) and what stands around it.
public protocol SessionEngine: ClientEngine {
    /// What the server offers; `nil` where it was not asked since TLS or the login, or cannot tell.
    var offers: SessionOffers? { get }

    /// TLS is established: what was received in clear text no longer counts.
    mutating func tlsEstablished()

    /// What `event` means to a session that begins; `nil` when it means nothing to it.
    static func meaning(of event: Event) -> SessionEvent?
    static func command(_ step: SessionCommand) -> Command
    /// The protocol's own login, for servers without a mechanism that we speak: its commands, each to be accepted
    /// before the next. `nil` where it has none.
    static var ownLogin: ((_ user: String, _ password: String) -> [Command])? { get }
    /// The protocol's own login by a digest of ``stamp`` and the password (APOP, RFC 1939 §7); `nil` where it has none.
    static var digestLogin: ((_ user: String, _ digest: String) -> Command)? { get }
    /// What the server's greeting gives for ``digestLogin``, different in each session; `nil` when it gives nothing.
    var stamp: [UInt8]? { get }
}

extension SessionEngine {
    public static var digestLogin: ((_ user: String, _ digest: String) -> Command)? { nil }
    public var stamp: [UInt8]? { nil }
}
