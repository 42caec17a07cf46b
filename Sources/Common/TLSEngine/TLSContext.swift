// Whom a client trusts, what a server shows: the settings that many connections share.

internal import COpenSSL
import Credentials
import Reporting
import Synchronization

/// How a client decides whether it speaks to the right server.
public enum TLSTrust: Sendable, Hashable {
    /// The system's authorities (OpenSSL's default paths), and the name must match.
    case system
    /// The authorities, or the server's own certificate, in this PEM file, and the name must match.
    case file(String)
    /// The server's certificate, or its key, has one of these digests; authority, name and dates do not matter then.
    case pins([CertificatePin])
    /// Anybody may be the server: it keeps out who only listens, and nobody who stands between (RFC 7435). For connections
    /// that would else be in clear, and for no other.
    case unproved
}

/// What a client asks of TLS.
public struct TLSClientSettings: Sendable, Hashable {
    public var trust: TLSTrust
    /// What the client shows to a server that asks.
    public var certificate: CertificatePair?
    public var leastVersion = TLSVersion.v12
    /// OpenSSL's names of cipher suites, in their order: those of TLS 1.3 (`TLS_…`) count there, all others with TLS
    /// 1.2. Without any for a version, OpenSSL's own count.
    public var ciphers: [String] = []

    public init(trust: TLSTrust = .system) { self.trust = trust }
}

/// What is wrong with a server's certificate files, though they can be used.
public enum TLSWarning: Sendable, Hashable, CustomStringConvertible {
    /// Seconds since 1970.
    case expired(path: String, until: Int)
    case notYetValid(path: String, from: Int)
    case keyReadableByOthers(path: String)

    public var description: String {
        switch self {
        case .expired(let path, _): "\(printable(path)): the certificate has expired; renew it"
        case .notYetValid(let path, _): "\(printable(path)): the certificate is not valid yet; look at the clock"
        case .keyReadableByOthers(let path):
            "\(printable(path)): holds a private key, yet others may read it; run: chmod 600 \(printable(path))"
        }
    }
}

/// The TLS settings of many connections, for one role. Never changes: a reload makes a new one.
///
/// TLS 1.2 at least, no compression, no renegotiation, the peer of a client always verified, unless its trust is
/// ``TLSTrust/unproved``.
public final class TLSContext: Sendable {
    enum Role: Sendable {
        case client(TLSClientSettings)
        case server(SNITable)
    }

    let role: Role
    /// What is wrong with the files, for the log.
    public let warnings: [TLSWarning]
    private let made: Mutex<ContextHandle?>

    private init(role: Role, warnings: [TLSWarning], made: ContextHandle?) {
        self.role = role
        self.warnings = warnings
        self.made = Mutex(made)
    }

    /// The settings of a client. Costs nothing until the first connection; call ``check()`` to hear of a bad file now.
    public static func client(_ settings: TLSClientSettings) -> TLSContext {
        TLSContext(role: .client(settings), warnings: [], made: nil)
    }

    /// The same with nothing particular but `trust`.
    public static func client(trust: TLSTrust = .system) -> TLSContext { client(TLSClientSettings(trust: trust)) }

    /// The settings of a server that shows the certificate whose names fit the client's SNI (exactly, or by `*.`), and
    /// the first one otherwise.
    /// - Parameter protocols: what is spoken, by its ALPN names (RFC 7301): a client that offers only others is
    ///   refused, so that nobody leads a browser here; one that offers none is served. Without any, ALPN is not looked
    ///   at.
    /// - Throws: ``TLSError`` for a file that cannot be used, or when there is none.
    public static func server(
        certificates: [CertificatePair], protocols: [String] = []
    ) throws(TLSError) -> TLSContext {
        let table = SNITable()
        let spoken = SpokenProtocols(protocols)
        var warnings: [TLSWarning] = []
        var first: ContextHandle?
        for files in certificates {
            let handle = try ContextHandle(showing: files, speaking: spoken)
            table.add(handle)
            warnings += handle.warnings
            if first == nil { first = handle }
        }
        guard let first else { throw .noCertificate }
        first.chooseCertificates(from: table)
        return TLSContext(role: .server(table), warnings: warnings, made: first)
    }

    /// Makes now what the first connection would make.
    /// - Returns: what is wrong with the files all the same.
    /// - Throws: ``TLSError`` for a file or a cipher that cannot be used, ``TLSError/library(doing:reason:)`` when
    ///   OpenSSL fails.
    @discardableResult
    public func check() throws(TLSError) -> [TLSWarning] { try handle().warnings }

    func handle() throws(TLSError) -> ContextHandle {
        try made.withLock { made throws(TLSError) in
            if let made { return made }
            guard case .client(let settings) = role else { throw .noCertificate }
            let handle = try ContextHandle(asking: settings)
            made = handle
            return handle
        }
    }
}
