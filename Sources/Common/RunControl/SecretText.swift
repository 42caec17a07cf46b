// A password as the rc says it, or says where to find it: no log line, error or dump shows it.

/// Text that must stay unseen: every textual form of it is `********`.
public struct SecretText: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is printed in its place.
    public static let mask = "********"
    /// The text itself: for the wire, for verifiers, for a child's settings.
    public let revealed: String

    public init(_ text: String) { revealed = text }

    public var description: String { Self.mask }
    public var debugDescription: String { Self.mask }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where an account's password comes from.
public enum SecretSource: Sendable, Hashable {
    case none
    /// `password`: it stands in the rc.
    case text(SecretText)
    /// `passwordfile`: the first line of this file, without its line end. The path is absolute.
    case file(String)
    /// `passwordeval`: the first line that this command writes. No shell takes part.
    case command([String])
}

/// What a mailbox keeps to know its password by.
public enum MailboxVerifier: Sendable, Hashable {
    /// Nobody can log in.
    case none
    case password(SecretText)
    /// The first line of this file is the password, or what `mhserve passwd` made. The path is absolute.
    case passwordFile(String)
    /// What `mhserve passwd` made.
    case passwordHash(SecretText)
}

extension SecretSource {
    var text: SecretText? { if case .text(let secret) = self { secret } else { nil } }
    var file: String? { if case .file(let path) = self { path } else { nil } }
    var command: [String]? { if case .command(let words) = self { words } else { nil } }
}

extension MailboxVerifier {
    var password: SecretText? { if case .password(let secret) = self { secret } else { nil } }
    var passwordFile: String? { if case .passwordFile(let path) = self { path } else { nil } }
    var passwordHash: SecretText? { if case .passwordHash(let secret) = self { secret } else { nil } }
}
