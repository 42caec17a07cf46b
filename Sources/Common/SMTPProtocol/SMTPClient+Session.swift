// How an SMTP session begins, in the vocabulary that all protocols share (RFC 3207, RFC 4954).

import Octets

extension SMTPClient: SessionEngine {
    /// `nil` before EHLO, and for a server that knows only HELO.
    public var offers: SessionOffers? {
        guard areOffersTold else { return nil }
        return SessionOffers(hasStartTLS: capabilities.startTLS, mechanisms: capabilities.mechanisms)
    }

    public static func meaning(of event: Event) -> SessionEvent? {
        switch event {
        case .greeting(let reply): reply.isPositive ? .greeted : .farewell(words: words(of: reply))
        case .hello: .offered
        case .helloUnknown: .offersUnknown
        case .helloRefused(let reply), .closing(let reply): .farewell(words: words(of: reply))
        case .startTLSReady: .tlsReady
        case .startTLSRefused(let reply): .tlsRefused(words: words(of: reply))
        case .challenge(let octets): .challenge(octets)
        case .initialResponseWanted: .proceed
        case .authenticated: .accepted
        case .authenticationRefused(let reply): .refused(refusal(reply))
        case .impossible, .mail, .rcpt, .dataRefused, .contentBegin, .emptied, .verdict, .transactionEnd,
            .rset, .noop, .quit:
            nil
        }
    }

    /// RFC 4954 §6: 504 mechanism unknown, 534 too weak, 538 needs TLS; 535 credentials; 454 and 4yz the server's.
    private static func refusal(_ reply: SMTPReply) -> LoginRefusal {
        let words = words(of: reply)
        switch reply.code {
        case 504, 534, 538: return LoginRefusal(.mechanism, words: words)
        case 400...499: return LoginRefusal(.server, isTemporary: true, words: words)
        default: return LoginRefusal(.credentials, words: words)
        }
    }

    private static func words(of reply: SMTPReply) -> [UInt8] { Array(reply.description.utf8) }

    public static func command(_ step: SessionCommand) -> Command {
        switch step {
        case .startTLS: .startTLS
        case .authenticate(let mechanism, let initialResponse):
            .auth(mechanism: mechanism, initialResponse: initialResponse)
        case .response(let octets): .saslResponse(octets)
        case .cancel: .saslCancel
        case .proceed: .proceed
        }
    }

    public static var ownLogin: ((_ user: String, _ password: String) -> [Command])? { nil }
}
