// The UIDs of a folder that were fetched, day by day (DECISIONS 34).

import IMAPProtocol

extension FetchState.Folder {
    /// Adds UIDs fetched at `time`; those of one day stand together.
    mutating func note(_ uids: UIDSet, at time: Int, _ run: Int) {
        guard let last = fetched.indices.last, fetched[last].time / 86_400 == time / 86_400 else {
            return fetched.append(FetchState.Day(time: time, run: run, uids: uids))
        }
        fetched[last].time = max(fetched[last].time, time)
        fetched[last].run = max(fetched[last].run, run)
        fetched[last].uids = UIDSet(ranges: fetched[last].uids.ranges + uids.ranges)
    }

    mutating func forget(_ uids: UIDSet) {
        for day in fetched.indices { fetched[day].uids = fetched[day].uids.subtracting(uids) }
        fetched.removeAll { $0.uids.isEmpty }
    }

    func isFetched(_ uid: UInt32) -> Bool { fetched.contains { $0.uids.contains(uid) } }
}

extension UIDSet {
    /// The set without what `other` holds; both are walked once.
    func subtracting(_ other: UIDSet) -> UIDSet {
        var left: [ClosedRange<UInt32>] = []
        var holes = other.ranges[...]
        for range in ranges {
            var start = range.lowerBound
            var isUsedUp = false
            while let hole = holes.first, hole.lowerBound <= range.upperBound {
                if hole.upperBound < start {
                    holes.removeFirst()
                    continue
                }
                if hole.lowerBound > start { left.append(start...(hole.lowerBound - 1)) }
                guard hole.upperBound < range.upperBound else {
                    isUsedUp = true
                    break
                }
                start = hole.upperBound + 1
                holes.removeFirst()
            }
            if !isUsedUp { left.append(start...range.upperBound) }
        }
        return UIDSet(ranges: left)
    }
}
