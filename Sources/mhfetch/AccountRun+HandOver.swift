// Mail of an account that goes to other places than the Maildir of its owner: by way of the spool.

import Blocking
import Delivery
import FetchSpool
import MaildirStore
import Reporting
import RunControl

extension AccountSettings {
    /// Whether its mail goes to other places, or to more, than the Maildir of its owner.
    var needsSpool: Bool { destinations != [.maildir] || envelope != nil }

    /// The places that its mail goes to, for a person.
    func placesText(_ destination: Destination) -> String {
        guard needsSpool else { return "\(destination)" }
        return destinations.map(\.description).joined(separator: ", ")
    }
}

extension AccountRun {
    /// How long a session waits for places before it deletes at the source what they have by then.
    static let placePatience = Duration.seconds(60)
    /// How long a run goes on handing over behind its session.
    static let handOverLimit = Duration.seconds(3600)

    /// Begins to hand on what earlier runs have left.
    func beginHandOver() throws {
        guard let handOver else { return }
        let waiting = try handOver.spool.messages()
        try handOver.spool.tidy(keeping: waiting)
        try handOver.take(waiting, fromEarlierRun: true)
        // What the places take at once may be deleted in the session that follows.
        try settleHandOver(within: Self.placePatience)
    }

    /// Waits for the places; what they have may be deleted at the source then.
    func settleHandOver(within patience: Duration) throws {
        guard let handOver else { return }
        try handOver.settle(until: Deadline(after: patience))
        try freeHandedOver()
    }

    private func freeHandedOver() throws {
        guard let handOver else { return }
        let free = state.owed.filter { !handOver.holds($0.value) }.map(\.key)
        if !free.isEmpty { try ledger.free(free.sorted { $0.text < $1.text }) }
    }

    /// Ends the work of this run on what is spooled.
    /// - Returns: what waits, for a person; `nil` for nothing.
    func endHandOver() throws -> String? {
        guard let handOver else { return nil }
        defer { handOver.end() }
        try settleHandOver(within: Self.handOverLimit)
        handOver.end()
        try freeHandedOver()
        if let text = handOver.takenText { tell("handed on: \(text)") }
        guard handOver.count > 0 else { return nil }
        let reason = handOver.words.first ?? "the places that the rc names have not taken all of it yet"
        let more = handOver.words.count > 1 ? "; and \(handOver.words.count - 1) more" : ""
        return "\(counted(handOver.count, "message")) fetched and waiting: \(reason)\(more)"
    }

    /// Throws when so much waits that no more is fetched.
    func demandSpoolRoom() throws {
        guard let handOver, account.needsSpool else { return }
        func isFull() -> Bool { handOver.octets >= FetchSpool.octetLimit || handOver.count >= FetchSpool.countLimit }
        guard isFull() else { return }
        // Places that are up may only be slower than the network.
        try settleHandOver(within: Self.placePatience)
        guard isFull() else { return }
        throw FetchError.spoolFull(octets: handOver.octets, words: handOver.words.first ?? "")
    }

    /// Hands on what waits, and asks no server for mail.
    /// - Returns: `temporaryFailure` when something still waits.
    func handOverOnly() throws -> ExitStatus {
        defer { handOver?.end() }
        try recover()
        try beginHandOver()
        guard let words = try endHandOver() else { return .ok }
        tellWaiting(words)
        return .temporaryFailure
    }

    /// Tells of what waits: in a run of cron's only the log, as the alert tells a person when it lasts.
    func tellWaiting(_ words: String) {
        guard isNews(words) else { return }
        hub.log.write(.warning, "waiting", [("account", account.name), ("error", words)])
        guard !isByTimer || isVerbose else { return }
        write(printable(words))
    }
}
