// What becomes of messages at the server once they are here: marked as seen, deleted, or moved.

import AccountSessions
import FetchLedger
import IMAPProtocol
import Reporting
import RunControl

extension IMAPFolder {
    var canExpunge: Bool { session.has("UIDPLUS") }

    var canMove: Bool { run.account.moveTarget != nil && session.has("MOVE") }

    /// Marks as seen what was fetched of `messages`.
    func markSeen(_ messages: [Pending]) throws {
        let fetched = messages.filter { isFetched($0) && !run.state.isOwed($0.key) }.compactMap {
            UInt32(exactly: $0.number)
        }.filter(numbers.isThere)
        for piece in UIDSet(fetched).pieces() {
            try exchange.say(.uidStore(piece, add: ["\\Seen"]))
            try finish(.uidStore)
        }
    }

    /// Deletes what was fetched and may go, or moves it: flagged, then expunged by UID, so that no mail that others have
    /// flagged vanishes with it. What was fetched in an earlier session is looked up first: its UID may mean two messages by
    /// now, or none. What the next listing of new mail will show again must stay known, and so stays there.
    func delete() throws {
        let days = run.state.folders[index].fetched.filter { run.mayGo(fetched: $0.time, in: $0.run) }
        let owed = run.state.owed.keys.compactMap { key -> UInt32? in
            guard case .uid(let uid, index) = key else { return nil }
            return uid
        }
        let fetched = UIDSet(ranges: days.flatMap(\.uids.ranges)).subtracting(UIDSet(owed))
        let known = run.account.search == nil ? fetched.subtracting(.from(run.state.folders[index].next)) : fetched
        guard !known.isEmpty, !isMiscounted else { return }
        let unseen = known.subtracting(asked)
        if !unseen.isEmpty { _ = try survey(unseen, []) }
        let going = UIDSet(known.ranges.joined().filter(numbers.isThere))
        // What a search finds again must be known: no look in vain is a proof there.
        if !hasLosses, run.account.search == nil { try run.ledger.noteLacking(known.subtracting(going), of: index) }
        guard !going.isEmpty else { return }
        if run.isDry { return run.announce(deleting: going.count, from: name) }
        for piece in going.pieces() {
            let gone = try remove(piece, moving: true)
            run.tally.deleted += gone.count
            try run.ledger.markGone(gone, of: index)
        }
        guard !canExpunge, !canMove else { return }
        run.tell("\(session.host) lacks UIDPLUS: messages are marked \\Deleted and stay until somebody expunges")
        run.hub.log.write(
            .notice, "no UIDPLUS",
            [("account", run.account.name), ("host", session.host), ("marked", "\(going.count)")])
    }

    /// Deletes messages, or moves them where the rc says so.
    /// - Returns: those that are gone. What a server does not say it has expunged, as we asked it to, is looked up again
    ///   by the next session.
    func remove(_ uids: UIDSet, moving: Bool) throws -> UIDSet {
        let isMoved = try moving && move(uids)
        if !isMoved {
            try exchange.say(.uidStore(uids, add: ["\\Deleted"]))
            try finish(.uidStore)
        }
        if !isMoved, canExpunge {
            try exchange.say(.uidExpunge(uids))
            try finish(.uidExpunge)
        }
        // Some servers expunge at once what is flagged.
        let expunged = UIDSet(uids.ranges.joined().filter { !numbers.isThere($0) })
        ownExpunges += expunged.count
        return isMoved || canExpunge || run.account.search != nil ? expunged : uids
    }

    /// Moves messages where the rc says so: at once where the server can (RFC 6851), else a copy of them, of which a
    /// crash may leave two.
    /// - Returns: `false` when they are still to be deleted here.
    private func move(_ uids: UIDSet) throws -> Bool {
        guard let name = run.account.moveTarget else { return false }
        let target = IMAPMailboxName(FolderSettings(remote: name, local: nil).remote)
        let request: IMAPRequest = canMove ? .uidMove : .uidCopy
        for isRepeated in [false, true] {
            try exchange.say(canMove ? .uidMove(uids, to: target) : .uidCopy(uids, to: target))
            let status = try completion(of: request)
            if status.condition == .ok { break }
            guard status.code == .tryCreate, !isRepeated else {
                throw session.refused("\(request.rawValue) to \(printable(name))", status)
            }
            try exchange.say(.create(target))
            try finish(.create)
        }
        guard !canMove else { return true }
        // Never a second copy: should the server not let the first one's source be deleted, it stays.
        try run.ledger.pass(uids.ranges.joined().map(key), at: run.now)
        try run.ledger.synchronize()
        return false
    }
}
