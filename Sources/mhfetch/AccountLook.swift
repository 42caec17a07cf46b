// What a person may ask about an account's server without fetching: how much is there, and what the server is.

import AccountSessions
import IMAPProtocol
import POP3Protocol
import Reporting
import RunControl
import TLSEngine
import Transport

/// A look at an account's server, which changes nothing there or here.
struct AccountLook {
    let account: AccountSettings
    let paths: Paths

    /// How many messages the maildrop or each of the folders has, and their octets: a line each.
    func count() throws -> String {
        let server = try server()
        guard account.fetch?.service.isIMAP == true else {
            let session = try POP3Session.open(account, at: server, over: paths, within: AccountRun.sessionLimit)
            try session.exchange.say(.stat)
            guard case .stat(let messages, let octets) = try session.exchange.next() else {
                throw session.broken("an invalid answer to STAT")
            }
            leave(session)
            return line(nil, messages, octets)
        }
        let session = try IMAPSession.open(account, at: server, over: paths, within: AccountRun.sessionLimit)
        var text = ""
        for folder in try session.chosenFolders(of: account).folders {
            let messages = try session.select(folder.settings.remote).messages
            text += line(folder.settings.remote, messages, messages > 0 ? try octets(in: session) : 0)
        }
        try session.logOut()
        return text
    }

    private func line(_ folder: String?, _ messages: Int, _ octets: Int) -> String {
        let place = folder.map { "\(printable($0)): " } ?? ""
        return "\(account.name): \(place)\(counted(messages, "message")), \(counted(octets, "octet"))\n"
    }

    /// The octets of all messages of the selected folder, as the server tells.
    private func octets(in session: IMAPSession) throws -> Int {
        try session.exchange.say(.uidFetch(.from(1), .size))
        var octets = 0
        while true {
            switch try session.exchange.next() {
            case .fetched(let told): octets = octets.adding(told: told.size ?? 0)
            case .done(.uidFetch, let status):
                guard status.condition == .ok else { throw session.refused("UID FETCH", status) }
                return octets
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
    }

    /// What a login finds: the connection, TLS and the certificate, what the server offers, and how the login went.
    /// - Returns: also what kept the login from being accepted, behind what was found until then.
    func probe() throws -> (text: String, failure: (any Error)?) {
        let server = try server()
        var text = "\(account.name): \(server.service) \(server.host) port \(server.port)\n"
        do {
            let mechanism =
                account.fetch?.service.isIMAP == true
                ? try probeIMAP(server, &text) : try probePOP3(server, &text)
            text += mechanism.map { "  the login was accepted, by \($0)\n" } ?? "  there was no login\n"
            return (text, nil)
        } catch {
            return (text, error)
        }
    }

    private func probeIMAP(_ server: AccountServer, _ text: inout String) throws -> String? {
        let session = try IMAPSession.open(account, at: server, over: paths, within: AccountRun.sessionLimit) {
            text += facts($0.wire.facts, $0.engine.capabilities?.names.sorted() ?? [])
        }
        try session.logOut()
        return session.mechanism
    }

    private func probePOP3(_ server: AccountServer, _ text: inout String) throws -> String? {
        let session = try POP3Session.open(account, at: server, over: paths, within: AccountRun.sessionLimit) {
            text += facts($0.wire.facts, ($0.engine.capabilities?.lines ?? []).map { $0.joined(separator: " ") })
        }
        leave(session)
        return session.mechanism
    }

    private func facts(_ wire: WireFacts, _ offers: [String]) -> String {
        let local = wire.localAddress.map { " from \($0)" } ?? ""
        let remote = wire.remoteAddress.map { "\($0)" } ?? "an unknown address"
        var lines = ["connected to \(remote)\(local)"]
        if let tls = wire.tls {
            lines.append("\(tls.version), \(tls.cipher)")
            let until = tls.peerValidUntil.map { ", valid until \(CertificateFile.day($0))" } ?? ""
            lines.append("certificate of \(printable(tls.peerSubject ?? "nobody"))\(until)")
            lines += [tls.peerFingerprint.map { "tls_fingerprint \($0)" }, tls.peerKey.map { "tls_fingerprint \($0)" }]
                .compactMap(\.self)
        } else {
            lines.append("in clear")
        }
        lines.append(
            "offers before the login "
                + (offers.isEmpty ? "nothing that it tells" : printable(offers.joined(separator: " | "))))
        return lines.map { "  \($0)\n" }.joined()
    }

    /// Nothing is to be deleted, so that a QUIT that is not answered changes nothing.
    private func leave(_ session: POP3Session) {
        do {
            try session.exchange.say(.quit)
            _ = try session.exchange.next()
        } catch {}
    }

    private func server() throws -> AccountServer {
        guard let server = account.fetchServer else {
            throw FetchError.doesNotFetch(account.name, position: account.position)
        }
        return server
    }
}
