// What the selected folder has: its UIDs and sizes, all of them, from one on, or by a search.

import FetchLedger
import IMAPProtocol
import Reporting

extension IMAPFolder {
    /// The UID above all that the folder has now, for a server that does not tell UIDNEXT.
    func nextUID() throws -> UInt32 {
        guard numbers.exists > 0 else { return 1 }
        let last = try survey(UIDSet([.max]), []).map(\.number).max() ?? 0
        return UInt32(clamping: last + 1)
    }

    /// The messages whose UIDs are `first` or above. Where that is the whole folder, their count must be right.
    /// - Parameter isBlind: whether the server did not tell UIDNEXT, which would show that it has taken UIDs back.
    func list(from first: UInt32, isBlind: Bool) throws -> [Pending] {
        let told = numbers.exists
        let expunged = numbers.expungedCount
        let surveyed = try survey(.from(first))
        let listed = surveyed.filter { $0.number >= Int(first) }
        // `first:*` lists the last message at least (RFC 3501 §6.4.8). If that is below `first` it was dealt with
        // before, unless the server gives out UIDs again.
        let floor = Int(run.state.folders[index].floor)
        if isBlind, canExpunge, surveyed.contains(where: { $0.number < Int(first) && $0.number >= floor && isNews($0) })
        {
            throw run.renumbered(name)
        }
        guard first == 1, numbers.expungedCount == expunged else { return listed }
        // Of messages that came in meanwhile some may be listed, or none.
        guard listed.count < told || listed.count > max(told, numbers.exists) else { return listed }
        isMiscounted = true
        run.noteStop(
            FetchError.miscounted(folder: name, host: session.host, told: told, listed: listed.count), of: name)
        return listed
    }

    /// The messages below `first` that an earlier listing has left out: of their UIDs nothing is known. Where there is no
    /// UIDPLUS, what was deleted stays and is known no more, so that they cannot be told.
    /// - Parameter unfetched: those that are looked for anyway.
    func overlooked(below first: UInt32, besides unfetched: [UInt32]) throws -> [Pending] {
        let folder = run.state.folders[index]
        let unknown = folder.unknown(besides: unfetched)
        guard canExpunge, run.account.search == nil, folder.next == first, !unknown.isEmpty else { return [] }
        return try survey(unknown).filter { UInt32(exactly: $0.number).map(unknown.contains) ?? false }
    }

    /// What a search by `criteria` finds and is not known.
    func found(by criteria: String) throws -> [Pending] {
        // Without UIDPLUS what was deleted stays until somebody expunges it, and is known no more.
        let found = try search(canExpunge ? criteria : "UNDELETED \(criteria)")
        let wanted = Set(found)
        return try survey(UIDSet(found)).filter { UInt32(exactly: $0.number).map(wanted.contains) ?? false }
    }

    /// The UIDs that a search by `criteria` finds, without those of fetched messages.
    func search(_ criteria: String) throws -> [UInt32] {
        try exchange.say(.uidSearch(IMAPSearch(criteria: criteria)))
        var found: [UInt32] = []
        let folder = run.state.folders[index]
        reading: while true {
            switch try next() {
            case .searchResult(let uids): found += uids.filter { $0 >= folder.floor && !folder.isFetched($0) }
            case .done(.uidSearch, let status):
                guard status.condition == .ok else {
                    throw FetchError.searchRefused(
                        folder: name, host: session.host, search: criteria,
                        words: exchange.quoted(status.text))
                }
                break reading
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
        try checkNumbers()
        return found
    }

    /// Those of the messages that the server still has. Of those that are not fetched yet, what two runs did not find is
    /// forgotten, unless it told of losses.
    func stillThere(_ uids: [UInt32]) throws -> [Pending] {
        guard !uids.isEmpty else { return [] }
        let asked = Set(uids.map(Int.init))
        let found = try survey(UIDSet(uids)).filter { asked.contains($0.number) }
        let there = Set(found.map(\.key))
        if !hasLosses { try run.ledger.noteUnlisted(uids.map(key).filter { !there.contains($0) }) }
        try run.ledger.markBack(there.filter { run.state.unlisted[$0] != nil })
        return found
    }

    /// UIDs and sizes of the messages in `uids`, in the order of their UIDs.
    func survey(_ uids: UIDSet, _ items: IMAPItems = .size) throws -> [Pending] {
        var found: [UInt32: Int?] = [:]
        for piece in uids.pieces() {
            try exchange.say(.uidFetch(piece, items))
            reading: while true {
                switch try next() {
                case .fetched(let told):
                    // A second response for a UID is about the same message; what it does not tell stays.
                    if let uid = told.uid { found.updateValue(told.size ?? found[uid] ?? nil, forKey: uid) }
                case .done(.uidFetch, let status):
                    guard status.condition == .ok else { throw session.refused("UID FETCH", status) }
                    break reading
                case .bye(let status): throw session.farewell(status)
                default: break
                }
            }
            try checkNumbers()
        }
        asked = UIDSet(ranges: asked.ranges + uids.ranges)
        let there = found.filter { numbers.isThere($0.key) }.sorted { $0.key < $1.key }
        return there.map { Pending(number: Int($0.key), key: key($0.key), size: $0.value) }
    }
}
