// The line to an account's server: dialled the account's way, secured as its block demands.

import Blocking
import Reporting
import RunControl
import TLSEngine
import Transport

/// Opens connections for accounts. The one place that knows how an account's words become a connection.
public enum AccountLine {
    /// Dials the server; TLS stands already when the service begins with it.
    /// - Parameter hasImplicitTLS: whether TLS comes before the first word (RFC 8314 §3).
    /// - Throws: `TransportError`, `TLSError`.
    public static func open(
        _ account: AccountSettings, host: String, port: Int, hasImplicitTLS: Bool
    ) throws -> Wire {
        let deadline = Deadline(after: account.timeout)
        let path = DirectPath(inet: account.inet, sourceAddress: account.sourceAddress)
        let wire = try path.dial(host: host, port: UInt16(clamping: port), until: deadline)
        if hasImplicitTLS { try secure(wire, for: account, host: host) }
        return wire
    }

    /// Starts TLS on `wire`: behind the server's consent to STARTTLS or STLS.
    public static func secure(_ wire: Wire, for account: AccountSettings, host: String) throws {
        try wire.startTLS(
            TLSDemand(context: TLSContext.client(trust: trust(of: account)), name: account.hostOverride ?? host),
            until: Deadline(after: account.timeout))
    }

    static func trust(of account: AccountSettings) -> TLSTrust {
        if !account.fingerprints.isEmpty { return .fingerprints(account.fingerprints) }
        return account.trustFile.map { .file($0) } ?? .system
    }
}
