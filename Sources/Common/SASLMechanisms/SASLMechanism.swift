// The names of SASL mechanisms, and which to take when several are offered.

import Octets

/// A SASL mechanism (RFC 4422) that both our client and our server speak.
public enum SASLMechanism: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// RFC 4616: everything in one response.
    case plain = "PLAIN"
    /// User and password, each on a prompt. Never standardised (draft-murchison-sasl-login), yet all that some servers
    /// have.
    case login = "LOGIN"

    /// - Parameter name: as it stands on the wire, in any case.
    /// - Returns: `nil` for a mechanism we do not speak.
    public init?(name: some Collection<UInt8>) {
        guard name.count <= 20 else { return nil }  // RFC 4422 §3.1
        let upper = String(decoding: name.map(Octet.uppercased), as: UTF8.self)
        self.init(rawValue: upper)
    }

    /// As it stands on the wire.
    public var description: String { rawValue }

    /// More is better. Of two that show the password, the one with fewer round trips.
    public var strength: Int {
        switch self {
        case .plain: 20
        case .login: 10
        }
    }

    /// Whether the server gets to see the password itself: such a mechanism is for TLS only.
    public var showsPassword: Bool {
        switch self {
        case .plain, .login: true
        }
    }

    /// The strongest of the server's mechanisms that `allowed` lets through.
    /// - Parameter offered: names as they stand on the wire, in any case; unknown ones do not count.
    public static func choose(
        offered: [String], allowed: Set<SASLMechanism> = Set(SASLMechanism.allCases)
    ) -> SASLMechanism? {
        offered.compactMap { SASLMechanism(name: Array($0.utf8)) }.filter(allowed.contains)
            .max { $0.strength < $1.strength }
    }
}
