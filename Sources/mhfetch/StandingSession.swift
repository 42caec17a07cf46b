// The IMAP session of an account that outlives its runs.

import AccountSessions
import Blocking
import Reporting
import RunControl

/// A session that is opened by the run that needs one, and stands until it is closed. Used by one thread.
final class StandingSession {
    private let account: AccountSettings
    private let paths: Paths
    private let seat: Seat
    /// Is told what went wrong behind a session.
    private let complain: (any Error) -> Void
    private(set) var session: IMAPSession?
    /// Since when it stands.
    private(set) var since = Deadline.now

    init(of account: AccountSettings, over paths: Paths, on seat: Seat, complain: @escaping (any Error) -> Void) {
        (self.account, self.paths, self.seat, self.complain) = (account, paths, seat, complain)
    }

    /// The session that stands, or a new one.
    /// - Throws: what keeps the account from its server; ``FetchError/command(_:_:)``.
    func open(at server: AccountServer) throws -> IMAPSession {
        if let session {
            // It is each piece of work that must end, not the whole.
            session.exchange.wire.sessionLimit = Deadline(after: AccountRun.sessionLimit)
            return session
        }
        let commands = ConnectionCommands(account: account)
        try commands.before()
        do {
            let made = try seat.dial {
                try IMAPSession.open(account, at: server, over: paths, within: AccountRun.sessionLimit)
            }
            (session, since) = (made, .now)
            return made
        } catch {
            do throws(FetchError) { try commands.after() } catch { complain(error) }
            throw error
        }
    }

    /// Closes the session, if one stands.
    /// - Parameter isBroken: whether the server is not told, as it does not listen, or has no time to.
    func close(isBroken: Bool) {
        guard let standing = session else { return }
        session = nil
        if !isBroken {
            standing.exchange.wire.sessionLimit = Deadline(after: Self.farewellLimit)
            // All is done: a server that does not take leave changes nothing.
            do throws(AccountError) { try standing.logOut() } catch { complain(error) }
        }
        standing.exchange.wire.close()
        do throws(FetchError) { try ConnectionCommands(account: account).after() } catch { complain(error) }
    }

    private static let farewellLimit = Duration.seconds(5)
}
