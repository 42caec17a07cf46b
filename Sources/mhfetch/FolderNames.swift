// The folders of an IMAP server under the names that a person writes, and the levels of these names.

import IMAPProtocol
import RunControl

/// The mailboxes of a LIST that can be fetched, named as in the rc.
struct FolderNames {
    /// In the order of their names, INBOX first.
    let names: [String]
    /// How many of the mailboxes have a name that an rc cannot express: no modified UTF-7, with `*`, `%` or a control
    /// character in it, or with `!` before it.
    let inexpressible: Int
    /// Those of ``names``.
    let folders: [Folder]

    struct Folder {
        let name: String
        let delimiter: UInt8?
        /// Whether it shows mail that is in other folders (RFC 6154 §2, RFC 8457 §3).
        let isView: Bool
    }

    private static let views: Set = ["\\all", "\\flagged", "\\important"]

    private static let inbox = "INBOX"

    init(_ listed: [IMAPMailbox]) {
        var found: [String: Folder] = [:]
        var inexpressible = 0
        for mailbox in listed where mailbox.isSelectable {
            if let name = Self.name(of: mailbox) {
                let isView = mailbox.attributes.contains { Self.views.contains($0.lowercased()) }
                found[name] = Folder(name: name, delimiter: mailbox.delimiter, isView: isView)
            } else {
                inexpressible += 1
            }
        }
        self.inexpressible = inexpressible
        folders = found.values.sorted {
            ($0.name == Self.inbox ? 0 : 1, $0.name) < ($1.name == Self.inbox ? 0 : 1, $1.name)
        }
        names = folders.map(\.name)
    }

    /// The hierarchy delimiter of the folder `name`; `nil` where there is no such folder.
    func delimiter(of name: String) -> UInt8?? { folders.first { $0.name == name }.map(\.delimiter) }

    private static func name(of mailbox: IMAPMailbox) -> String? {
        guard let name = mailbox.name.decoded, IMAPMailboxName(name) == mailbox.name, !name.isEmpty,
            !name.contains(where: { $0 == "*" || $0 == "%" }), !name.hasPrefix("!"),
            name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else { return nil }
        return FolderSettings(remote: name, local: nil).remote
    }

    /// The folder that a person most likely meant by `name`: one of this name below another, such as `INBOX.Sent` for
    /// `Sent`, or one that is spelt nearly alike.
    func nearest(to name: String) -> String? {
        let wanted = name.lowercased()
        let ends = folders.map { ($0.name, Self.parts(of: $0.name, delimiter: $0.delimiter).last ?? $0.name) }
        if let same = ends.first(where: { $0.0.lowercased() == wanted || $0.1.lowercased() == wanted }) {
            return same.0
        }
        if let near = Nearest.word(to: name, among: names) { return near }
        guard let near = Nearest.word(to: name, among: ends.map(\.1)) else { return nil }
        return ends.first { $0.1 == near }?.0
    }

    /// The levels of `name`, which the server separates by `delimiter`. The prefix that some servers put before all
    /// folders of a user, `INBOX.`, is left out.
    static func parts(of name: String, delimiter: UInt8?) -> [String] {
        guard let delimiter else { return [name] }
        let pieces = name.utf8.split(separator: delimiter, omittingEmptySubsequences: false)
        let parts = pieces.map { String(decoding: Array($0), as: UTF8.self) }
        let isPrefixed = parts.count > 1 && parts[0] == inbox && parts[1] != inbox
        return isPrefixed ? Array(parts.dropFirst()) : parts
    }
}
