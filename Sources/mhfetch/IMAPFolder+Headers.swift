// Headers, asked for before their messages: for the filter of the rc, and to know again what is here already.

import AccountSessions
import FetchLedger
import IMAPProtocol

extension IMAPFolder {
    /// Headers asked for with one command.
    static let siftLimit = 100

    /// Takes as known what is here already, by its Message-ID.
    /// - Parameter validity: the UIDVALIDITY that the folder has now.
    func reindex(validity: UInt32, isRenumbered: Bool) throws {
        let listed = try survey(.from(1))
        let known = try sift(isRenumbered ? listed : listed.filter { !isFetched($0) }, by: .stored(run.storedLetters()))
        if isRenumbered {
            try run.ledger.renumber(index, validity: validity, passing: known.passed, at: run.now)
        } else {
            try run.ledger.pass(known.passed, at: run.now)
        }
        run.announce(passing: known.passed.count, from: name)
    }

    /// Those of `messages` that the rc's filter lets pass. Those it does not want are deleted unread, and known then: a
    /// server that keeps them all the same is not asked for ever.
    func filtered(_ messages: [Pending], by filter: HeaderFilter) throws -> [Pending] {
        let sifted = try sift(messages, by: .filter(filter))
        for piece in UIDSet(sifted.unwanted.compactMap { UInt32(exactly: $0.number) }).pieces() {
            run.tally.deleted += try remove(piece, moving: false).count
        }
        try run.ledger.pass(sifted.passed + sifted.unwanted.map(\.key), at: run.now)
        run.tally.passed += sifted.passed.count
        return sifted.wanted
    }

    /// Asks for the headers of `messages`, and decides about each.
    private func sift(_ messages: [Pending], by sieve: Sieve) throws -> Sifting {
        var sifting = Sifting(by: sieve, for: run)
        var refusals = 0
        for piece in messages.pieces(of: Self.siftLimit) {
            let (left, refusal) = try askForHeaders(of: piece, &sifting)
            guard !left.isEmpty else { continue }
            // One of several may be at fault.
            let alone = refusal != nil && piece.count > 1 ? left.map { [$0] } : []
            for message in alone {
                let (left, refusal) = try askForHeaders(of: message, &sifting)
                refusals += refusal == nil ? 0 : 1
                try noteWithoutHeader(left, refusal)
                if let refusal, refusals >= Self.refusalLimit { throw refusal }
            }
            if alone.isEmpty { try noteWithoutHeader(left, refusal) }
        }
        return sifting
    }

    /// Notes messages whose header was not sent: they are gone, or cannot be fetched.
    private func noteWithoutHeader(_ messages: [Pending], _ refusal: AccountError?) throws {
        let there = try stillThere(messages.compactMap { UInt32(exactly: $0.number) })
        noteMissed(messages.count - there.count)
        let reason = refusal.map { "\($0)" } ?? "the server lists it and does not send its header"
        for message in there { try run.noteFailure(of: message.key, reason) }
    }

    /// Asks for headers with one command, and decides about each as it comes, once.
    /// - Returns: the messages whose header was not sent, and the server's refusal, if there was one.
    private func askForHeaders(
        of messages: [Pending], _ sifting: inout Sifting
    ) throws -> (left: [Pending], refusal: AccountError?) {
        var left = Dictionary(messages.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        var refusal: AccountError?
        try exchange.say(.uidFetch(UIDSet(messages.compactMap { UInt32(exactly: $0.number) }), .header))
        reading: while true {
            switch try next() {
            case .contentBegin: sifting.begin()
            case .content(let octets): sifting.take(octets)
            case .fetched(let told):
                guard told.body != .absent, let uid = told.uid, let message = left.removeValue(forKey: Int(uid)) else {
                    break
                }
                if case .streamed = told.body { try sifting.judge(message) } else { sifting.keep(message) }
            case .done(.uidFetchContent, let status):
                if status.condition != .ok { refusal = session.refused("UID FETCH of headers", status) }
                break reading
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
        try checkNumbers()
        return (messages.filter { left[$0.number] != nil }, refusal)
    }
}
