// An account: a mailbox elsewhere, how to fetch from it and how to send through it.

import Credentials
import InternetAddress
import MailFormat
import MailRouting

/// The block `account NAME`.
public struct AccountSettings: Sendable, Hashable {
    public var name: String
    /// The mailbox that fetched mail goes to and whose mail may leave through the account.
    @Setting public var owner: String? = nil
    /// Whose mail may leave through the account besides: `for`.
    @Setting public var guests = AccountGuests.mailboxes([])
    /// Every one has a domain; the first is the login unless `user` says otherwise.
    @Setting public var addresses: [AddressPattern] = []
    /// The login at the provider: `user`, else the first address.
    @Setting public var user: String? = nil
    @Setting public var secret = SecretSource.none
    @Setting public var auth = AuthMethod.auto
    @Setting public var fetch: FetchServer? = nil
    @Setting public var send: SendServer? = nil
    /// What is fetched by IMAP; POP3 has INBOX only.
    @Setting public var folders = [FolderSettings(remote: "INBOX", local: nil)]
    /// Search keys that choose what is fetched by IMAP (RFC 3501 §6.4.4); `nil` for all.
    @Setting public var search: String? = nil
    /// Larger messages are passed over, in octets as the server tells; `nil` for none.
    @Setting public var skipSize: Int? = nil
    /// Of larger messages only the header is fetched; `nil` for none.
    @Setting public var headerSize: Int? = nil
    /// The program that sees the header of a message before it is fetched; empty for none.
    @Setting public var filter: [String] = []
    /// How much of an account is fetched in one run.
    @Setting public var runLimit = RunLimit()
    /// Whether fetched mail has the flags that it has at its source.
    @Setting public var keepsFlags = true
    @Setting public var keep = KeepRule.on
    /// The folder of the server that mail is moved to instead of being deleted.
    @Setting public var moveTarget: String? = nil
    /// Whether fetched mail is marked as seen at the server.
    @Setting public var marksSeen = false
    /// Whether fetched mail gets fields that say how it came, and for whom.
    @Setting public var addsReceived = false
    @Setting public var addsDeliveredTo = false
    /// The folder that what is said with its servers is written to; `nil` for none.
    @Setting public var transcript: String? = nil
    /// Whether each fetched message gets a line in the log.
    @Setting public var logsMessages = false
    /// Commands that run before each connection for fetching, and behind it; empty for none.
    @Setting public var preconnect: [String] = []
    @Setting public var postconnect: [String] = []
    /// Where fetched mail goes: to each of these.
    @Setting public var destinations = [DeliveryPlace.maildir]
    /// The mailbox that gets what a destination refuses for good; `nil` for the owner's.
    @Setting public var fallback: String? = nil
    /// Whether programs get a line as at the beginning of a message in an mbox, and lines like it quoted.
    @Setting public var hasFromLine = false
    @Setting public var quotesFromLines = false
    /// The header field that says whom a message of a domain's mailbox was sent to; `nil` where all is the owner's.
    @Setting public var envelope: EnvelopeField? = nil
    /// Whether what an IMAP server sends, and is sent, is compressed where it can do that.
    @Setting public var isCompressed = false
    /// Where `mhfetch --idle` waits for mail.
    @Setting public var idle = IdleChoice.standard
    /// How often `mhfetch --due` fetches; `nil` for each time.
    @Setting public var every: Duration? = nil
    /// When in the day it does.
    @Setting public var at: [TimeOfDay] = []
    /// Whether it does only when mail was sent through the account.
    @Setting public var isOnlyWhenSending = false
    /// The most that it puts off a turn.
    @Setting public var jitter = Duration.zero
    @Setting public var tlsLine = TLSLine(rule: .required)
    public var tls: TLSRule { tlsLine.rule }
    public var isInsecure: Bool { tlsLine.isInsecure }
    @Setting public var inet = AddressPreference.any
    /// The local address to connect from.
    @Setting public var sourceAddress: IPAddress? = nil
    /// Certificates that the server is checked against instead of the hub's `tls_trust_file`.
    @Setting public var trustFile: String? = nil
    /// When any is given, the server's certificate or its key must have one of them, and nothing else about it counts.
    @Setting public var pins: [CertificatePin] = []
    /// The name that the server's certificate must have, instead of the one connected to.
    @Setting public var hostOverride: String? = nil
    /// The certificate that we show to a server that asks for one.
    @Setting public var certificateFile: String? = nil
    /// Its key; `nil` where it is in the same file.
    @Setting public var keyFile: String? = nil
    public var certificate: CertificatePair? {
        certificateFile.map { CertificatePair(certificate: $0, key: keyFile ?? $0) }
    }
    @Setting public var leastTLSVersion = TLSVersion.v12
    /// OpenSSL's names; empty for its own choice.
    @Setting public var ciphers: [String] = []
    /// The address for replies to what leaves through the account and does not say itself where they go; `nil` for none.
    @Setting public var replyTo: Address? = nil
    /// The name sent in EHLO; `nil` for the hub's.
    @Setting public var heloName: String? = nil
    /// How long one step may take: a connection, a reply (RFC 5321 §4.5.3.2).
    @Setting public var timeout = Duration.seconds(5 * 60)
    /// Whether commands are sent ahead of their answers.
    @Setting public var pipelining = PipeliningRule.auto
    /// The most sessions at once through which its mail leaves, over all runs.
    @Setting public var connections = 2
    public var position: SourcePosition
    public var positions = SourcePositions()

    // Words of a later release.
    @Setting public var via: String? = nil
    @Setting public var privacy: [[String]] = []
    @Setting public var pgp: [[String]] = []

    public init(name: String, position: SourcePosition = .nowhere) {
        self.name = name
        self.position = position
    }
}

/// How to log in.
public enum AuthMethod: String, Sendable, Hashable, CaseIterable {
    /// By the best mechanism that both sides know for a password, or for a token where there is `tokeneval`.
    case auto
    case scramSHA256Plus = "scram-sha-256-plus"
    case scramSHA256 = "scram-sha-256"
    case scramSHA1 = "scram-sha-1"
    case cramMD5 = "cram-md5"
    case plain
    case login
    /// With the token of `tokeneval`: by the mechanism for it that the server offers.
    case oauth
    case oauthbearer
    case xoauth2
    /// POP3's own login with a digest (RFC 1939 §7); nothing else has it.
    case apop
    /// By the certificate shown in TLS; there is no password.
    case external
    /// Not at all: for a server that trusts our address.
    case off
}

/// `fetch SERVICE HOST[:PORT]`.
public struct FetchServer: Sendable, Hashable {
    public enum Service: String, Sendable, Hashable, CaseIterable {
        /// With STARTTLS, unless `tls off`.
        case pop3, imap
        /// TLS from the first octet (RFC 8314 §3).
        case pop3s, imaps

        public var defaultPort: Int {
            switch self {
            case .pop3: 110
            case .imap: 143
            case .pop3s: 995
            case .imaps: 993
            }
        }
        public var isIMAP: Bool { self == .imap || self == .imaps }
        public var hasImplicitTLS: Bool { self == .pop3s || self == .imaps }
    }

    public var service: Service
    /// A name, or an address without brackets.
    public var host: String
    public var port: Int

    public init(service: Service, host: String, port: Int) {
        self.service = service
        self.host = host
        self.port = port
    }
}

/// `send SERVICE HOST[:PORT]...`.
public struct SendServer: Sendable, Hashable {
    public enum Service: String, Sendable, Hashable, CaseIterable {
        /// With STARTTLS, unless `tls off`.
        case smtp, submission
        /// TLS from the first octet (RFC 8314 §3.3).
        case submissions
        /// LMTP (RFC 2033), with STARTTLS to another machine, unless `tls off`.
        case lmtp

        public var defaultPort: Int {
            switch self {
            case .smtp: 25
            case .submission: 587
            case .submissions: 465
            case .lmtp: 24
            }
        }
        public var hasImplicitTLS: Bool { self == .submissions }
    }

    public var service: Service
    /// A name, an address without brackets, or for LMTP the path of a socket, which begins with `/`.
    public var host: String
    /// 0 for a socket.
    public var port: Int
    /// The servers that are asked when the ones before cannot be reached.
    public var others: [HostAndPort]

    public init(service: Service, host: String, port: Int, others: [HostAndPort] = []) {
        self.service = service
        self.host = host
        self.port = port
        self.others = others
    }
}

/// A folder to fetch from, and the folder of the owner's Maildir that its mail goes to.
public struct FolderSettings: Sendable, Hashable {
    /// The name as a person writes it, in UTF-8; or a pattern.
    public let remote: String
    /// Whether what it stands for is left out of the patterns: `!NAME`.
    public let isExcluded: Bool
    /// `nil` for the folder of the same name, and for the inbox where that is INBOX.
    public var local: String?

    /// - Parameter remote: without regard to case where the whole name is INBOX, and only there (RFC 3501 §5.1).
    public init(remote: String, local: String?, isExcluded: Bool = false) {
        self.isExcluded = isExcluded
        self.remote = remote.lowercased() == "inbox" ? Self.inbox : remote
        self.local = local
    }

    public var isInbox: Bool { remote == Self.inbox }

    /// Whether it stands for all folders that it matches: `*` for anything, `%` for anything within one level.
    public var isPattern: Bool { remote.contains { $0 == "*" || $0 == "%" } }

    /// Whether `folder` is of its name or pattern, whatever divides its levels.
    func mayStand(for folder: String) -> Bool { FolderPattern(remote).matches(folder, delimiter: nil) }

    static let inbox = "INBOX"
}

/// `idle FOLDER|off`: where a session waits for mail (RFC 2177).
public enum IdleChoice: Sendable, Hashable {
    /// In the inbox, or, where that is not fetched, in the first folder that is.
    case standard
    case folder(String)
    case off
}

extension AccountSettings {
    /// The folder in which `mhfetch --idle` waits for mail; `nil` for none.
    public var idleFolder: String? {
        guard fetch?.service.isIMAP == true else { return nil }
        switch idle {
        case .off: return nil
        case .folder(let name): return FolderSettings(remote: name, local: nil).remote
        case .standard:
            if mayFetch(FolderSettings.inbox) { return FolderSettings.inbox }
            return folders.first { !$0.isPattern && !$0.isExcluded }?.remote
        }
    }

    /// Whether it is fetched from the same mailbox at a provider as `other`: the same login at the same machine. Behind ports of
    /// this machine there may be several, by way of tunnels.
    public func isSameMailbox(as other: AccountSettings) -> Bool {
        guard name != other.name else { return true }
        guard let (own, its) = fetch.flatMap({ one in other.fetch.map { (one, $0) } }), let user, user == other.user
        else {
            return false
        }
        return own.host.lowercased() == its.host.lowercased()
            && (own.port == its.port || !HostAndPort.isHere(own.host))
    }

    /// Where the line of the place stands that has this number among ``destinations``.
    public func position(ofPlace index: Int) -> SourcePosition {
        positions["deliver \(index + 1)"] ?? positions["deliver"] ?? position
    }

    /// Whether each pattern of `folders` is left out by another one, and no folder is named.
    var leavesOutAll: Bool {
        let excluded = folders.filter(\.isExcluded).map(\.remote)
        return folders.filter { !$0.isExcluded }.allSatisfy { folder in
            // What `*` stands for may hold wildcards, too.
            folder.isPattern
                && excluded.contains { other in
                    other == folder.remote
                        || !other.contains("%") && FolderPattern(other).matches(folder.remote, delimiter: nil)
                }
        }
    }

    /// Whether the lines of `folders` name the folder, or have a pattern that may stand for it.
    func mayFetch(_ folder: String) -> Bool {
        let isNamed = folders.contains { !$0.isPattern && !$0.isExcluded && $0.remote == folder }
        return isNamed
            || folders.contains { $0.isPattern && !$0.isExcluded && $0.mayStand(for: folder) }
                && !folders.contains { $0.isExcluded && $0.mayStand(for: folder) }
    }
}

/// Whether a POP3 server gets commands ahead of its answers, as mpop(1) has it.
public enum PipeliningRule: String, Sendable, Hashable, CaseIterable {
    /// Where it says that it can.
    case auto
    case on
    /// For a server that says so and cannot.
    case off
}

/// A minute of the local day.
public struct TimeOfDay: Sendable, Hashable, CustomStringConvertible {
    /// 0 to 1439.
    public let minute: Int

    /// `06:30`
    public var description: String {
        let (hours, minutes) = minute.quotientAndRemainder(dividingBy: 60)
        return "\(hours < 10 ? "0" : "")\(hours):\(minutes < 10 ? "0" : "")\(minutes)"
    }
}

/// `per-run`: how much is fetched at most; `nil` for as much as there is.
public struct RunLimit: Sendable, Hashable {
    public var messages: Int?
    public var octets: Int?

    public init(messages: Int? = nil, octets: Int? = nil) {
        self.messages = messages
        self.octets = octets
    }
}

/// What becomes of a message at its source once it is fetched.
public enum KeepRule: Sendable, Hashable {
    /// It stays for ever.
    case on
    /// It is deleted once it is safe here.
    case off
    /// It is deleted that many days after it was fetched.
    case days(Int)
}

/// `envelope FIELD [skip N]`: the field that the provider has written the recipients into.
public struct EnvelopeField: Sendable, Hashable {
    public var name: String
    /// How many of that name, from the top, are passed over.
    public var skipped: Int

    public init(name: String, skipped: Int = 0) { (self.name, self.skipped) = (name, skipped) }
}

/// The line `tls`.
public struct TLSLine: Sendable, Hashable {
    public var rule: TLSRule
    /// `off insecure`: in clear to another machine, too.
    public var isInsecure: Bool
    /// TLS where the server offers it, whoever it is; in clear where it does not. Of `off` alone, and of no account: for the
    /// hosts of strangers, which mail would else go to in clear.
    public var isOpportunistic = false

    public init(rule: TLSRule, isInsecure: Bool = false) {
        self.rule = rule
        self.isInsecure = isInsecure
    }

    public static let opportunistic: TLSLine = {
        var line = TLSLine(rule: .off, isInsecure: true)
        line.isOpportunistic = true
        return line
    }()
}

/// Whether connections to an account's servers must be under TLS.
public enum TLSRule: String, Sendable, Hashable, CaseIterable {
    /// No TLS, no login, no mail.
    case required
    case off
}
