// One IMAP session with an account's server: what fetching and listing folders have in common.

import IMAPProtocol
import Octets
import Reporting
import RunControl
import Transport

/// One IMAP session.
final class IMAPSession {
    /// Mailboxes of one LIST; those behind are passed over.
    static let mailboxLimit = 10_000

    let account: AccountSettings
    let exchange: Exchange<IMAPClient>
    let host: String

    init(account: AccountSettings, server: FetchServer, wire: Wire) {
        self.account = account
        host = server.host
        exchange = Exchange(IMAPClient(), on: wire, timeout: account.timeout)
    }

    /// Makes `name` the selected mailbox. Never by EXAMINE: Courier keeps UIDs on SELECT only (DECISIONS 37).
    /// - Throws: ``FetchError/noSuchFolder(_:host:nearest:)`` when the server does not list it either.
    func select(_ name: String) throws -> IMAPSelection {
        try exchange.say(.select(IMAPMailboxName(name)))
        var selection = IMAPSelection()
        while true {
            switch try exchange.next() {
            case .selected(let told): selection = told
            case .done(.select, let status):
                guard status.condition == .ok else { throw try obstacle(to: name, status) }
                return selection
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// Why `name` could not be selected.
    private func obstacle(to name: String, _ status: IMAPStatus) throws -> FetchError {
        let refusal = refused("SELECT of folder \(printable(name))", status)
        let mailboxes: [IMAPMailbox]
        do {
            mailboxes = try list("*")
        } catch FetchError.refused {
            return refusal
        }
        let encoded = IMAPMailboxName(name)
        guard !mailboxes.contains(where: { $0.name == encoded && $0.isSelectable }) else { return refusal }
        return .noSuchFolder(name, host: host, nearest: FolderNames(mailboxes).nearest(to: name))
    }

    /// What the server has of `pattern`, which may hold `*`.
    func list(_ pattern: String) throws -> [IMAPMailbox] {
        try exchange.say(.list(reference: IMAPMailboxName(""), pattern: IMAPMailboxName(pattern)))
        var mailboxes: [IMAPMailbox] = []
        while true {
            switch try exchange.next() {
            case .mailbox(let mailbox):
                if mailboxes.count < Self.mailboxLimit { mailboxes.append(mailbox) }
                exchange.renewInListing()
            case .done(.list, let status):
                guard status.condition == .ok else { throw refused("LIST", status) }
                return mailboxes
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// Ends the session. All is done and written down: a server that hangs up now tells us nothing we need.
    func logOut() throws {
        do {
            try exchange.say(.logout)
            try finish(.logout)
        } catch is TransportError {}
    }

    /// Waits for the completion of `request`.
    func finish(_ request: IMAPRequest) throws {
        while true {
            switch try exchange.next() {
            case .done(request, let status):
                guard status.condition == .ok else { throw refused(request.rawValue, status) }
                return
            case .bye(let status) where request != .logout: throw farewell(status)
            default: break
            }
        }
    }

    func refused(_ command: String, _ status: IMAPStatus) -> FetchError {
        .refused(command: command, host: host, words: printable(octets: status.text, limit: 200))
    }

    func farewell(_ status: IMAPStatus) -> FetchError {
        .farewell(host: host, words: printable(octets: status.text, limit: 200))
    }

    func broken(_ what: String) -> FetchError { .protocolBroken(host: host, what: "the server gave \(what)") }
}
