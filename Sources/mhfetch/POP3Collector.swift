// Collects from a POP3 maildrop: what UIDL shows and the state does not know, pipelined where the server lets us.

import AccountSessions
import FetchLedger
import MaildirStore
import Octets
import POP3Protocol
import Reporting
import RunControl
import Transport

/// One POP3 session.
final class POP3Collector {
    private static let deleteWindow = 64

    let run: AccountRun
    let session: POP3Session
    /// Whether the listing's unique ids are no more than message numbers.
    private var hasNumbersOnly = false
    /// Messages that DELE was sent for, and those of them that the server will remove at QUIT.
    var condemned: Set<MessageKey> = []
    private var deleted: [MessageKey] = []
    /// Messages that were fetched in this session, so that their content is known.
    private var checked: Set<MessageKey> = []
    /// Messages found unchanged though the server had said that it deleted them.
    private var staying = 0

    private var account: AccountSettings { run.account }
    var exchange: Exchange<POP3Client> { session.exchange }
    private var host: String { session.host }

    init(run: AccountRun, session: POP3Session) {
        self.run = run
        self.session = session
    }

    /// Fetches what is new and deletes what may go.
    func collect() throws {
        do {
            let listing = try list()
            switch run.errand {
            case .fetch: try fetch(listing)
            case .markSeen(nil): try pass(listing)
            case .markSeen: throw FetchError.noDatesByPOP3(account.name)
            case .flush: try delete(listing, Deletions(run.ledger, areNumbers: hasNumbersOnly))
            }
        } catch let full as FetchError {
            // Between two batches nothing is under way: the deletions asked for may take effect, which makes room at
            // the server at least.
            switch full {
            case .noRoom, .spoolFull: try quit()
            default: break
            }
            throw full
        }
        try quit()
    }

    /// QUIT makes the deletions take effect (RFC 1939 §6), whether or not its answer reaches us: so they are recorded
    /// durably before it is sent. An id that is listed again then may be another message's, which must be looked at.
    private func quit() throws {
        // What was fetched while nothing was to be deleted has no digest to be compared with: its id must be trusted.
        let comparable = deleted.filter { run.state.known[$0]?.digest != nil }
        if !comparable.isEmpty {
            try run.ledger.markAsked(comparable)
            try run.ledger.synchronize()
        }
        do {
            try exchange.say(.quit)
            switch try exchange.next() {
            case .ok: break
            case .err(_, _, let text):
                throw AccountError.refused(command: "QUIT", host: host, words: exchange.quoted(text))
            default: throw session.broken("an invalid answer to QUIT")
            }
        } catch {
            // Messages that stay there are known here, and are looked at next time. Where none was to be deleted, a
            // failed QUIT does not matter.
            if condemned.isEmpty { return }
            throw error
        }
        // Not worth waiting for the disk: without these lines the messages are looked at all the same.
        if !deleted.isEmpty { try run.ledger.markDeleted(deleted) }
    }

    // MARK: Listing

    private func list() throws -> ListedMaildrop {
        try exchange.say(.uidl(nil))
        var listing = UniqueIDListing()
        // Most of a large maildrop is known: with room reserved, the listing is not moved again and again as it grows.
        let known = run.state.known
        listing.reserve(known.count, octets: known.octetCount)
        reading: while true {
            switch try exchange.next() {
            case .uniqueIDs(let more): listing.append(more)
            case .uidlEnd: break reading
            case .err: throw FetchError.noUniqueIDs(host: host)
            default: throw session.broken("an invalid answer to UIDL")
            }
        }
        // What is meant for one of the two would be done to the other.
        guard listing.hasDistinctNumbers else { throw session.broken("one message number for two unique ids") }
        if !listing.isEmpty, listing.idsAreNumbers {
            guard account.keep == .off else { throw FetchError.numbersAsUniqueIDs(host: host) }
            hasNumbersOnly = true
            // What is known only by its number would be fetched again.
            guard run.state.owed.isEmpty else { throw FetchError.numbersWait(host: host) }
            // What had number 1 yesterday need not have it today: better fetched twice than deleted unread.
            try run.ledger.markGone(run.state.known.all.filter { $0.known.deletion == nil }.map(\.key))
        }
        return try run.ledger.noteListing(listing)
    }

    /// Takes what is listed as known.
    private func pass(_ listing: ListedMaildrop) throws {
        // What has number 1 today need not have it tomorrow.
        guard !hasNumbersOnly else { throw FetchError.numbersAsUniqueIDs(host: host) }
        let new = listing.ids.indices.filter { !listing.isKnown(at: $0) }.map(listing.key(at:))
        try run.ledger.pass(new, at: run.now)
        run.announce(passing: new.count)
    }

    private func addSizes(to messages: inout [Pending]) throws {
        try exchange.say(.list(nil))
        var sizes: [Int: Int] = [:]
        reading: while true {
            switch try exchange.next() {
            case .size(let message, let octets): sizes[message] = octets
            case .listEnd, .err: break reading
            default: throw session.broken("an invalid answer to LIST")
            }
        }
        for at in messages.indices { messages[at].size = sizes[messages[at].number] }
    }

    // MARK: Fetching

    private func fetch(_ listing: ListedMaildrop) throws {
        let deletions = Deletions(run.ledger, areNumbers: hasNumbersOnly)
        try delete(listing, deletions)
        let wanted = listing.ids.indices.filter { index in
            !listing.isKnown(at: index) || !deletions.isEmpty && deletions.isInDoubt(listing.key(at: index))
        }.map { Pending(listing, at: $0) }
        var fresh = wanted.filter { !run.isLeftAlone($0.key) }
        run.noteLeftAlone(wanted.count - fresh.count)
        if run.reindexes, !fresh.isEmpty {
            let known = try sift(fresh, by: .stored(run.storedLetters()))
            try run.ledger.pass(known.passed, at: run.now)
            run.announce(passing: known.passed.count)
            fresh = known.wanted
        }
        guard !fresh.isEmpty else {
            if run.isDry { run.announce(fetching: [], to: run.destination(nil)) }
            return
        }
        run.tell("\(fresh.count) new of \(listing.ids.indices.count)")
        try addSizes(to: &fresh)
        fresh = run.ration(try run.sized(fresh, areNumbered: hasNumbersOnly)).taken
        if run.isDry { return run.announce(fetching: fresh, to: run.destination(nil)) }
        run.progress.expect(fresh)
        // Reported however this ends: to the next run it is known already.
        defer { if staying > 0 { run.noteStaying(staying, host: host, isNews: !deletions.wereIgnored) } }
        try collect(fresh, of: listing, deletions)
        try run.settle()
        if account.keep == .off { try delete(listing, deletions) }
    }

    /// Fetches those of `fresh` that the filter lets pass, in pieces: what was judged is fetched whatever comes behind it.
    private func collect(_ fresh: [Pending], of listing: ListedMaildrop, _ deletions: Deletions) throws {
        guard let filter = run.filter else {
            _ = try collect(fresh, deletions)
            return
        }
        for (number, piece) in fresh.pieces(of: Self.siftLimit).enumerated() {
            if number > 0, run.isTurnOver() { return }
            guard try collect(try filtered(piece, by: filter, of: listing), deletions) else { return }
        }
    }

    /// - Returns: `false` when another account's turn came first.
    private func collect(_ fresh: [Pending], _ deletions: Deletions) throws -> Bool {
        var work = WorkList(fresh) { run.state.isSuspect($0.key) }
        var requests = RequestWindow(of: work, isPipelining: session.isPipelining)
        var isFirst = true
        while let batch = work.next() {
            if !isFirst, run.isTurnOver() {
                try drain(&requests)
                return false
            }
            isFirst = false
            let taken = try fetchBatch(batch, &requests, deletions)
            work.putBack(batch[taken...])
        }
        return true
    }

    /// Fetches a batch and puts it on disk, while the server already sends what comes after it.
    /// - Returns: how many of it were taken: all, unless it took too long.
    private func fetchBatch(
        _ batch: [Pending], _ requests: inout RequestWindow, _ deletions: Deletions
    ) throws -> Int {
        do {
            try run.begin(batch)
        } catch let full as FetchError {
            try drain(&requests)
            throw full
        }
        var taken = 0
        while taken < batch.count, taken == 0 || !run.isBatchFull {
            try ask(&requests, isAhead: false)
            try take(batch[taken], index: taken, deletions)
            requests.noteAnswer()
            taken += 1
        }
        try ask(&requests, isAhead: true)
        try run.publish()
        return taken
    }

    /// Asks for as many messages as may be on their way.
    private func ask(_ requests: inout RequestWindow, isAhead: Bool) throws {
        var next = requests.next(isAhead: isAhead)
        while let message = next {
            next = requests.next(isAhead: isAhead)
            try exchange.say(message.request, isHeld: next != nil)
        }
    }

    /// Reads what was asked for and is not wanted any more, so that the session can be ended in order.
    private func drain(_ requests: inout RequestWindow) throws {
        while requests.isOpen {
            switch try exchange.next() {
            case .err: break
            case .contentBegin:
                reading: while true {
                    switch try exchange.next() {
                    case .content: break
                    case .contentEnd: break reading
                    default: throw session.broken("content without an end")
                    }
                }
            default: throw session.broken("an invalid answer to RETR")
            }
            requests.noteAnswer()
        }
    }

    /// Reads the answer to one RETR into the mailbox.
    private func take(_ message: Pending, index: Int, _ deletions: Deletions) throws {
        switch try run.awaiting(message.key, { try exchange.next() }) {
        case .contentBegin: break
        case .err(_, let code, let text):
            let words = "\(message.isHeaderOnly ? "TOP" : "RETR") was refused: \(exchange.quoted(text, limit: 100))"
            // Servers say this also of a message that another client has deleted (RFC 1939 §5), and there is no way to
            // ask.
            if code == nil, !message.isHeaderOnly { return try run.noteRefusal(of: message.key, words) }
            return try run.noteFailure(of: message.key, words)
        default: throw session.broken("an invalid answer to RETR")
        }
        let here = try run.receive(
            message, index: index, to: run.destination(nil), isDigested: account.keep != .on,
            unless: message.isHeaderOnly ? [] : deletions.stored(for: message.key)
        ) { sink in
            while true {
                switch try exchange.next() {
                case .content(let octets): try sink.write(octets)
                case .contentEnd(let contentFaults): return MessageSource(contentFaults: contentFaults)
                default: throw session.broken("content without an end")
                }
            }
        }
        guard !message.isHeaderOnly else { return }
        checked.insert(message.key)
        guard let here else { return }
        guard deletions.isIgnored(message.key) else { return try run.ledger.markHere(message.key, here) }
        staying += 1
        try run.ledger.markStaying(message.key, here)
    }

    /// Deletes those of the listing that were fetched and may go. Messages with one id go together or not at all: were
    /// one left, the next listing would count it as another of them. What may be another message by now is looked at
    /// first.
    private func delete(_ listing: ListedMaildrop, _ deletions: Deletions) throws {
        guard account.keep != .on || run.errand == .flush else { return }
        // Nor what shares its id with one that was not fetched.
        var held = Set(run.state.unfetched.map(\.uniqueID))
        let free = listing.ids.indices.filter { index in
            let key = listing.key(at: index)
            guard let known = run.state.known.now(listing, at: index), known.deletion == nil, !run.state.isOwed(key),
                checked.contains(key) || !deletions.isInDoubt(key), run.mayGo(fetched: known.fetched, in: known.run)
            else {
                held.insert(key.uniqueID)
                return false
            }
            return !condemned.contains(key)
        }
        let going = free.map { Pending(listing, at: $0) }.filter { !held.contains($0.key.uniqueID) }
        if run.isDry { return run.announce(deleting: going.count) }
        var asked = 0
        var answered = 0
        while answered < going.count {
            while asked < going.count, asked - answered < (session.isPipelining ? Self.deleteWindow : 1) {
                try exchange.say(.dele(going[asked].number))
                condemned.insert(going[asked].key)
                asked += 1
            }
            switch try exchange.next() {
            case .ok:
                run.tally.deleted += 1
                deleted.append(going[answered].key)
            case .err(_, _, let text): run.tell("DELE was refused: \(exchange.quoted(text, limit: 100))")
            default: throw session.broken("an invalid answer to DELE")
            }
            answered += 1
        }
    }
}

extension Pending {
    /// What asks for it.
    fileprivate var request: POP3Command { isHeaderOnly ? .top(number, lines: 0) : .retr(number) }

    fileprivate init(_ listing: ListedMaildrop, at index: Int) {
        self.init(number: listing.ids.number(at: index), key: listing.key(at: index))
    }
}
