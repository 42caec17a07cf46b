// Why there is no session with an account's server, or no more of it, said for the person who must act.

import LoginLedger
import Octets
import Programs
import Reporting
import RunControl
import Transport

/// What keeps an account from its server.
public enum AccountError: Complaint {
    case noUser(account: String, position: SourcePosition)
    /// A login or password that no mechanism can carry.
    case unusable(account: String, reason: String)
    case passwordNotText(account: String)
    /// What `tokeneval` writes is no access token.
    case badToken(account: String)
    /// Connected, and no word came.
    case silent(AccountServer)
    /// The server knows none of what TLS and logins need.
    case noExtensions(host: String)
    /// `words` are the server's, if it said any.
    case noTLS(host: String, words: String)
    case loginInClear(host: String)
    case noMechanism(account: String, offered: [String])
    /// - Parameter mechanism: `nil` for a login of the protocol's own.
    case loginRefused(user: String, host: String, mechanism: String?, LoginRefusal)
    /// The server offers only a weaker login than before, and TLS does not say that it is the server's doing.
    case weakerOffer(host: String, mechanism: String, strongest: String)
    /// The login is not tried at this time.
    case records(LoginRecordError)
    /// Who says that the login has succeeded did not prove that it knows the password.
    case serverUnproven(host: String, mechanism: String)
    case refused(command: String, host: String, words: String)
    case farewell(host: String, words: String)
    case protocolBroken(host: String, what: String)
    /// The rc gives no way to the server.
    case path(PathError)
    case transport(TransportError)
    /// What an engine said of words of the server, which repeated our secret; a mark stands in its place.
    case masked(words: String, ExitStatus)
    /// The secret could not be read.
    case secret(ProgramError)
    /// The engine gave up on what the server sent.
    case engine(any Complaint)
    /// None of several servers will do, each for a reason of its own.
    indirect case severalServers([AccountError])

    /// What the server said against the user, the password or the token; `nil` for any other error. Foreign text.
    var refusalOfCredentials: String? {
        switch self {
        case .loginRefused(_, _, _, let refusal) where refusal.cause == .credentials && !refusal.isTemporary:
            String(decoding: refusal.words.prefix(200), as: UTF8.self)
        case .secret(.grantRefused(_, let said)): said
        default: nil
        }
    }

    /// Whether another server of the account may do what this one did not: nothing was said of user or password.
    public var concernsServerAlone: Bool {
        switch self {
        case .silent, .noExtensions, .noTLS, .refused, .farewell, .protocolBroken, .engine, .severalServers: true
        case .transport(let error): if case .stopped = error { false } else { true }
        case .noUser, .unusable, .passwordNotText, .badToken, .loginInClear, .noMechanism, .loginRefused, .weakerOffer,
            .records, .serverUnproven, .path, .masked, .secret:
            false
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .noUser, .unusable, .passwordNotText, .badToken: .configuration
        case .noMechanism, .noTLS, .loginInClear: .noPermission
        case .silent(let server): server.portFault == nil ? .temporaryFailure : .configuration
        case .noExtensions: .unavailable
        case .loginRefused(_, _, _, let refusal): refusal.isTemporary ? .temporaryFailure : .noPermission
        case .refused, .farewell: .temporaryFailure
        case .serverUnproven, .weakerOffer: .noPermission
        case .records(let error): error.exitStatus
        case .protocolBroken: .protocolError
        case .path(let error): error.exitStatus
        case .transport(let error): error.exitStatus
        case .secret(let error): error.exitStatus
        case .engine(let error): error.exitStatus
        case .severalServers(let errors): errors.first?.exitStatus ?? .unavailable
        case .masked(_, let status): status
        }
    }

    public var description: String {
        switch self {
        case .noUser(let account, let position):
            "\(position): account \(account) has a password and no `user` and no `address`"
        case .unusable(let account, let reason): "account \(account): the rc gives \(reason); mend it"
        case .passwordNotText(let account):
            "the password of account \(account) is no UTF-8, and the server takes no other login than one as text"
        case .badToken(let account):
            "account \(account): the first line that `tokeneval` writes is no access token: it is too long, or has blanks "
                + "or other characters that no token has (RFC 6750)"
        case .silent(let server):
            "\(server.place): took the connection and says nothing; \(server.silenceAdvice)"
        case .noExtensions(let host): "\(host) knows no EHLO, so neither TLS nor a login is to be had"
        case .noTLS(let host, let words):
            "\(host) offers no TLS, and the account demands it\(words.isEmpty ? "" : " (it says: \(words))"); check the "
                + "port, or use the service with TLS from the start"
        case .loginInClear(let host): "\(host): a password is never sent without TLS; take `tls off` out of the account"
        case .noMechanism(let account, let offered):
            "account \(account): the server offers none of the logins that may be used (it offers "
                + "\(offered.isEmpty ? "none" : printable(offered.joined(separator: " ")))); see `auth` in mailhubrc(5)"
        case .loginRefused(let user, let host, let mechanism, let refusal):
            "\(host) refused the login of \(printable(user)): \(printable(octets: refusal.words, limit: 200)); "
                + (refusal.isTemporary
                    ? "it is tried again later" : Self.advice(mechanism))
        case .weakerOffer(let host, let mechanism, let strongest):
            "\(host) offers \(mechanism) at best, and had \(strongest) before; without TLS it may be somebody in between "
                + "who wants the password: ask its operator, then say which with `auth`"
        case .records(let error): "\(error)"
        case .serverUnproven(let host, let mechanism):
            "\(host) did not prove by \(mechanism) that it knows the password: it may be somebody else; stopped"
        case .refused(let command, let host, let words): "\(host) refused \(command): \(words)"
        case .farewell(let host, let words): "\(host) ended the session: \(words); it is tried again later"
        case .protocolBroken(let host, let what): "\(host): the server gave \(what)"
        case .path(let error): "\(error)"
        case .transport(let error): "\(error)"
        case .secret(let error): "\(error)"
        case .engine(let error): "\(error)"
        case .severalServers(let errors): errors.map { sentence($0) }.joined(separator: "; ")
        case .masked(let words, _): words
        }
    }

    /// What a person may do about a refused login. A server that is wrong about a mechanism it offers is helped by `auth
    /// plain`, yet not unasked: whoever refuses the better one, to be shown the password, need not be the server.
    private static func advice(_ mechanism: String?) -> String {
        switch mechanism {
        case nil, "PLAIN", "LOGIN": "check user and password"
        case "OAUTHBEARER", "XOAUTH2":
            "check `user` and the token that `tokeneval` writes: whose it is, what it is good for, whether it has ended"
        case "EXTERNAL": "check that the server knows the certificate in `tls_cert_file`, and `user`"
        case let name? where name.hasSuffix("-PLUS"):
            "check user and password; if they are right, the server may not know how to tie a login to this TLS connection, "
                + "and `auth \(name.dropLast(5).lowercased())` does without that"
        case let name?:
            "check user and password; if they are right, the server may be wrong about \(name), and `auth plain` does "
                + "without it"
        }
    }
}
