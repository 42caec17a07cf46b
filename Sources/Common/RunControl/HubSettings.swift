// The whole rc as values: what every command reads, and nothing else.

import Credentials
import InternetAddress
import MailEnvelope
import MailFormat
import MailRouting
import Reporting

/// The settings of one hub. All paths are absolute; all references are to things that exist. The properties are what is
/// in force; `$name.said` is what the rc says.
public struct HubSettings: Sendable, Hashable {
    /// The absolute path of the rc.
    public var source = ""
    /// The paths of its files: the rc, and what it includes.
    public var sources: [String] = []
    /// Whether the rc is the machine's, /etc/mailhubrc.
    public var isSystem = false
    /// The name this hub gives itself in greetings, EHLO and Received; the machine's own name is told to nobody.
    @Setting public var hostname = "localhost"
    /// The Unix user that a command started by root becomes, however the rc was found.
    @Setting public var runAs: String? = nil
    /// The domain of bare names.
    @Setting public var qualify = "localhost"
    /// Queue, fetch state, locks and route state live below it.
    @Setting public var stateDirectory = ""
    /// Where Maildirs are unless a mailbox says otherwise; `%m` stands for the mailbox's name.
    @Setting public var maildirs = ""
    /// The mailbox of the postmaster: the one named, else that of this name, else the first.
    @Setting public var postmaster: String? = nil
    @Setting public var log = Log.Destination.syslog
    /// Certificates that servers are checked against; `nil` for the system's.
    @Setting public var tlsTrustFile: String? = nil
    @Setting public var tlsCertificate: CertificatePair? = nil
    /// How long something is not well before a person is told; `nil` for never.
    @Setting public var alertAfter: Duration? = .seconds(86_400)
    /// The command that is told, besides a letter; empty for none.
    @Setting public var notify: [String] = []
    /// How it is found out whether, and over which connection, the hub is online; `nil` for not at all.
    @Setting public var onlineQuery: OnlineQuery? = nil
    /// Whom DNS is asked by.
    @Setting public var resolver = ResolverRule.system
    @Setting public var dnssec = DNSSECRule.auto
    /// Domains whose hosts may have addresses that are not for the internet.
    @Setting public var privateDomains: [String] = []
    /// The aliases files of the hub's own domains, in the order in which they are asked.
    @Setting public var aliases: [String] = []
    /// The program that is asked for aliases besides, and its arguments; empty for none.
    @Setting public var aliasHook: [String] = []
    /// Who gets a copy of all mail besides; `nil` for nobody.
    @Setting public var alwaysBCC: Address? = nil
    /// The language of notices and letters, by its tag.
    @Setting public var noticeLanguage = NoticeLanguage.en
    /// The file with texts of the site's own; `nil` for none.
    @Setting public var noticeTextsFile: String? = nil
    /// Whom a copy of a recipient shows in its header, of mail of this hub's own people.
    @Setting public var shownRecipients = ShownRecipients.all
    /// Whether mail that is handed in waits for the next run of the queue.
    @Setting public var isQueueOnly = false
    /// Whether who hands mail in to mhsend may say who sends it.
    @Setting public var allowsFromOverride = true
    /// What the sender of mail handed in to mhsend is notified of, and what a notice returns, where he does not say it.
    @Setting public var dsnNotify = Notify.unspecified
    @Setting public var dsnReturn: ReturnContent? = nil
    public var queue = QueueLimits()
    public var limits = ServiceLimits()
    public var mailboxes: [MailboxSettings] = []
    public var accounts: [AccountSettings] = []
    /// In the order in which they are tried.
    public var routes: [RouteSettings] = []
    public var chains: [ChainSettings] = []
    public var domains: [DomainSettings] = []
    public var listeners: [ListenerSettings] = []
    /// Where the lines outside blocks stand.
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var geoip: String? = nil

    public init() {}

    public func mailbox(_ name: String) -> MailboxSettings? { mailboxes.first { $0.name == name } }
    public func account(_ name: String) -> AccountSettings? { accounts.first { $0.name == name } }
}

/// `resolver system | recursive | ADDRESS ...`: whom DNS is asked by.
public enum ResolverRule: Sendable, Hashable {
    /// The name servers that this machine asks.
    case system
    /// The servers of each domain themselves, from the root on.
    case recursive
    /// These name servers; without a port at 53.
    case servers([HostAndPort])
}

/// `dnssec auto | on | off`: whether answers of DNS must be proved where their domain is signed.
public enum DNSSECRule: String, Sendable, Hashable, CaseIterable {
    /// Where the name servers hand proofs on.
    case auto
    case on
    case off
}

/// `show-recipients all | own`: whom the copy of a recipient shows in its header.
public enum ShownRecipients: String, Sendable, Hashable, CaseIterable {
    case all
    /// Himself alone.
    case own
}

/// `online-query KIND …`: where the name of the connection comes from over which the hub is online.
public enum OnlineQuery: Sendable, Hashable {
    /// A program, whose first line of output it is; any status but 0 is offline.
    case command([String])
    /// The first line of a file; without the file the hub is offline.
    case file(String)
    /// The first of these network interfaces that is up and has an address.
    case interface([String])
}

/// How long and how often the queue tries.
public struct QueueLimits: Sendable, Hashable {
    /// RFC 5321 §4.5.4.1 asks for at least 4 to 5 days.
    @Setting public var lifetime = Duration.seconds(5 * 86_400)
    /// The ages at which the sender hears that a message is late, the lowest first; none for never.
    @Setting public var warnAfter = [Duration.seconds(4 * 3600)]
    @Setting public var retry = RetryDelays(first: .seconds(5 * 60), longest: .seconds(4 * 3600))

    public var firstRetry: Duration { retry.first }
    public var longestRetry: Duration { retry.longest }

    public init() {}
}

/// When a message is tried again.
public struct RetryDelays: Sendable, Hashable {
    /// The first delay; each further one is twice as long, up to the longest.
    public var first: Duration
    public var longest: Duration

    public init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }
}

/// What mhserve lets a client do.
public struct ServiceLimits: Sendable, Hashable {
    /// Octets of one message as it comes over the wire.
    @Setting public var messageSize = 50 << 20
    /// Recipients of one message (RFC 5321 §4.5.3.1.8 asks for at least 100).
    @Setting public var recipients = 100
    /// Errors of one session until it is closed.
    @Setting public var errors = 10
    /// Connections at once, of one listener and of one client address.
    @Setting public var connections = 500
    @Setting public var connectionsPerAddress = 20
    /// How long a client may say nothing (RFC 5321 §4.5.3.2.7: at least 5 minutes; RFC 1939 §3: at least 10).
    @Setting public var smtpIdle = Duration.seconds(5 * 60)
    @Setting public var pop3Idle = Duration.seconds(10 * 60)
    /// Accounts that mhfetch collects from at once.
    @Setting public var accountsAtOnce = 8
    /// Octets that must stay free on the disk; below it mail is put off.
    @Setting public var freeSpace = 100 << 20

    public init() {}
}
