// Headers, asked for before their messages: for the filter of the rc, and to know again what is here already.

import AccountSessions
import FetchLedger
import POP3Protocol
import Reporting

extension POP3Collector {
    /// Headers asked for ahead of their answers.
    private static let siftWindow = 16

    /// Headers that are judged before their messages are fetched.
    static let siftLimit = 64

    /// Those of `messages` that the rc's filter lets pass. Those it does not want are deleted unread, and known then; but
    /// for those that share their id with others: of these one cannot be deleted alone.
    func filtered(
        _ messages: [Pending], by filter: HeaderFilter, of listing: ListedMaildrop
    ) throws -> [Pending] {
        let sifted = try sift(messages, by: .filter(filter))
        var counts: [String: Int] = [:]
        if !sifted.unwanted.isEmpty {
            for index in listing.ids.indices { counts[listing.key(at: index).uniqueID ?? "", default: 0] += 1 }
        }
        for message in sifted.unwanted where counts[message.key.uniqueID ?? ""] == 1 {
            try exchange.say(.dele(message.number))
            switch try exchange.next() {
            case .ok:
                condemned.insert(message.key)
                run.tally.deleted += 1
            case .err(_, _, let text): run.tell("DELE was refused: \(exchange.quoted(text, limit: 100))")
            default: throw session.broken("an invalid answer to DELE")
            }
        }
        try run.ledger.pass(sifted.passed + sifted.unwanted.map(\.key), at: run.now)
        run.tally.passed += sifted.passed.count
        return sifted.wanted
    }

    /// Asks for the headers of `messages`, and decides about each.
    func sift(_ messages: [Pending], by sieve: Sieve) throws -> Sifting {
        var sifting = Sifting(by: sieve, for: run)
        var asked = 0
        for (number, message) in messages.enumerated() {
            while asked < messages.count, asked - number < (session.isPipelining ? Self.siftWindow : 1) {
                try exchange.say(.top(messages[asked].number, lines: 0))
                asked += 1
            }
            switch try exchange.next() {
            case .contentBegin:
                sifting.begin()
                reading: while true {
                    switch try exchange.next() {
                    case .content(let octets): sifting.take(octets)
                    case .contentEnd: break reading
                    default: throw session.broken("content without an end")
                    }
                }
                try sifting.judge(message)
            case .err(_, _, let text):
                try run.noteFailure(
                    of: message.key,
                    "TOP was refused: \(exchange.quoted(text, limit: 100)); `filter` and --reindex need it")
            default: throw session.broken("an invalid answer to TOP")
            }
        }
        return sifting
    }
}
