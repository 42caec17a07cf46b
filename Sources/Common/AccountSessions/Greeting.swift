// The wait for a server's first words: where they cannot come, it is short, and the fault says why.

import RunControl
import Transport

/// What to do about a server that keeps silent.
enum Greeting {
    /// At a port that begins with TLS nobody greets a client that does not: ten seconds tell.
    static let shortPatience = Duration.seconds(10)

    /// How long to wait for the first words of `server`.
    static func patience(for server: AccountServer, timeout: Duration) -> Duration {
        server.portFault == nil ? timeout : min(timeout, shortPatience)
    }

    /// What to tell of a wait for the first words that ended in `error`.
    static func explained(_ error: TransportError, from server: AccountServer) -> AccountError {
        guard case .timedOut = error, !server.hasImplicitTLS else { return .transport(error) }
        return .silent(server)
    }
}
