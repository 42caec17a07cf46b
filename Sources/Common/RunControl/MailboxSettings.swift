// A mailbox: a person or a role at this hub.

import MailFormat
import MailRouting

/// The block `mailbox NAME`.
public struct MailboxSettings: Sendable, Hashable {
    /// Letters, digits, `.`, `_` and `-`; safe as the name of a folder, and a login.
    public var name: String
    /// Addresses and globs; every one has a domain.
    @Setting public var addresses: [AddressPattern] = []
    /// The name of the Unix user who is this person.
    @Setting public var unixUser: String? = nil
    @Setting public var verifier = MailboxVerifier.none
    /// The Maildir, absolute.
    @Setting public var maildir = ""
    /// The folders that POP3 shows.
    @Setting public var show = ["INBOX"]
    /// Where its mail goes besides.
    @Setting public var forward: [Address] = []
    public var position: SourcePosition
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var pgp: [[String]] = []

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }

    /// The addresses that a person may log in with besides the name: all that are no globs.
    public var loginAddresses: [String] { addresses.compactMap { $0.address?.description } }
}
