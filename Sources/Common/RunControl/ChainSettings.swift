// The settings of a chain.

import InternetAddress

/// The block `chain NAME`: a network path, which a later release connects over.
public struct ChainSettings: Sendable, Hashable {
    /// `hop KIND ARGUMENTS…`
    public struct Hop: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable, CaseIterable {
            case wireguard, ssh, socks5, socks4, socks4a, http, https, proxies, command, device
        }

        public var kind: Kind
        public var arguments: [String]

        public init(kind: Kind, arguments: [String]) {
            self.kind = kind
            self.arguments = arguments
        }
    }

    /// `forbid KIND NAMES…`
    public struct Forbidden: Sendable, Hashable {
        public enum Kind: String, Sendable, Hashable, CaseIterable { case net, country, address }

        public var kind: Kind
        public var names: [String]

        public init(kind: Kind, names: [String]) {
            self.kind = kind
            self.names = names
        }
    }

    public var name: String
    @Setting public var hops: [Hop] = []
    @Setting public var resolver: IPAddress? = nil
    @Setting public var forbidden: [Forbidden] = []
    @Setting public var forbidsUnknown = false
    @Setting public var test: [String] = []
    public var position: SourcePosition
    public var positions = SourcePositions()

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }
}
