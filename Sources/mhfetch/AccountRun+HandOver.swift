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
    /// How long a run goes on handing over behind its session; longer where a person has asked for it, as nobody comes back
    /// after it.
    static let handOverLimit = (byTimer: Duration.seconds(300), byHand: Duration.seconds(3600))

    /// Begins to hand on what earlier runs have left.
    func beginHandOver() throws {
        guard let handOver else { return }
        let waiting = try handOver.spool.messages()
        if handOver.isFresh {
            try handOver.spool.tidy(keeping: waiting, at: account.destinations.map(\.description))
        } else {
            try handOver.offerAgain()
        }
        try handOver.take(waiting, fromEarlierRun: true)
        // What the places take at once may be deleted in the session that follows. Where runs follow one another there is mail
        // that waits to be fetched.
        if means.standingHandOver == nil { try awaitPlaces() }
    }

    /// Waits for the places, as long as this run still may; what they have may be deleted at the source then.
    func awaitPlaces() throws {
        let began = Deadline.now
        defer { placePatience -= min(placePatience, began.elapsed) }
        try settleHandOver(within: placePatience, besides: StandingHandOver.patience)
    }

    /// - Parameter slow: a place that has been at work on a message for so long is not waited for.
    private func settleHandOver(within patience: Duration, besides slow: Duration? = nil) throws {
        try handOver?.settle(until: Deadline(after: patience), besides: slow)
        try freeHandedOver()
    }

    private func freeHandedOver() throws {
        guard let spool, !state.owed.isEmpty else { return }
        let waiting = handOver == nil ? Set(try spool.storedMessages().map(\.unique)) : []
        let free = state.owed.filter { !(handOver?.holds($0.value) ?? waiting.contains($0.value)) }
        if !free.isEmpty { try ledger.free(free.map(\.key).sorted { $0.text < $1.text }) }
    }

    /// Ends the work of this run on what is spooled. Where it may go on between runs, it does.
    /// - Returns: what waits, for a person; `nil` for nothing.
    func endHandOver() throws -> String? {
        guard let handOver else {
            guard let spool, account.needsSpool else { return nil }
            try freeHandedOver()
            tally.waiting = try spool.storedMessages().count
            if tally.waiting > 0 { tell("another process hands on what is fetched") }
            return nil
        }
        means.files?.shrink()
        var goesOn = false
        if let standing = means.standingHandOver {
            try awaitPlaces()
            goesOn = !handOver.isSettled && !StopSignal.hasCome
            if !goesOn { standing.end() }
        } else {
            defer { handOver.end() }
            try settleHandOver(within: isByTimer ? Self.handOverLimit.byTimer : Self.handOverLimit.byHand)
        }
        try freeHandedOver()
        if let text = handOver.takeTakenText() { tell("handed on: \(text)") }
        guard handOver.count > 0, !goesOn || !handOver.words.isEmpty else { return nil }
        let reason = handOver.words.first ?? "the places that the rc names have not taken all of it yet"
        let more = handOver.words.count > 1 ? "; and \(handOver.words.count - 1) more" : ""
        return "\(counted(handOver.count, "message")) fetched and waiting: \(reason)\(more)"
    }

    /// Throws when so much waits that no more is fetched.
    func demandSpoolRoom() throws {
        guard let spool, account.needsSpool else { return }
        /// Octets that wait; `nil` where there is room for more.
        func excess() throws -> Int? {
            let messages = handOver == nil ? try spool.storedMessages() : []
            let octets = handOver?.octets ?? messages.reduce(0) { $0.adding(told: $1.size) }
            let isFull = octets >= FetchSpool.octetLimit || (handOver?.count ?? messages.count) >= FetchSpool.countLimit
            return isFull ? octets : nil
        }
        guard try excess() != nil else { return }
        // Places that are up may only be slower than the network.
        try settleHandOver(within: Self.placePatience)
        guard let octets = try excess() else { return }
        throw FetchError.spoolFull(octets: octets, words: handOver?.words.first ?? "")
    }

    /// Hands on what waits, and asks no server for mail.
    /// - Returns: `temporaryFailure` when something still waits.
    func handOverOnly() throws -> ExitStatus {
        // Also where it cannot be begun.
        defer { if means.standingHandOver == nil { handOver?.end() } }
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
