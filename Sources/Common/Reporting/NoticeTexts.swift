// The texts of notices to senders, in one place: a further language, or a site's own wording, is one more value.

/// What a person reads in a delivery notice. The machine-readable part beside it has no language.
///
/// Names in braces are filled in: `{hub}` the host's name, `{recipients}` a paragraph for each recipient with what its
/// server said, `{subject}` the subject of the message, `{arrival}` when it came in, `{until}` when it will be given up,
/// `{id}` its id. In the text
/// about an account `{account}` is its name, `{fault}` what is wrong and `{since}` since when; in an alert `{first}` is
/// what it is about, and `{concerns}` a paragraph for each of several; `{files}` are those that were not taken in from the
/// drop directory, `{faults}` why aliases cannot be followed, and `{messages}` those that are held as nobody's, a line for
/// each, with their number in `{count}`.
public struct NoticeTexts: Sendable, Hashable {
    /// Subject and body of one kind of notice; the body has LF line ends and lines of at most 76 columns.
    public struct Wording: Sendable, Hashable {
        public var subject: String
        public var body: String

        public init(subject: String, body: String) {
            self.subject = subject
            self.body = body
        }
    }

    /// The language's tag (BCP 47), for Content-Language.
    public var language: String
    public var failure: Wording
    public var delay: Wording
    public var success: Wording
    public var held: Wording
    /// An account through which nothing leaves.
    public var account: Wording
    /// Mail that waits for a connection.
    public var offline: Wording
    /// Files in the drop directory that cannot be taken in.
    public var drop: Wording
    /// Aliases that cannot be followed.
    public var aliases: Wording
    /// Messages that are held since their senders have no mailbox here.
    public var unowned: Wording
    /// Something is not well, and lasts.
    public var alert: Wording
    /// Stands before the reply of a server: `{host} said:`.
    public var saying: String
    /// Stands when nobody said anything.
    public var silence: String
    /// Stands for a date that is not known, since the clock could not be trusted.
    public var unknownDate: String
    /// Stands for a subject that is not there, or is not known.
    public var noSubject: String

    public init(
        language: String, failure: Wording, delay: Wording, success: Wording, held: Wording, account: Wording,
        offline: Wording, drop: Wording, aliases: Wording, unowned: Wording, alert: Wording,
        saying: String, silence: String, unknownDate: String, noSubject: String
    ) {
        self.language = language
        self.failure = failure
        self.delay = delay
        self.success = success
        self.held = held
        self.account = account
        self.offline = offline
        self.drop = drop
        self.aliases = aliases
        self.unowned = unowned
        self.alert = alert
        self.saying = saying
        self.silence = silence
        self.unknownDate = unknownDate
        self.noSubject = noSubject
    }

    public static let english = NoticeTexts(
        language: "en",
        failure: Wording(
            subject: "Your message could not be delivered: {subject}",
            body: """
                This is the mail hub at {hub}.

                Your message of {arrival} could not be delivered to:

                {recipients}
                It will not be tried again. What the servers said stands above; a part
                of your message, or all of it, is attached.
                """),
        delay: Wording(
            subject: "Your message is late: {subject}",
            body: """
                This is the mail hub at {hub}.

                Your message of {arrival} has not been delivered yet to:

                {recipients}
                You need not send it again: it will be tried until {until}.
                """),
        success: Wording(
            subject: "Your message was delivered or passed on: {subject}",
            body: """
                This is the mail hub at {hub}.

                Your message of {arrival} was delivered, or handed to a server that
                sends no notices of success:

                {recipients}
                """),
        held: Wording(
            subject: "Your message is held: {subject}",
            body: """
                This is the mail hub at {hub}.

                Your message of {arrival} may not leave the hub for:

                {recipients}
                Send it from another address, or have the settings of the hub changed:
                it is tried again every few hours, by the settings in force then.
                These commands show whoever runs the hub why it is held, and remove it:

                    mhqueue why {id}
                    mhqueue rm {id}

                If nothing changes it comes back to its sender on
                {until}.
                """),
        account: Wording(
            subject: "No mail leaves through the account {account}",
            body: """
                This is the mail hub at {hub}.

                No mail has left through the account {account} since {since}:

                    {fault}

                Its mail waits in the queue, and the account is tried again
                automatically. This command shows what waits:

                    mhqueue list
                """),
        offline: Wording(
            subject: "Mail is waiting for a connection",
            body: """
                This is the mail hub at {hub}.

                Since {since} there has been mail that may leave over a connection
                which the hub has not had. This is what online-query says:

                    {fault}

                It goes out by itself when the connection is there. These commands
                show what waits, and send it over a connection of that name now:

                    mhqueue list
                    mhsend -qo NAME
                """),
        drop: Wording(
            subject: "Mail that users have handed in was not taken",
            body: """
                This is the mail hub at {hub}.

                These files in the drop directory cannot be taken in. What could be
                moved is kept in drop-refused of the state directory; the rest is left
                where it is, for you to look at and to remove:

                {files}
                You hear of such files at most once a day.
                """),
        aliases: Wording(
            subject: "Mail waits for aliases that cannot be followed",
            body: """
                This is the mail hub at {hub}.

                Mail for some recipients waits, as it cannot be found out where their
                aliases lead:

                {faults}
                It is tried again, and comes back to its senders at the end of its time
                unless this is mended. This command looks at all aliases:

                    mhsend --check

                You hear of this at most once a day, while mail waits for it.
                """),
        unowned: Wording(
            subject: "Mail of senders without a mailbox is held",
            body: """
                This is the mail hub at {hub}.

                These messages come from users, programs or strangers without a mailbox
                here, and no account is open to them. Their number is {count}:

                {messages}
                They are tried again every few hours, by the settings in force then,
                and come back after the queue's lifetime. "unix-user", "owner" and
                "for" in mailhubrc(5) say whose mail leaves through which account.
                These commands show why one is held, and remove it:

                    mhqueue why ID
                    mhqueue rm ID

                You hear of such mail at most once a day, while it is held.
                """),
        alert: Wording(
            subject: "The mail hub needs you: {first}",
            body: """
                This is the mail hub at {hub}.

                {concerns}
                You hear of each of these once as long as it lasts. This command
                shows how things stand:

                    mhfetch --status
                """),
        saying: "{host} said:",
        silence: "No reason is known.",
        unknownDate: "unknown date",
        noSubject: "(no subject)"
    )

    /// `template` with each `{name}` of `values` replaced; what a value holds is not looked at again.
    public static func fill(_ template: String, _ values: [String: String]) -> String {
        var text = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            text += rest[..<open]
            let name = rest[rest.index(after: open)..<close]
            text += values[String(name)] ?? String(rest[open...close])
            rest = rest[rest.index(after: close)...]
        }
        return text + rest
    }
}

/// The languages that notices and letters can have, by their tags (RFC 5646).
public enum NoticeLanguage: String, Sendable, Hashable, CaseIterable {
    case en, de, ru

    public var texts: NoticeTexts {
        switch self {
        case .en: .english
        case .de: .german
        case .ru: .russian
        }
    }
}
