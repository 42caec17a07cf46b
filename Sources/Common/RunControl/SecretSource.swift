// Where passwords come from: the rc itself, or what it names.

import Credentials

/// Where an account's password or access token comes from.
public enum SecretSource: Sendable, Hashable {
    case none
    /// `password`: it stands in the rc.
    case text(Secret)
    /// `passwordfile`: the first line of this file, without its line end. The path is absolute.
    case file(String)
    /// `passwordeval`: the first line that this command writes. No shell takes part.
    case command([String])
    /// `tokeneval`: the same, and what it writes is an access token of OAuth 2.0.
    case token([String])
}

/// What the password of a mailbox is verified by.
public enum MailboxVerifier: Sendable, Hashable {
    /// Nobody can log in.
    case none
    case password(Secret)
    /// The first line of this file is the password, or what `mhserve passwd` made. The path is absolute.
    case passwordFile(String)
    /// What `mhserve passwd` made.
    case passwordHash(Secret)
}

extension SecretSource {
    var text: Secret? { if case .text(let secret) = self { secret } else { nil } }
    var file: String? { if case .file(let path) = self { path } else { nil } }
    var command: [String]? { if case .command(let words) = self { words } else { nil } }
    var token: [String]? { if case .token(let words) = self { words } else { nil } }
}

extension MailboxVerifier {
    var password: Secret? { if case .password(let secret) = self { secret } else { nil } }
    var passwordFile: String? { if case .passwordFile(let path) = self { path } else { nil } }
    var passwordHash: Secret? { if case .passwordHash(let secret) = self { secret } else { nil } }
}
