// How a POP3 session begins, in the vocabulary that all protocols share (RFC 2449, RFC 2595, RFC 5034).

import Octets

extension POP3Client: SessionEngine {
    /// RFC 2595 §4 wants STLS listed; some servers have it unlisted, so it is asked for all the same.
    public var offers: SessionOffers? {
        capabilities.map { SessionOffers(hasStartTLS: true, mechanisms: $0.mechanisms) }
    }

    public static func meaning(of event: Event) -> SessionEvent? {
        switch event {
        case .greeting: .greeted
        case .capabilities: .offered
        case .startTLSReady: .tlsReady
        case .challenge(let octets): .challenge(octets)
        case .proceed: .proceed
        case .ok(.user, _), .ok(.pass, _), .ok(.apop, _), .ok(.auth, _): .accepted
        case .err(.greeting, _, let text): .farewell(words: text)
        case .err(.capa, _, _): .offersUnknown
        case .err(.stls, _, let text): .tlsRefused(words: text)
        case .err(.user, let code, let text), .err(.pass, let code, let text), .err(.apop, let code, let text),
            .err(.auth, let code, let text):
            .refused(refusal(code, text))
        case .ok, .err, .stat, .size, .listEnd, .uniqueID, .uniqueIDs, .uidlEnd, .contentBegin, .content, .contentEnd:
            nil
        }
    }

    private static func refusal(_ code: POP3ResponseCode?, _ text: [UInt8]) -> LoginRefusal {
        switch code {
        case .inUse, .loginDelay, .sysTemp: LoginRefusal(.server, isTemporary: true, words: text)
        case .sysPerm: LoginRefusal(.server, words: text)
        case nil where tellsOfLock(text): LoginRefusal(.server, isTemporary: true, words: text)
        case .auth, .utf8, .other, nil: LoginRefusal(.credentials, words: text)
        }
    }

    /// Whether the words are those of RFC 1939 §4 and §7 for a maildrop that another session holds: servers without
    /// response codes tell it by their text alone, and the password was right. A lock of anything else, as of the user's
    /// account, is no such thing.
    private static func tellsOfLock(_ text: [UInt8]) -> Bool {
        let words = String(decoding: text.map(Octet.lowercased), as: UTF8.self)
        let others = [
            "account", "abus", "attempt", "auth", "credential", "denied", "disabled", "expire", "fail", "incorrect",
            "invalid", "login", "password", "secret", "suspend", "too many", "user", "wrong",
        ]
        return words.split { !$0.isLetter }.contains { ["lock", "locked", "locking"].contains($0) }
            && ["maildrop", "mailbox", "mail drop", "lock busy"].contains { words.contains($0) }
            && !others.contains { words.contains($0) }
    }

    public static func command(_ step: SessionCommand) -> POP3Command {
        switch step {
        case .startTLS: .stls
        case .authenticate(let mechanism, let initialResponse):
            .auth(mechanism: mechanism, initialResponse: initialResponse)
        case .response(let octets): .saslResponse(octets)
        case .cancel: .saslCancel
        case .proceed: .proceed
        }
    }

    /// APOP (RFC 1939 §7).
    public static var digestLogin: ((_ user: String, _ digest: String) -> POP3Command)? {
        { .apop(user: $0, digest: $1) }
    }

    /// RFC 1939 §7.
    public static var ownLogin: ((_ user: String, _ password: String) -> [POP3Command])? { { [.user($0), .pass($1)] } }
}
