// A listener: an address mhserve answers on, with protocol and access rules.

import Credentials
import InternetAddress

/// The line or block `listen SERVICE ADDRESS[:PORT]`.
public struct ListenerSettings: Sendable, Hashable, CustomStringConvertible {
    public enum Service: String, Sendable, Hashable, CaseIterable {
        /// Mail from outside, with STARTTLS.
        case smtp
        /// Mail from those who log in, with STARTTLS.
        case submission
        /// The same with TLS from the first octet.
        case submissions
        case pop3
        case pop3s

        public var defaultPort: Int {
            switch self {
            case .smtp: 25
            case .submission: 587
            case .submissions: 465
            case .pop3: 110
            case .pop3s: 995
            }
        }
        public var hasImplicitTLS: Bool { self == .submissions || self == .pop3s }
        public var isPOP3: Bool { self == .pop3 || self == .pop3s }
    }

    public var service: Service
    /// `nil` for `*`, all of IPv4; `::` answers IPv4 too.
    public var address: IPAddress?
    /// 0: the system chooses (for tests).
    public var port: Int
    /// `deny` beats `allow`; an empty `allow` allows all.
    @Setting public var allow: [Network] = []
    @Setting public var deny: [Network] = []
    /// The listener's own, else the hub's.
    @Setting public var certificate: CertificatePair? = nil
    /// The most connections at once, in all and from one client address: the listener's own, else the hub's.
    @Setting public var maxConnections = 500
    @Setting public var maxConnectionsPerAddress = 20
    public var position: SourcePosition
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var blockLists: [String] = []
    @Setting public var via: String? = nil

    public init(service: Service, address: IPAddress?, port: Int, position: SourcePosition) {
        self.service = service
        self.address = address
        self.port = port
        self.position = position
    }

    /// `submission [::]:587`, as the rc says it.
    public var description: String {
        "\(service.rawValue) \(hostAndPort)"
    }

    /// What it binds, as the rc says it.
    public var hostAndPort: HostAndPort { HostAndPort(host: address.map { "\($0)" } ?? "*", port: port) }
}
