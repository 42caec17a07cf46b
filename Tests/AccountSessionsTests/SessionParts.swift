// What the tests of whole sessions share: a server that turns to TLS when asked, and looks into errors.

import Blocking
import Credentials
import MailTestKit
import Octets
import TLSEngine

@testable import AccountSessions
@testable import Transport

/// A server that begins in clear text and has a certificate for when it is asked for TLS.
/// - Parameters:
///   - scratch: where the certificate is; it must outlive the session.
///   - trusted: whether the client trusts that certificate, or another one.
func securePlay(
    _ scratch: ScratchDirectory, trusted: Bool = true,
    _ play: @escaping @Sendable (Voice, TLSContext) throws -> Void
) throws -> PlayedServer {
    let shown = try TestCertificate(in: scratch, name: "shown")
    let known = trusted ? shown : try TestCertificate(in: scratch, name: "known")
    let context = try TLSContext.server(certificates: [
        CertificatePair(certificate: shown.certificatePath, key: shown.keyPath)
    ])
    let played = try PlayedServer { voice in try play(voice, context) }
    played.wire.demand = TLSDemand(context: .client(trust: .file(known.certificatePath)), name: "localhost")
    return played
}

extension Voice {
    /// Begins TLS, to which the server has just consented.
    func startTLS(_ context: TLSContext) throws {
        try wire.acceptTLS(context: context, until: Deadline(after: .seconds(20)))
    }
}

/// The account's error that `body` throws; `nil` when it throws none, or another one.
func accountError(_ body: () throws -> Void) -> AccountError? {
    do {
        try body()
        return nil
    } catch {
        return error as? AccountError
    }
}

extension AccountError {
    /// The server's words, where it ended the session.
    var farewellWords: String? { if case .farewell(_, let words) = self { words } else { nil } }
    /// Why the login was refused, if it was.
    var refusal: LoginRefusal? { if case .loginRefused(_, _, _, let refusal) = self { refusal } else { nil } }
    /// The error of the wire that it passes on.
    var transportError: TransportError? { if case .transport(let error) = self { error } else { nil } }
    /// The error of the engine that it passes on.
    var engineError: (any Error)? { if case .engine(let error) = self { error } else { nil } }
    /// Whether the server was waited for in vain, once it had greeted.
    var isTimeout: Bool { if case .timedOut? = transportError { true } else { false } }
}
