// The words of mailbox blocks.

import Credentials

extension MailboxSettings: BlockSettings {
    static let scope = Scope.mailbox
    static let blank = MailboxSettings(name: "a")
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var head: [Piece] { [.word("mailbox"), .word(name)] }
    var headPlace: SourcePosition? { position }

    @WordList<MailboxSettings> private static func listed() -> [ListedWord<MailboxSettings>] {
        each(
            "address", \.$addresses, .mailboxAddresses, "Its addresses; several lines add up.", [.served])
        maybe(
            "unix-user", \.$unixUser, .text("the user"),
            "The user of this machine who is this person: what he hands to mhsend(8) leaves through the accounts that are "
                + "open to the mailbox", [.served])
        branch(
            "verifier",
            one(
                "password", \.$verifier,
                Codec<Secret>.secret("the password").map(MailboxVerifier.password, \.password),
                passwordSentence, [.served]),
            // The worker gets the contents instead: it cannot reach the file.
            one(
                "passwordfile", \.$verifier,
                Codec<String>.path("the password file").map(MailboxVerifier.passwordFile, \.passwordFile),
                passwordSentence, [.discreet, .file(.examinedAbove)]),
            one(
                "passwordhash", \.$verifier,
                Codec<Secret>.secret("the hash").map(MailboxVerifier.passwordHash, \.passwordHash),
                passwordSentence, [.served]))
        one(
            "maildir", \.$maildir, .path("the Maildir"), "The Maildir.",
            [
                .served, .file(.maildir),
                .defaultsTo("as maildirs says"),
            ])
        one(
            "deliver", \.$delivery, .placeOfMailbox, "Where the mail of the mailbox goes.",
            [.served, .file(.append("the mbox"))])
        each(
            "forward", \.$forward, .addresses, "Where its mail goes besides; several lines add up.", [.served])
        maybe(
            "sent", \.$sentFolder, .text("the folder"),
            "The folder that keeps a copy of what the mailbox sends through this hub.", [.served])
        each(
            "expire", \.$expiry, Codec<FolderExpiry>.folderExpiry.single,
            "How long a message stays in a folder where nothing happens to it.",
            add: { (earlier, more, _) throws(RunControlFault) in (earlier ?? []) + more },
            lines: { $0.map { [$0] } })
        one(
            "show", \.$show, .shownFolders, "The folders that POP3 shows; this release knows INBOX only.",
            [.served])
        each("pgp", \.$pgp, .phrases("what to do"), "What OpenPGP does.", [.later("use OpenPGP")])
    }

    private static let passwordSentence =
        "The password, the file whose first line it is, or the hash that mhserve passwd makes; one of them at most."
}

extension Codec where Value == FolderExpiry {
    /// `FOLDER TIME`
    fileprivate static let folderExpiry: Codec = {
        let time = Codec<Duration>.duration("the time", in: 86_400...315_360_000)
        var codec = Codec(
            samples: ["Trash 30d", "\"Sent Items\" 1d", "INBOX 52w"],
            read: { arguments throws(RunControlFault) in
                let folder = try arguments.next("the folder").text
                return FolderExpiry(folder: folder, time: try time.read(&arguments))
            },
            write: { expiry in time.write(expiry.time).map { [.word(expiry.folder)] + $0 } })
        codec.measures = time.measures
        return codec
    }()
}

extension Codec where Value == [String] {
    /// Folders of a mailbox; this release shows INBOX alone.
    fileprivate static let shownFolders: Codec = {
        let other = Refusal(word: "folder", deed: "show other folders than INBOX")
        var codec = Codec(
            samples: ["inbox", "INBOX Inbox"],
            read: { arguments throws(RunControlFault) in
                let words = try arguments.rest("a folder")
                if let word = words.first(where: { $0.text.uppercased() != "INBOX" }) {
                    throw arguments.fault(word, other.message)
                }
                return words.map { _ in "INBOX" }
            },
            write: { $0.isEmpty ? nil : $0.map { .word($0) } })
        codec.refusals = [other]
        return codec
    }()
}
