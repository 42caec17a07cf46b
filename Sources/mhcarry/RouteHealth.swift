// Which accounts are at fault, when one may be asked again, and that it is told once (DECISIONS 17).

import Reporting
import SMTPProtocol
import SpoolQueue

/// The faults of accounts, shared with other runs through the route states.
struct RouteHealth: Sendable {
    /// Seconds until a fault is probed for the first time; then a quarter of the time it has lasted.
    static let firstDelay = 60

    let hub: CarrierHub
    /// Whether somebody reads our standard error: not in a detached run.
    var isHeard = !StandardError.isNull

    /// Why the account is not to be asked now; `nil`: it may. While a fault lasts one run at a time may probe it: who
    /// gets `nil` has the turn.
    func refusal(of name: String) throws(QueueError) -> String? {
        let now = Clock.seconds()
        guard try hub.routes.read(name).fault != nil else { return nil }
        var refusal: String?
        try hub.routes.change(name) { state in
            // A probe further ahead than the longest delay tells of a clock that was wrong.
            let waits = state.nextProbe > now && state.nextProbe <= now + hub.policy.longestDelay
            if waits, !hub.isForced { refusal = state.fault } else { state.nextProbe = now + Self.firstDelay }
        }
        return refusal
    }

    /// Notes that the account works: it took a message.
    func mend(_ name: String) throws(QueueError) {
        guard try hub.routes.read(name).fault != nil else { return }
        try hub.routes.change(name) { state in
            state.fault = nil
            state.isTold = false
        }
        hub.log.write(.notice, "route mended", [("route", name)])
    }

    /// Notes that the account is at fault; a person hears of it once an episode.
    /// - Returns: when it may be probed again.
    @discardableResult
    func fault(_ words: String, of name: String) throws(QueueError) -> Int {
        let now = Clock.seconds()
        var isNew = false
        var isToTell = false
        let state = try hub.routes.change(name) { state in
            if state.fault == nil || state.since > now { state.since = now }
            isNew = state.fault == nil
            isToTell = isHeard && !state.isTold
            state.fault = words
            if isToTell { state.isTold = true }
            state.nextProbe = now + min(max(Self.firstDelay, (now - state.since) / 4), hub.policy.longestDelay)
        }
        hub.log.write(isNew ? .error : .info, "route fault", [("route", name), ("error", words)])
        if isToTell {
            // On a terminal a person reads it; from a crontab it becomes one mail.
            writeToStandardError(
                "mhcarry: account \(name): \(printable(words)); its mail waits, and it is tried again by itself")
        }
        return state.nextProbe
    }
}

extension Reply {
    /// What a server said, as the queue keeps it.
    init(_ reply: SMTPReply, from host: String, fallback: String) {
        self.init(
            status: reply.enhanced.map { "\($0)" } ?? fallback, remote: host, text: printable(reply.description),
            isSMTP: true)
    }

    /// Why a server cannot take the message at all.
    init(_ obstacle: OutgoingTransaction.Obstacle, at host: String) {
        switch obstacle {
        case .noRecipients: self.init(status: "5.5.1", remote: host, text: "no recipients")
        case .tooBig(let limit):
            self.init(status: "5.3.4", remote: host, text: "the server takes no message above \(limit) octets")
        case .needsSMTPUTF8:
            self.init(status: "5.6.7", remote: host, text: "the server takes no international addresses (SMTPUTF8)")
        case .straysUnderSignature:
            self.init(
                status: "5.6.0",
                text:
                    "the message holds a stray CR or NUL, which mail must not hold on its way, and it is signed: taking "
                    + "that octet out would break the signature; take it out yourself, sign again and send it again")
        case .needs8BITMIME:
            self.init(
                status: "5.6.3", remote: host,
                text: "\(host) takes no 8-bit mail (it offers no 8BITMIME); send it again with its text encoded as "
                    + "quoted-printable or base64, which your mail program can do, or by another account")
        case .tooManyRecipients(let limit):
            self.init(status: "5.5.3", remote: host, text: "the server takes no more than \(limit) recipients at once")
        }
    }
}
