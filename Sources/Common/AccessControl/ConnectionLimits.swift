// How many connections at once: in all, and from one address.

import InternetAddress

/// Counts open connections of a listener.
public struct ConnectionLimits: Sendable {
    public enum Decision: Sendable, Hashable {
        case allowed
        case tooManyInAll(limit: Int)
        case tooManyFromAddress(limit: Int)
    }

    private let total: Int
    private let perAddress: Int
    private var counts: [Network: Int] = [:]
    /// Connections open now.
    public private(set) var count = 0

    /// - Parameter perAddress: connections of one IPv4 address or one IPv6 /64.
    public init(total: Int, perAddress: Int) {
        self.total = total
        self.perAddress = perAddress
    }

    /// The connections that each listener may have when all of them together may have `room`: what it wants, or of that
    /// the same fraction for each, one at least.
    public static func fitted(_ wanted: [Int], into room: Int) -> [Int] {
        let all = wanted.reduce(0.0) { $0 + Double($1) }
        guard all > Double(room) else { return wanted }
        return wanted.map { min($0, max(1, Int(Double($0) / all * Double(room)))) }
    }

    /// Counts a connection in, if it is allowed. Each one allowed must be passed to ``closed(_:)`` once.
    public mutating func opened(_ address: IPAddress) -> Decision {
        let network = Network(home: address)
        guard count < total else { return .tooManyInAll(limit: total) }
        guard counts[network, default: 0] < perAddress else { return .tooManyFromAddress(limit: perAddress) }
        counts[network, default: 0] += 1
        count += 1
        return .allowed
    }

    /// Counts a connection out.
    public mutating func closed(_ address: IPAddress) {
        let network = Network(home: address)
        guard let open = counts[network] else { return }
        counts[network] = open > 1 ? open - 1 : nil
        count -= 1
    }
}
