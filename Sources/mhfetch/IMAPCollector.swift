// One IMAP session: from the greeting through every folder of the account to LOGOUT.

import AccountAccess
import IMAPProtocol
import Octets
import Reporting
import RunControl
import Transport

/// One IMAP session.
final class IMAPCollector {
    let run: AccountRun
    let exchange: Exchange<IMAPClient>
    let host: String

    var account: AccountSettings { run.account }

    init(run: AccountRun, server: FetchServer, wire: Wire) {
        self.run = run
        host = server.host
        exchange = Exchange(IMAPClient(), on: wire, timeout: run.account.timeout)
    }

    /// Fetches what is new from every folder of the account and deletes what may go.
    func collect(_ login: AccountLogin?) throws {
        try greet()
        try secure()
        try logIn(login)
        for (number, folder) in account.folders.enumerated() {
            if number > 0, run.isTurnOver() { break }
            do {
                try collect(folder)
            } catch let stop as FetchError where stop.stopsFolderOnly {
                // A batch that was under way is whole as far as it goes.
                try run.publish()
                try run.settle()
                run.noteStop(stop)
            }
        }
        // All is done and written down: a server that hangs up now tells us nothing we need.
        do {
            try exchange.say(.logout)
            try finish(.logout)
        } catch is TransportError {}
    }

    private func collect(_ folder: FolderSettings) throws {
        let selection = try select(IMAPMailboxName(folder.remote), isReadOnly: account.keep == .on)
        guard let validity = selection.uidValidity else {
            throw FetchError.noUIDValidity(folder: folder.remote, host: host)
        }
        let index = try number(of: folder, validity: validity, selection)
        let collector = IMAPFolder(
            session: self, index: index, destination: try run.destination(folder: folder.local))
        try collector.collect(folder.remote, uidNext: selection.uidNext)
    }

    private func select(_ name: IMAPMailboxName, isReadOnly: Bool) throws -> IMAPSelection {
        try exchange.say(isReadOnly ? .examine(name) : .select(name))
        var selection = IMAPSelection()
        while true {
            switch try exchange.next() {
            case .selected(let told): selection = told
            case .done(let request, let status) where request == .select || request == .examine:
                guard status.condition == .ok else {
                    throw refused("\(request.rawValue) \(printable(octets: name.encoded))", status)
                }
                return selection
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    /// The folder's number in the state; stops when the server has renumbered it, unless a person has said what to do.
    private func number(of folder: FolderSettings, validity: UInt32, _ selection: IMAPSelection) throws -> Int {
        let index = try run.state.folder(named: folder.remote, validity: validity)
        guard run.state.folders[index].validity != validity else { return index }
        if run.refetchFolder == folder.remote {
            try run.state.renumber(index, validity: validity)
        } else if run.acceptFolder == folder.remote {
            guard let next = selection.uidNext else {
                throw FetchError.noUIDValidity(folder: folder.remote, host: host)
            }
            try run.state.renumber(index, validity: validity)
            try run.state.setNext(next, of: index)
        } else {
            throw FetchError.renumbered(folder: folder.remote, account: account.name)
        }
        try run.state.synchronize()
        return index
    }

    // MARK: What all parts need

    /// Waits for the completion of `request`.
    func finish(_ request: IMAPRequest) throws {
        while true {
            switch try exchange.next() {
            case .done(request, let status):
                guard status.condition == .ok else { throw refused(request.rawValue, status) }
                return
            case .expunged where request == .uidExpunge: exchange.renewInListing()
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
