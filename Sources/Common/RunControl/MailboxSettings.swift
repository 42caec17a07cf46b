// A mailbox: a person or role at home.

import MailFormat
import MailRouting

/// The block `mailbox NAME`.
public struct MailboxSettings: BlockSettings, Sendable, Hashable {
    /// Letters, digits, `.`, `_` and `-`; safe as the name of a folder, and a login.
    public var name: String
    /// Globs among them; every one has a domain.
    public var addresses: [AddressPattern] = []
    /// The Unix user who is this person.
    public var unixUser: String?
    public var verifier = MailboxVerifier.none
    /// The Maildir, absolute.
    public var maildir = ""
    /// The folders that POP3 shows.
    public var show = ["INBOX"]
    public var place: Place
    public var places = Places()

    // Words of a later release.
    public var forward: [Address] = []
    public var pgp: [[String]] = []

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }

    /// The addresses that a person may log in with besides the name: all that are no globs.
    public var loginAddresses: [String] { addresses.compactMap { $0.address?.description } }
}
