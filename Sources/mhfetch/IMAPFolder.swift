// Collects from one selected IMAP folder: what the state does not know by UID, many messages with one FETCH.

import Delivery
import IMAPProtocol
import Octets
import Reporting
import Transport

struct IMAPFolder {
    /// Single messages refused until the folder itself is taken to be at fault.
    private static let refusalLimit = 10

    /// Messages of one folder, as many as POP3 may list: no server makes us hold more.
    private static let surveyLimit = 1_000_000

    let session: IMAPCollector
    /// Its number in the state.
    let index: Int
    let destination: Destination

    private var run: AccountRun { session.run }
    private var exchange: Exchange<IMAPClient> { session.exchange }

    private func key(_ uid: UInt32) -> MessageKey { .uid(uid, folder: index) }

    /// Fetches what is new and deletes what may go.
    /// - Parameter uidNext: as the server told on selecting.
    func collect(_ name: String, uidNext: UInt32?) throws {
        try delete()
        let first = run.state.folders[index].next
        let failed = run.state.failed.keys.compactMap { key -> UInt32? in
            if case .uid(let uid, index) = key, uid < first { uid } else { nil }
        }
        // UIDNEXT tells without a question whether there is anything new.
        let mayBeNew = uidNext.map { $0 > first } ?? true
        guard mayBeNew || !failed.isEmpty else { return }
        let listed = mayBeNew ? try survey(UIDSet(ranges: [first...UInt32.max])).filter { $0.number >= Int(first) } : []
        let wanted = try listed.filter { !isFetched($0) } + stillThere(failed)
        let fresh = wanted.filter { !run.isLeftAlone($0.key) }
        run.noteLeftAlone(wanted.count - fresh.count)
        if !fresh.isEmpty { run.tell("\(fresh.count) new in \(name)") }
        let isDone = try fetch(fresh)
        try run.settle()
        if isDone, let highest = listed.map(\.number).max().flatMap({ UInt32(exactly: $0) }), highest < .max {
            try run.state.setNext(max(first, highest + 1), of: index)
        }
        if run.account.keep == .off { try delete() }
    }

    private func isFetched(_ message: Pending) -> Bool {
        UInt32(exactly: message.number).map { run.state.folders[index].isFetched($0) } ?? false
    }

    /// Those of the failed messages that the server still has; the others are forgotten.
    private func stillThere(_ uids: [UInt32]) throws -> [Pending] {
        guard !uids.isEmpty else { return [] }
        let asked = Set(uids.map(Int.init))
        let found = try survey(UIDSet(uids)).filter { asked.contains($0.number) }
        let there = Set(found.map(\.key))
        try run.state.markGone(uids.map(key).filter { !there.contains($0) })
        return found
    }

    /// UIDs and sizes of the messages in `uids`, in the order of their UIDs.
    private func survey(_ uids: UIDSet) throws -> [Pending] {
        defer { exchange.wire.pace = nil }
        var found: [UInt32: Int] = [:]
        for piece in uids.pieces() {
            try exchange.say(.uidFetch(piece, [.size]))
            reading: while true {
                switch try exchange.next() {
                case .fetched(let told):
                    exchange.wire.pace = .standard  // until then the server may think
                    if let uid = told.uid, found.updateValue(told.size ?? 0, forKey: uid) == nil {
                        exchange.renewInListing()
                    }
                    guard found.count <= Self.surveyLimit else { throw session.broken("more messages than can be") }
                case .done(.uidFetch, let status):
                    guard status.condition == .ok else { throw session.refused("UID FETCH", status) }
                    break reading
                case .bye(let status): throw session.farewell(status)
                default: break
                }
            }
            exchange.wire.pace = nil
        }
        return found.sorted { $0.key < $1.key }.map { Pending(number: Int($0.key), key: key($0.key), size: $0.value) }
    }

    /// - Returns: `false` when another account's turn came first.
    private func fetch(_ fresh: [Pending]) throws -> Bool {
        var work = WorkList(fresh) { run.state.isSuspect($0.key) }
        var refusals = 0
        var isFirst = true
        while let batch = work.next() {
            if !isFirst, run.isTurnOver() { return false }
            isFirst = false
            let (left, refusal) = try fetchBatch(batch)
            guard !left.isEmpty else { continue }
            if let refusal {
                guard batch.count == 1 else {
                    work.isolate(left)
                    continue
                }
                refusals += 1
                try run.noteFailure(of: batch[0].key, "\(refusal)")
                if refusals >= Self.refusalLimit { throw refusal }
                continue
            }
            // Not sent, and no word why: removed meanwhile by somebody else, or passed over by the server.
            let there = try stillThere(left.compactMap { UInt32(exactly: $0.number) })
            run.tally.gone += left.count - there.count
            for message in there {
                if batch.count == 1 {
                    try run.noteFailure(of: message.key, "the server lists it and does not send it")
                } else {
                    work.isolate([message])
                }
            }
        }
        return true
    }

    /// Fetches a batch and puts it on disk.
    /// - Returns: those of it that were not sent, and the server's refusal, if it said one.
    private func fetchBatch(_ batch: [Pending]) throws -> (left: [Pending], refusal: FetchError?) {
        try run.begin(batch)
        try exchange.say(.uidFetch(UIDSet(batch.compactMap { UInt32(exactly: $0.number) }), [.body]))
        defer { exchange.wire.pace = nil }
        var answered: Set<Int> = []
        var expected = 0
        var refusal: FetchError?
        reading: while true {
            switch try exchange.next() {
            case .contentBegin(_, let uid, _):
                exchange.wire.pace = .standard
                // Servers tell the UID before the content, or send in the order of the UIDs; which one it was is told
                // behind the content at the latest.
                let at = uid.flatMap { uid in batch.firstIndex { $0.number == Int(uid) } } ?? expected
                guard batch.indices.contains(at), answered.insert(at).inserted else {
                    throw session.broken("a message that was not asked for")
                }
                expected = at + 1
                try take(batch[at], index: at)
                exchange.renew()
            case .fetched(let told):
                guard let uid = told.uid, let at = batch.firstIndex(where: { $0.number == Int(uid) }),
                    told.body == .null || told.body == .empty, answered.insert(at).inserted
                else { break }
                try takeNothing(batch[at], index: at, isEmpty: told.body == .empty)
                exchange.renew()
            case .done(.uidFetchContent, let status):
                if status.condition != .ok { refusal = session.refused("UID FETCH", status) }
                break reading
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
        try run.publish()
        return (batch.indices.filter { !answered.contains($0) }.map { batch[$0] }, refusal)
    }

    /// Reads one message, whose content has begun, into its mailbox.
    private func take(_ message: Pending, index: Int) throws {
        try run.receive(message, index: index, to: destination) {
            exchange.renew()
            switch try exchange.next() {
            case .content(let octets): return .octets(octets)
            case .fetched(let told):
                guard let uid = told.uid, Int(uid) == message.number, case .streamed(_, let oddities) = told.body else {
                    throw session.broken("another message than the one begun")
                }
                return .end(oddities)
            default: throw session.broken("content without an end")
            }
        }
    }

    /// A message without octets: right when the server says so of its size too.
    private func takeNothing(_ message: Pending, index: Int, isEmpty: Bool) throws {
        guard isEmpty else { return try run.noteFailure(of: message.key, "the server has no content for it (NIL)") }
        try run.receive(message, index: index, to: destination) { .end([]) }
    }

    /// Deletes what was fetched and may go: flagged, then expunged by UID, so that nobody else's marked mail vanishes
    /// with it (DECISIONS 37).
    private func delete() throws {
        let days = run.state.folders[index].fetched.filter { run.mayGo(fetched: $0.time, in: $0.run) }
        let going = UIDSet(ranges: days.flatMap(\.uids.ranges))
        guard !going.isEmpty else { return }
        let canExpunge = exchange.engine.capabilities?.has("UIDPLUS") == true
        for piece in going.pieces() {
            try exchange.say(.uidStore(piece, add: ["\\Deleted"]))
            try session.finish(.uidStore)
            if canExpunge {
                try exchange.say(.uidExpunge(piece))
                try session.finish(.uidExpunge)
            }
            run.tally.deleted += piece.count
            try run.state.markGone(piece, of: index)
        }
        guard !canExpunge else { return }
        run.tell("\(session.host) lacks UIDPLUS: messages are marked \\Deleted and stay until somebody expunges")
        run.hub.log.write(
            .notice, "no UIDPLUS",
            [("account", run.account.name), ("host", session.host), ("marked", "\(going.count)")])
    }
}
