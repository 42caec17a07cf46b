// The line to an account's server: dialled the account's way, secured as its block demands.

import Blocking
import InternetAddress
import RunControl
import Transport

/// Opens connections for accounts.
public enum AccountLine {
    /// Dials the server; TLS stands already when the service begins with it.
    public static func open(
        _ account: AccountSettings, host: String, port: Int, hasImplicitTLS: Bool
    ) throws -> Wire {
        try Paths(HubSettings()).path(of: account, host: host, port: port, beginsWithTLS: hasImplicitTLS).open()
    }

    /// Starts TLS on `wire`: behind the server's consent to STARTTLS or STLS.
    public static func secure(_ wire: Wire, for account: AccountSettings, host: String) throws {
        try wire.startTLS(until: Deadline(after: account.timeout))
    }
}
