// Which next hops are at fault, when one may be asked again, and reports of it: at once, after a day, after five.

import MailFormat
import MessageContent
import Reporting
import SpoolQueue

/// The faults of next hops, shared with other runs through their states.
struct HopHealth: Sendable {
    /// Seconds until a fault is probed for the first time; then a quarter of the time it has lasted.
    static let firstDelay = 60
    /// How long what a person must mend may last before a letter tells of it, in seconds.
    static let mendingTime = 15 * 60

    let hub: CarrierHub
    /// Whether somebody reads our standard error: not in a detached run.
    var isHeard = !StandardError.isNull

    /// Why the hop is not to be asked now; `nil` when it may be. While a fault lasts one run at a time may probe the
    /// hop: the one that gets `nil`.
    func refusal(of hop: NextHop) throws(QueueError) -> HopFault? {
        let now = Clock.seconds()
        guard try hub.hops.read(hop).fault != nil else { return nil }
        var refusal: HopFault?
        try hub.hops.change(hop) { state in
            let mayProbe = ClockSanity.hasCome(state.nextProbe, now: now, longestWait: hub.policy.longestDelay)
            guard let words = state.fault, !mayProbe, !hub.asksAtOnce else {
                state.nextProbe = now + Self.firstDelay
                return
            }
            refusal = HopFault(words)
            refusal?.until = state.nextProbe
        }
        return refusal
    }

    /// Notes that the hop works: its server has replied to a message.
    func mend(_ hop: NextHop) throws(QueueError) {
        guard try hub.hops.read(hop).fault != nil else { return }
        try hub.hops.change(hop) { state in
            state.fault = nil
            state.told = 0
        }
        hub.log.write(.notice, "hop mended", [("hop", hop.description)])
    }

    /// Notes that the hop is at fault. A person hears of it at once; its owner gets a letter after a day, and after
    /// five, and where nobody could hear of it and somebody must mend it, after a quarter of an hour.
    /// - Returns: when it may be probed again, in seconds since 1970.
    @discardableResult
    func note(_ fault: HopFault, of hop: NextHop) throws(QueueError) -> Int {
        let (now, words) = (Clock.seconds(), fault.words)
        var isNew = false
        var isToTell = false
        var letter = 0
        let state = try hub.hops.change(hop) { state in
            if state.fault == nil || state.since > now { state.since = now }
            isNew = state.fault == nil
            isToTell = isHeard && state.told == 0 && !hop.isStranger
            state.fault = words
            if isToTell { state.told = 1 }
            let age = now - state.since
            let stage = age >= 5 * 86_400 ? 3 : age >= 86_400 ? 2 : fault.needsPerson && age >= Self.mendingTime ? 1 : 0
            // A clock that has only just been set has seen no days go by.
            if !hop.isStranger, stage > state.told, ClockSanity.trusts(state.since) { letter = stage }
            state.nextProbe = now + hub.policy.spread(min(max(Self.firstDelay, age / 4), hub.policy.longestDelay))
        }
        hub.log.write(
            isNew && !hop.isStranger ? .error : .info, "hop fault", [("hop", hop.description), ("error", words)])
        if isToTell {
            // On a terminal a person reads it; from a crontab it becomes one mail.
            let named = words.hasPrefix("\(hop): ") ? words : "\(hop): \(words)"
            writeToStandardError(
                "\(CommandName.called(else: "mhcarry")): \(printable(named)); it is asked again by itself, and its mail waits "
                    + "or goes another way")
        }
        if letter > 0 {
            // The letter first: a crash in between costs a second one.
            try write(words, of: hop, since: state.since)
            try hub.hops.change(hop) { if $0.fault != nil { $0.told = max($0.told, letter) } }
        }
        return state.nextProbe
    }

    /// Queues a letter to the account's owner.
    private func write(_ words: String, of hop: NextHop, since: Int) throws(QueueError) {
        let date = MailDate.now()
        let id = hub.queue.makeID(seconds: date.seconds)
        let letter = try hub.notices.write(
            fault: words, of: hop.name, since: since, to: hub.settings.account(hop.name)?.owner, id: id, at: date)
        try hub.queue.add(letter, id: id)
    }
}
