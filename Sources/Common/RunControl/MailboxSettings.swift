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
    /// Where its mail goes; ``DeliveryPlace/append(account:folder:)`` is none for a mailbox.
    @Setting public var delivery = DeliveryPlace.maildir
    /// The folder that keeps a copy of what the mailbox submits; `nil` for none.
    @Setting public var sentFolder: String? = nil
    /// How long messages stay in folders.
    @Setting public var expiry: [FolderExpiry] = []
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

/// `expire FOLDER TIME`: how long a message stays in a folder that nobody touches.
public struct FolderExpiry: Sendable, Hashable {
    /// `INBOX` for the Maildir itself.
    public var folder: String
    public var time: Duration

    public init(folder: String, time: Duration) { (self.folder, self.time) = (folder, time) }
}
