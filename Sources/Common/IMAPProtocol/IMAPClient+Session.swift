// How an IMAP session begins, in the vocabulary that all protocols share (RFC 3501 §6.1-6.2, RFC 5530).

import Octets

extension IMAPClient: SessionEngine {
    public var offers: SessionOffers? {
        capabilities.map { SessionOffers(hasStartTLS: $0.has("STARTTLS"), mechanisms: $0.mechanisms) }
    }

    public static func meaning(of event: Event) -> SessionEvent? {
        switch event {
        case .greeting: .greeted
        case .preauthenticated: .preauthenticated
        case .bye(let status): .farewell(words: status.text)
        case .startTLSReady: .tlsReady
        case .challenge(let octets): .challenge(octets)
        case .proceed: .proceed
        case .done(.capability, let status): status.condition == .ok ? .offered : .offersUnknown
        case .done(.startTLS, let status): .tlsRefused(words: status.text)
        case .done(.login, let status), .done(.authenticate, let status):
            status.condition == .ok ? .accepted : .refused(refusal(status))
        case .capabilities, .compressionReady, .idling, .mailbox, .selected, .exists, .expunged, .searchResult,
            .contentBegin, .content,
            .fetched, .notice, .done:
            nil
        }
    }

    private static func refusal(_ status: IMAPStatus) -> LoginRefusal {
        switch status.code {
        case .unavailable, .inUse, .limit, .serverBug: LoginRefusal(.server, isTemporary: true, words: status.text)
        case .contactAdmin: LoginRefusal(.server, words: status.text)
        case .privacyRequired: LoginRefusal(.mechanism, words: status.text)
        default: LoginRefusal(.credentials, words: status.text)
        }
    }

    public static func command(_ step: SessionCommand) -> IMAPCommand {
        switch step {
        case .startTLS: .startTLS
        case .authenticate(let mechanism, let initialResponse):
            .authenticate(mechanism: mechanism, initialResponse: initialResponse)
        case .response(let octets): .saslResponse(octets)
        case .cancel: .saslCancel
        case .proceed: .proceed
        }
    }

    /// RFC 3501 §6.2.3.
    public static var ownLogin: ((_ user: String, _ password: String) -> [IMAPCommand])? {
        { [.login(user: $0, password: $1)] }
    }
}
