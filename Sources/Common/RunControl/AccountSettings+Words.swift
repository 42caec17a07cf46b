// The words of account blocks; those of msmtp and mpop mean what they mean there.

import Credentials
import MailFormat

extension AccountSettings: BlockSettings {
    static let scope = Scope.account
    static let blank = AccountSettings(name: "a")
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var head: [Piece] { [.word("account"), .word(name)] }
    var headPlace: SourcePosition? { position }

    @WordList<AccountSettings> private static func listed() -> [ListedWord<AccountSettings>] {
        maybe(
            "owner", \.$owner, .reference(.mailbox, "the mailbox"),
            "Whose mail it is: what is fetched goes into this mailbox, and its mail may leave through the account.",
            [.served, .defaultsTo("the mailbox, if there is just one")])
        each(
            "for", \.$guests, .guests, "Whose mail may leave through the account besides.",
            add: { (earlier, more, _) throws(RunControlFault) in earlier?.adding(more) ?? more }, lines: \.lines)
        branch(
            "address",
            each("address", \.$addresses, .accountAddresses, "Its addresses, with their domains", [.served]),
            one("from", \.$addresses, .accountAddresses, "The same, as in msmtp(1).", [.alias]))  // msmtp's word
        maybe("user", \.$user, .text("the login"), "The login at the server.", [.defaultsTo("the first address")])
        branch(
            "secret",
            one(
                "password", \.$secret, Codec<Secret>.secret("the password").map(SecretSource.text, \.text),
                passwordSentence),
            one(
                "passwordfile", \.$secret, Codec<String>.path("the password file").map(SecretSource.file, \.file),
                passwordSentence, [.discreet, .file(.examinedAbove)]),
            one(
                "passwordeval", \.$secret, Codec<[String]>.command.map(SecretSource.command, \.command),
                passwordSentence, [.discreet]),
            one(
                "tokeneval", \.$secret, Codec<[String]>.command.map(SecretSource.token, \.token),
                "The command that writes an access token of OAuth 2.0, instead of a password.", [.discreet]))
        one("auth", \.$auth, .auth, "How to log in.")
        maybe("fetch", \.$fetch, .fetchServer, "Where to fetch.")
        each(
            "folders", \.$folders, .folders,
            "The IMAP folders to fetch, each named once, and the folders of the Maildir they go to.",
            [.onlyWhere { $0.fetch?.service.isIMAP == true }],
            add: { (earlier, more, arguments) throws(RunControlFault) in
                try Codec<[FolderSettings]>.adding(earlier, more, arguments)
            },
            lines: { $0.map { [$0] } })
        maybe(
            "search", \.$search, .search, "Which mail is fetched by IMAP, in the words of an IMAP search.",
            [.defaultsTo("all")])
        maybe(
            "skip", \.$skipSize, .over, "Messages that are not fetched: those over that size, as the server tells it")
        maybe(
            "header-only", \.$headerSize, .over,
            "Messages of which only the header is fetched: those over that size, as the server tells it")
        one(
            "filter", \.$filter, .command,
            "The command that sees the header of a message and says whether it is fetched.")
        one(
            "per-run", \.$runLimit, .runLimit,
            "How much is fetched in one run: a number of messages, a size, or both.",
            [.defaultsTo("all there is")])
        one(
            "flags", \.$keepsFlags, .onOff,
            "Whether mail fetched by IMAP is seen, answered, flagged or a draft here as it is at the server.",
            [.onlyWhere { $0.fetch?.service.isIMAP == true }])
        one("keep", \.$keep, .keep, "Whether fetched mail stays at the server")
        maybe(
            "move", \.$moveTarget, .text("the folder"),
            "The IMAP folder that mail is moved to instead of being deleted.")
        one(
            "mark-seen", \.$marksSeen, .onOff, "Whether mail fetched by IMAP is marked as seen at the server.",
            [.onlyWhere { $0.fetch?.service.isIMAP == true }])
        one(
            "compress", \.$isCompressed, .onOff,
            "Whether what is said with an IMAP server is compressed where it can do that.",
            [.onlyWhere { $0.fetch?.service.isIMAP == true }])
        one(
            "idle", \.$idle, .idle, "The IMAP folder in which mhfetch --idle waits for mail.",
            [.onlyWhere { $0.fetch?.service.isIMAP == true }, .defaultsTo("the inbox")])
        maybe(
            "every", \.$every, .duration("the time", in: 10...31_536_000), "How often mhfetch --due fetches",
            [.defaultsTo("each time")])
        each("at", \.$at, .timesOfDay, "The times of the day at which mhfetch --due fetches.")
        one(
            "only", \.$isOnlyWhenSending, .whenSending, "Fetches by mhfetch --due only after mail was sent.",
            [.onlyWhere { $0.isOnlyWhenSending }])
        one(
            "jitter", \.$jitter, .duration("the time", in: 0...43_200),
            "By how much at most a turn is put off at random")
        one(
            "received_header", \.$addsReceived, .onOff,
            "Whether fetched mail gets a Received field on top, which says when and how it came.",
            [.onlyWhere { $0.fetch != nil }])
        one(
            "delivered-to", \.$addsDeliveredTo, .onOff,
            "Whether fetched mail gets a Delivered-To field on top: the first address of the account.",
            [.onlyWhere { $0.fetch != nil }])
        one(
            "log-messages", \.$logsMessages, .onOff, "Whether each fetched message has a line in the log.",
            [.onlyWhere { $0.fetch != nil }])
        one("preconnect", \.$preconnect, .command, "The command that runs before mail is fetched.")
        one("postconnect", \.$postconnect, .command, "The command that runs after mail was fetched.")
        each(
            "deliver", \.$destinations, Codec<DeliveryPlace>.deliveryPlace.single,
            "A place that fetched mail goes to, and each goes to all of them.",
            [.file(.append("the mbox")), .onlyWhere { $0.fetch != nil }],
            add: { (earlier, more, arguments) throws(RunControlFault) in
                try Codec<DeliveryPlace>.adding(earlier, more, arguments)
            },
            lines: { $0.map { [$0] } })
        maybe(
            "fallback", \.$fallback, .reference(.mailbox, "the mailbox"),
            "The mailbox that gets what a place refuses for good.", [.defaultsTo("the owner's")])
        one(
            "from-line", \.$hasFromLine, .onOff,
            "Whether programs of deliver get a line From SENDER DATE above each message.",
            [.onlyWhere { $0.deliversToProgram }])
        one(
            "from-quoting", \.$quotesFromLines, .onOff,
            "Whether they get lines of a message that begin with From quoted by a >.",
            [.onlyWhere { $0.deliversToProgram }])
        maybe(
            "envelope", \.$envelope, .envelopeField,
            "The header field in which the provider of a domain's mailbox writes whom a message was for.")
        maybe("send", \.$send, .sendServer, "Where to send.")
        one(
            "connections", \.$connections, .number("the number of connections", in: 1...100),
            "Sessions at once through which its mail leaves", [.onlyWhere { $0.send != nil }])
        one("tls", \.$tlsLine, .tls, "Whether there must be TLS.")
        one("inet", \.$inet, .choice("the kind of address"), "Which addresses to connect to")
        maybe("source-ip", \.$sourceAddress, .ownAddress("the address to connect from"), "The address to connect from.")
        one(
            "tls_trust_file", \.$trustFile, Codec<String>.path("the trust file").or("system", "a file"),
            "The certificates that the server is checked against.",
            [.file(.examinedAbove), .defaultsTo("the hub's"), .onlyWhere { $0.tls == .required }])
        each(
            "tls_fingerprint", \.$pins, .fingerprints,
            "The SHA-256 of the server's certificate, or of its key; several may be named.")
        maybe(
            "tls_host_override", \.$hostOverride, .domain("the name in the certificate"),
            "The name that the certificate must have instead of the host's.")
        maybe(
            "tls_cert_file", \.$certificateFile, .path("the certificate file"),
            "The certificate to show to a server that asks for one.", [.file(.examinedAbove)])
        maybe(
            "tls_key_file", \.$keyFile, .path("the key file"), "The key of that certificate.",
            [.discreet, .file(.examinedAbove), .defaultsTo("in the certificate's file")])
        one(
            "tls_min", \.$leastTLSVersion, .choice("the version"), "The least version of TLS",
            [.onlyWhere { $0.tls == .required }])
        each("tls_ciphers", \.$ciphers, .ciphers, "The cipher suites that are taken, best first.")
        maybe(
            "reply-to", \.$replyTo, .address("the address for replies"),
            "Where replies go to what leaves through the account, unless the message says it.")
        maybe(
            "domain", \.$heloName, .hostName("the name for EHLO"), "The name for EHLO.",
            [.defaultsTo("the host name of the hub")])
        one(
            "pipelining", \.$pipelining, .choice("auto, on or off"),
            "Whether POP3 commands are sent ahead of their answers: where the server says that it can, always, or never.",
            [.onlyWhere { $0.fetch.map { !$0.service.isIMAP } ?? false }])
        one("timeout", \.$timeout, .duration("the time", in: 1...3600), "For each step of a conversation")
        maybe(
            "transcript", \.$transcript, .path("the folder"), "The folder for what is said with its servers.",
            [.file(.directory("the folder for transcripts"))])
        maybe(
            "via", \.$via, .reference(.chain, "the chain"), "The chain to connect over.",
            [.later("connect over a chain")])
        each(
            "privacy", \.$privacy, .phrases("what to do"), "What is removed from mail that leaves.",
            [.later("make mail anonymous")])
        each("pgp", \.$pgp, .phrases("what to do"), "What OpenPGP does.", [.later("use OpenPGP")])
    }

    private static let passwordSentence =
        "The password, the file whose first line it is, or the command that writes it; one of them at most."
}

extension AccountSettings {
    /// The words for what IMAP alone can do, and what that is.
    static let wordsOfIMAP = [
        "folders": "folders", "compress": "compression", "idle": "news", "search": "search", "move": "folders",
        "mark-seen": "flags", "flags": "flags",
    ]
}
