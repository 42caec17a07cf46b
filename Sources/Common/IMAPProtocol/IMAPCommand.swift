// What an IMAP client says: each command, and what may be told of it without secrets.

/// What a FETCH asks for of each message, always with its UID.
public struct IMAPItems: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let flags = IMAPItems(rawValue: 1)
    public static let size = IMAPItems(rawValue: 2)
    public static let internalDate = IMAPItems(rawValue: 4)
    /// The header alone, as content. Sets no `\Seen`.
    public static let header = IMAPItems(rawValue: 8)
    /// The whole message, as content. Sets no `\Seen`.
    public static let body = IMAPItems(rawValue: 16)

    var hasContent: Bool { !content.isEmpty }
    /// The one of the two that is asked for: `.body` holds the header.
    var content: IMAPItems { contains(.body) ? .body : intersection(.header) }

    /// `"(" fetch-att *(SP fetch-att) ")"`, UID first so that most servers tell it before the content.
    var text: String {
        var words = ["UID"]
        if contains(.flags) { words.append("FLAGS") }
        if contains(.size) { words.append("RFC822.SIZE") }
        if contains(.internalDate) { words.append("INTERNALDATE") }
        if contains(.body) {
            words.append("BODY.PEEK[]")
        } else if contains(.header) {
            words.append("BODY.PEEK[HEADER]")
        }
        return "(\(words.joined(separator: " ")))"
    }
}

/// What UID SEARCH looks for: UIDs, and a person's criteria from the rc.
public struct IMAPSearch: Hashable, Sendable {
    public let uids: UIDSet?
    /// Search keys as RFC 3501 §6.4.4 writes them, such as `UNSEEN`; printable ASCII without literals.
    public let criteria: String

    public init(uids: UIDSet? = nil, criteria: String = "") {
        self.uids = uids
        self.criteria = criteria
    }

    public static let all = IMAPSearch()
    public static let unseen = IMAPSearch(criteria: "UNSEEN")
}

/// A command of an IMAP client.
public enum IMAPCommand: Hashable, Sendable {
    case capability
    case startTLS
    /// COMPRESS=DEFLATE (RFC 4978), behind the login.
    case compress
    case login(user: String, password: String)
    /// The initial response goes with the command where the server knows SASL-IR (RFC 4959), else with `.proceed`.
    case authenticate(mechanism: String, initialResponse: [UInt8]?)
    /// The answer to ``IMAPClient/Event/challenge(_:)``, not yet in base64.
    case saslResponse([UInt8])
    case saslCancel
    /// The rest of a command that waited for the server; the answer to ``IMAPClient/Event/proceed``.
    case proceed
    /// RFC 2971.
    case id(name: String)
    /// `pattern` may hold `*` and `%`. Attributes of RFC 6154 are asked for where the server knows how (RFC 5258).
    case list(reference: IMAPMailboxName, pattern: IMAPMailboxName)
    case create(IMAPMailboxName)
    /// There is no EXAMINE: some servers keep UIDs on SELECT only.
    case select(IMAPMailboxName)
    case uidSearch(IMAPSearch)
    /// `changedSince` only where the server knows CONDSTORE (RFC 7162 §3.1.4.1).
    case uidFetch(UIDSet, IMAPItems, changedSince: Int? = nil)
    /// `+FLAGS.SILENT`; flags such as `\Deleted` or `$Junk`.
    case uidStore(UIDSet, add: [String])
    /// Only where the server knows UIDPLUS (RFC 4315 §2.1); plain EXPUNGE, which also removes what others marked, is
    /// never sent.
    case uidExpunge(UIDSet)
    /// Only where the server knows MOVE (RFC 6851).
    case uidMove(UIDSet, to: IMAPMailboxName)
    case uidCopy(UIDSet, to: IMAPMailboxName)
    /// A message of so many octets on the wire for a mailbox (RFC 3501 §6.3.11). Its content follows once the server is
    /// ready for it (``IMAPClient/Event/proceed``), so that one that is refused is never sent.
    /// - Parameters:
    ///   - date: when it came in, in seconds since 1970.
    case append(IMAPMailboxName, flags: [String], date: Int?, octets: Int)
    /// Content of that message in file form: LF line ends.
    case appendContent([UInt8])
    /// The end of it. A last line without its end gets one.
    case appendEnd
    /// RFC 2177, where the server lists IDLE.
    case idle
    case idleEnd
    case noop
    case logout
}

/// What a completion answers: a command without its values.
public enum IMAPRequest: String, Hashable, Sendable {
    case capability = "CAPABILITY"
    case startTLS = "STARTTLS"
    case compress = "COMPRESS DEFLATE"
    case login = "LOGIN"
    case authenticate = "AUTHENTICATE"
    case id = "ID"
    case list = "LIST"
    case create = "CREATE"
    case select = "SELECT"
    case uidSearch = "UID SEARCH"
    case uidFetch = "UID FETCH"
    /// UID FETCH of content.
    case uidFetchContent = "UID FETCH BODY"
    case uidStore = "UID STORE"
    case uidExpunge = "UID EXPUNGE"
    case uidMove = "UID MOVE"
    case uidCopy = "UID COPY"
    case append = "APPEND"
    case idle = "IDLE"
    case noop = "NOOP"
    case logout = "LOGOUT"
}

extension IMAPCommand {
    /// What the completion of this command will answer; `nil` for what only continues one.
    var request: IMAPRequest? {
        switch self {
        case .capability: .capability
        case .startTLS: .startTLS
        case .compress: .compress
        case .login: .login
        case .authenticate: .authenticate
        case .saslResponse, .saslCancel, .proceed, .idleEnd, .appendContent, .appendEnd: nil
        case .id: .id
        case .list: .list
        case .create: .create
        case .select: .select
        case .uidSearch: .uidSearch
        case .uidFetch(_, let items, _): items.hasContent ? .uidFetchContent : .uidFetch
        case .uidStore: .uidStore
        case .uidExpunge: .uidExpunge
        case .uidMove: .uidMove
        case .uidCopy: .uidCopy
        case .append: .append
        case .idle: .idle
        case .noop: .noop
        case .logout: .logout
        }
    }
}
