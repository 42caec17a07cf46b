// The words of lines outside blocks.

/// From a second to ten years, in seconds: beyond that a person has made a mistake.
private let anyDuration = 1...315_360_000

extension HubSettings: BlockSettings {
    static let scope = Scope.top
    static let blank = HubSettings()
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var name: String { "" }
    var head: [Piece] { [] }
    var headPlace: SourcePosition? { nil }

    @WordList<HubSettings> private static func listed() -> [ListedWord<HubSettings>] {
        one(
            "hostname", \.$hostname, .hostName("the host name"),
            "The name that this hub gives itself in greetings, EHLO and Received.", [.served])
        maybe(
            "run-as", \.$runAs, .text("the user"),
            "The user whose hub it is: a command that root starts becomes this user first, however the rc was found")
        one(
            "qualify", \.$qualify, .domain("the domain of bare names"), "The domain of bare local names.",
            [
                .served,
                .defaultsTo("the host name"),
            ])
        one(
            "state", \.$stateDirectory, .path("the state directory"),
            "Where queue, fetch state and locks live; a local file system.",
            [
                .served,
                .file(.directory("the state directory")),
                .defaultsTo("/var/lib/mailhub for /etc/mailhubrc, else $XDG_STATE_HOME/mailhub"),
            ])
        one(
            "maildirs", \.$maildirs, .maildirs, "Where Maildirs are; %m stands for the name of the mailbox.",
            [
                .served,
                .defaultsTo("mail/%m in the state directory for /etc/mailhubrc, else ~/Mail/%m"),
            ])
        maybe(
            "postmaster", \.$postmaster, .reference(.mailbox, "the mailbox"), "Who gets mail for the postmaster.",
            [.served, .defaultsTo("the mailbox postmaster, else the first mailbox")])
        one("log", \.$log, .log, "Where log lines go.", [.served, .file(.append("the log"))])
        maybe(
            "geoip", \.$geoip, .path("the country database"), "The database of countries.",
            [.later("tell the country of an address"), .file(.read("the country database"))])
        one(
            "tls_trust_file", \.$tlsTrustFile, Codec<String>.path("the trust file").or("system", "a file"),
            "The certificates that servers are checked against.", [.file(.examinedAbove)])
        maybe(
            "tls_certificate", \.$tlsCertificate, .certificatePair,
            "The certificate chain and the private key of this hub, both in PEM.", [.served, .file(.examinedAbove)])
        one(
            "alert-after", \.$alertAfter,
            Codec<Duration>.duration("the time", in: 60...315_360_000).or("off", "a time"),
            "How long something is not well before a person is told")
        one("notify", \.$notify, .command, "The command that is told, besides a letter.")
        maybe(
            "online-query", \.$onlineQuery, .onlineQuery,
            "Where the name of the connection comes from over which the hub is online, for the routes with online lines."
        )
        one(
            "resolver", \.$resolver, .resolver, "Whom DNS is asked by, for the domains that mx routes lead to.")
        one(
            "dnssec", \.$dnssec, .choice("auto, on or off"),
            "Whether an answer of DNS must be proved where its domain is signed.")
        each(
            "private-domain", \.$privateDomains, Codec<String>.hostName("the domain").single,
            "A domain whose hosts may have addresses that are not for the internet.")
        each(
            "aliases", \.$aliases, Codec<String>.path("the aliases file").single,
            "The aliases of the hub's own domains, of which several files add up.", [.served, .file(.examinedAbove)])
        one(
            "alias-hook", \.$aliasHook, .command,
            "A program that is asked for the aliases of an address, besides the files.")
        maybe(
            "always-bcc", \.$alwaysBCC, .address("the address", isWhole: false),
            "Who gets a copy of all mail that is handed in or received, besides those it is for.", [.served])
        one(
            "notice-language", \.$noticeLanguage, .choice("the language"),
            "The language of notices and of the hub's letters.")
        maybe(
            "notice-texts", \.$noticeTextsFile, .path("the file of texts"),
            "A file with other texts for notices and the hub's letters.", [.file(.examinedAbove)])
        one(
            "show-recipients", \.$shownRecipients, .choice("all or own"),
            "Whom the copy of a recipient shows in To and Cc, of mail that the hub's own people send.", [.served])
        one(
            "queue-only", \.$isQueueOnly, .onOff, "Whether mail that is handed in waits for the next run of the queue.")
        one(
            "allow_from_override", \.$allowsFromOverride, .onOff,
            "Whether who hands mail in to mhsend(8) may say who sends it.")
        one(
            "dsn_notify", \.$dsnNotify, .dsnNotify,
            "What the sender of mail handed in to mhsend(8) is notified of, unless he says it.")
        one(
            "dsn_return", \.$dsnReturn, .dsnReturn,
            "What a notice returns of mail handed in to mhsend(8), unless its sender says it.")
        one(
            "queue-lifetime", \.queue.$lifetime, .duration("the lifetime", in: 3600...315_360_000),
            "How long the queue tries before it gives up")
        one(
            "warn-after", \.queue.$warnAfter, .warningAges, "When the sender hears that a message is late")
        one(
            "retry", \.queue.$retry, .retryDelays,
            "The first delay of the queue and the longest; each is twice the one before.")
        one(
            "size-limit", \.limits.$messageSize, .size("the message size", in: 65_536...1 << 31),
            "The largest message taken from a client or a program", [.served])
        one(
            "max-recipients", \.limits.$recipients, .number("the number of recipients", in: 1...10_000),
            "Recipients of one message from a client of mhserve(8)", [.served])
        one(
            "errors-limit", \.limits.$errors, .number("the number of errors", in: 1...1000),
            "Errors of a client until its session is closed", [.served])
        one(
            "max-connections", \.limits.$connections, .number("the number of connections", in: 1...65_535),
            "Connections at once of one listener")
        one(
            "max-connections-per-address", \.limits.$connectionsPerAddress,
            .number("the number of connections", in: 1...65_535), "Connections at once of one client address")
        one(
            "smtp-idle", \.limits.$smtpIdle, .duration("the time", in: 1...86_400),
            "How long an SMTP client may say nothing", [.served])
        one(
            "pop3-idle", \.limits.$pop3Idle, .duration("the time", in: 1...86_400),
            "How long a POP3 client may say nothing", [.served])
        one(
            "accounts-at-once", \.limits.$accountsAtOnce, .number("the number of accounts", in: 1...64),
            "Accounts that mhfetch collects from at the same time")
        one(
            "free-space", \.limits.$freeSpace, .size("the free space", in: 0...1 << 40),
            "What must stay free on the disk; below it mail is put off", [.served])
    }
}
