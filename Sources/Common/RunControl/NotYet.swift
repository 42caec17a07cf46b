// What the rc can say and this release cannot do: refused, since a word passed over in silence would leak or lose.

/// The words of later releases. When a release learns one, its line goes from here, and from the man page's list.
enum NotYet {
    struct Entry: Sendable {
        let scope: Scope
        /// The word, or the word and its first argument; `-` for `_`.
        let word: String
        /// What this release cannot do, after "this release cannot".
        let deed: String
    }

    static let entries: [Entry] = [
        Entry(scope: .top, word: "geoip", deed: "tell the country of an address"),
        Entry(scope: .top, word: "alert-after", deed: "raise an alert"),
        Entry(scope: .top, word: "notify", deed: "raise an alert"),
        Entry(scope: .top, word: "chain", deed: "connect over a chain"),

        Entry(scope: .mailbox, word: "forward", deed: "forward the mail of a mailbox"),
        Entry(scope: .mailbox, word: "show folder", deed: "show other folders than INBOX"),
        Entry(scope: .mailbox, word: "pgp", deed: "use OpenPGP"),

        Entry(scope: .account, word: "auth oauth", deed: "log in with OAuth"),
        Entry(scope: .account, word: "tokeneval", deed: "log in with OAuth"),
        Entry(scope: .account, word: "fetch odmr", deed: "fetch by ODMR"),
        Entry(scope: .account, word: "send lmtp", deed: "send by LMTP"),
        Entry(scope: .account, word: "folders pattern", deed: "fetch folders by pattern"),
        Entry(scope: .account, word: "search", deed: "fetch by an IMAP search"),
        Entry(scope: .account, word: "at", deed: "fetch at a time of day"),
        Entry(scope: .account, word: "deliver mbox", deed: "deliver to other places than a Maildir"),
        Entry(scope: .account, word: "deliver lmtp", deed: "deliver to other places than a Maildir"),
        Entry(scope: .account, word: "deliver smtp", deed: "deliver to other places than a Maildir"),
        Entry(scope: .account, word: "deliver program", deed: "deliver to other places than a Maildir"),
        Entry(scope: .account, word: "deliver append", deed: "deliver to other places than a Maildir"),
        Entry(scope: .account, word: "via", deed: "connect over a chain"),
        Entry(scope: .account, word: "privacy", deed: "make mail anonymous"),
        Entry(scope: .account, word: "pgp", deed: "use OpenPGP"),

        Entry(scope: .route, word: "mx", deed: "send straight to the recipient's domain"),
        Entry(scope: .route, word: "pipe", deed: "send through a program"),
        Entry(scope: .route, word: "online", deed: "tell whether it is online"),
        Entry(scope: .route, word: "rewrite", deed: "rewrite addresses"),
        Entry(scope: .route, word: "limit", deed: "limit the rate of a route"),

        Entry(scope: .domain, word: "aliases", deed: "read an aliases file"),
        Entry(scope: .domain, word: "sendas", deed: "take the sender from the subject"),
        Entry(scope: .domain, word: "suffix", deed: "drop suffixes of local parts"),
        Entry(scope: .domain, word: "relay-to", deed: "relay a domain to another hub"),
        Entry(scope: .domain, word: "hold-for", deed: "hold a domain for another hub"),
        Entry(scope: .domain, word: "dkim", deed: "sign with DKIM, or check it"),
        Entry(scope: .domain, word: "spf", deed: "check SPF"),
        Entry(scope: .domain, word: "dmarc", deed: "check DMARC"),

        Entry(scope: .listen, word: "listen lmtp", deed: "answer LMTP"),
        Entry(scope: .listen, word: "listen socks", deed: "answer SOCKS"),
        Entry(scope: .listen, word: "listen status", deed: "show its status over HTTP"),
        Entry(scope: .listen, word: "listen page", deed: "show its page in a browser"),
        Entry(scope: .listen, word: "allow country", deed: "tell the country of an address"),
        Entry(scope: .listen, word: "deny country", deed: "tell the country of an address"),
        Entry(scope: .listen, word: "allow host", deed: "admit clients by host name"),
        Entry(scope: .listen, word: "deny host", deed: "refuse clients by host name"),
        Entry(scope: .listen, word: "dnsbl", deed: "ask a DNS block list"),
        Entry(scope: .listen, word: "via", deed: "connect over a chain"),
    ]

    /// The complaint about `word`; `nil` when this release knows what to do.
    static func refusal(_ scope: Scope, _ word: String) -> String? {
        entries.first { $0.scope == scope && $0.word == word }.map {
            "this release cannot \($0.deed) yet; remove the line"
        }
    }
}
