// The names of the SASL mechanisms of our server.

import Octets

/// A SASL mechanism (RFC 4422) that our server speaks.
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
}
