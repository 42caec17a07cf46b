// The UIDs of a folder that were fetched, day by day.

import IMAPProtocol

extension FetchState.Folder {
    /// Adds UIDs fetched at `time`; those of one day stand together, but for those that were passed over.
    mutating func note(_ uids: UIDSet, at time: Int, _ run: Int) {
        guard let last = fetched.indices.last, fetched[last].time / 86_400 == time / 86_400,
            (fetched[last].run == 0) == (run == 0)
        else {
            return fetched.append(FetchState.Day(time: time, run: run, uids: uids))
        }
        fetched[last].time = max(fetched[last].time, time)
        fetched[last].run = max(fetched[last].run, run)
        fetched[last].uids = UIDSet(ranges: fetched[last].uids.ranges + uids.ranges)
    }

    mutating func forget(_ uids: UIDSet) {
        for day in fetched.indices { fetched[day].uids = fetched[day].uids.subtracting(uids) }
        fetched.removeAll { $0.uids.isEmpty }
        lacking.uids = lacking.uids.subtracting(uids)
        past = UIDSet(ranges: past.ranges + uids.ranges)
    }

    /// Whether to look for new mail although the server says that there is none (by UIDNEXT): there are more messages than
    /// there were, or nobody has looked for a day. A server's counter that stands still would hide mail for good.
    public func needsLook(messages: Int, at now: Int) -> Bool {
        guard messages > 0 else { return false }
        return look.map { messages > $0.messages } ?? true || isDayOver(at: now)
    }

    /// Whether nobody has looked for a day at what earlier listings may have left out.
    public func isDayOver(at now: Int) -> Bool { look.map { !(0..<86_400).contains(now - $0.time) } ?? true }

    /// The UIDs below ``next`` of which nothing was ever known: messages that went before they were listed, and any that a
    /// listing has left out.
    /// - Parameter unfetched: those that are to be fetched yet.
    public func unknown(besides unfetched: some Sequence<UInt32>) -> UIDSet {
        guard next > floor else { return UIDSet([]) }
        return UIDSet(ranges: [floor...(next - 1)]).subtracting(past)
            .subtracting(UIDSet(ranges: fetched.flatMap(\.uids.ranges))).subtracting(UIDSet(unfetched))
    }

    public func isFetched(_ uid: UInt32) -> Bool { fetched.contains { $0.uids.contains(uid) } }
}
