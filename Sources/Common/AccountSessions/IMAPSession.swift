// An IMAP session with an account's server: connected, secured, logged in; and what every user of one does.

import IMAPProtocol
import Octets
import Reporting
import RunControl
import Transport

/// A session in which mailboxes can be selected. What is done with them is the caller's.
public struct IMAPSession {
    /// Mailboxes of one LIST; a server that has more is told of, rather than that some were passed over.
    public static let mailboxLimit = 10_000

    public let host: String
    /// What the login went by; `nil` without one.
    public let mechanism: String?
    /// Whether what follows the login is compressed (RFC 4978).
    public private(set) var isCompressed = false
    public let exchange: Exchange<IMAPClient>

    /// Connects, and begins a session.
    /// - Parameters:
    ///   - limit: the end of the whole session.
    ///   - beforeLogin: is called once the server has told what it offers.
    public static func open(
        _ account: AccountSettings, at server: AccountServer, over paths: Paths, within limit: Duration,
        beforeLogin: (Exchange<IMAPClient>) -> Void = { _ in }
    ) throws(AccountError) -> IMAPSession {
        let login = try AccountLogin(of: account, at: server, recordedBy: paths.logins)
        return try IMAPSession(
            on: paths.wire(of: account, to: server, within: limit), of: account, at: server, login,
            beforeLogin: beforeLogin)
    }

    /// Begins a session on a connection that stands.
    init(
        on wire: Wire, of account: AccountSettings, at server: AccountServer, _ login: AccountLogin?,
        beforeLogin: (Exchange<IMAPClient>) -> Void = { _ in }
    ) throws(AccountError) {
        host = server.host
        exchange = Exchange(IMAPClient(), on: wire, timeout: account.timeout)
        mechanism = try SessionStart(account: account, server: server, exchange: exchange, asking: .capability)
            .carryOut(login, beforeLogin: beforeLogin)
        // Behind the login, whose secret never shares a window with words of others.
        if account.isCompressed, has("COMPRESS=DEFLATE") { isCompressed = try compress() }
    }

    /// Compresses what follows in both directions; a server that does not want to, though it said so, need not.
    /// - Returns: whether it does.
    private func compress() throws(AccountError) -> Bool {
        try exchange.command(.compress)
        while true {
            switch try exchange.event() {
            case .compressionReady:
                let rest = exchange.engine.compressionBegun()
                do { try exchange.wire.startCompression(with: rest) } catch { throw .transport(error) }
                return true
            case .done(.compress, _): return false
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// Whether the server lists the capability `name`.
    public func has(_ name: String) -> Bool { exchange.engine.capabilities?.has(name) == true }

    /// Makes `name` the selected mailbox. Never by EXAMINE: Courier keeps UIDs on SELECT only.
    ///
    /// Some providers refuse that to programs that do not say what they are (RFC 2971). They are told only then: it is
    /// nobody else's business.
    /// - Throws: ``AccountError/refused(command:host:words:)`` where the server does not let it be selected.
    public func select(_ name: String) throws(AccountError) -> IMAPSelection {
        do throws(AccountError) {
            return try selectOnce(name)
        } catch {
            guard case .refused = error, has("ID") else { throw error }
            try introduce()
            return try selectOnce(name)
        }
    }

    private func introduce() throws(AccountError) {
        try exchange.command(.id(name: "mailhub"))
        while true {
            switch try exchange.event() {
            case .done(.id, _): return
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    private func selectOnce(_ name: String) throws(AccountError) -> IMAPSelection {
        try exchange.command(.select(IMAPMailboxName(name)))
        var selection = IMAPSelection()
        while true {
            switch try exchange.event() {
            case .selected(let told): selection = told
            case .done(.select, let status):
                guard status.condition == .ok else { throw refused("SELECT of folder \(printable(name))", status) }
                return selection
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// What the server has of `pattern`, which may hold `*`.
    /// - Parameter isWhole: whether to throw when there is more than ``mailboxLimit``, rather than to leave it out.
    public func list(_ pattern: String, isWhole: Bool = true) throws(AccountError) -> [IMAPMailbox] {
        try exchange.command(.list(reference: IMAPMailboxName(""), pattern: IMAPMailboxName(pattern)))
        var mailboxes: [IMAPMailbox] = []
        while true {
            switch try exchange.event() {
            case .mailbox(let mailbox):
                if mailboxes.count < Self.mailboxLimit {
                    mailboxes.append(mailbox)
                } else if isWhole {
                    throw broken("more than \(Self.mailboxLimit) folders; let `folders` name those to fetch")
                }
            case .done(.list, let status):
                guard status.condition == .ok else { throw refused("LIST", status) }
                return mailboxes
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// Ends the session. All is done and written down: a server that hangs up now tells us nothing we need.
    public func logOut() throws(AccountError) {
        do throws(AccountError) {
            try exchange.command(.logout)
            while true {
                guard case .done(.logout, let status) = try exchange.event() else { continue }
                guard status.condition == .ok else { throw refused(IMAPRequest.logout.rawValue, status) }
                return
            }
        } catch .transport {}
    }

    public func refused(_ command: String, _ status: IMAPStatus) -> AccountError {
        .refused(command: command, host: host, words: exchange.quoted(status.text))
    }

    public func farewell(_ status: IMAPStatus) -> AccountError {
        .farewell(host: host, words: exchange.quoted(status.text))
    }

    /// The server does not keep to the protocol.
    public func broken(_ what: String) -> AccountError { .protocolBroken(host: host, what: what) }
}
