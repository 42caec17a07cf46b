// Collects from one selected IMAP folder: what the state does not know by UID, many messages with one FETCH.

import AccountSessions
import Delivery
import FetchLedger
import IMAPProtocol
import MaildirStore
import Octets
import Reporting
import RunControl
import Transport

final class IMAPFolder {
    /// The most messages of one command. The connection stands idle for a round trip between two commands, which is
    /// little beside the time that these take. All must be read before anything else can be asked, so their octets are
    /// bounded too, as those of a batch.
    static let requestLimit = 4_000
    /// Refusals of single messages after which the folder itself is taken to be at fault.
    static let refusalLimit = 10

    let session: IMAPSession
    let run: AccountRun
    let name: String
    /// Its number in the state.
    let index: Int
    private let destination: Destination
    /// Which UID each message number of the folder has, kept up to date with all that the server says.
    var numbers: MessageNumbers
    /// UIDs that were asked for in this session: what ``numbers`` does not know of them is not there.
    var asked = UIDSet([])
    /// Whether a listing of the whole folder had another count than the server tells.
    var isMiscounted = false
    /// Messages that went as we asked.
    var ownExpunges = 0
    /// Messages that were neither sent nor listed any more.
    var missed = 0
    /// Whether others' messages went in this session, as the server says. Were it a lie, they would be passed over for
    /// good: so nothing is, and nothing is forgotten. In a later session either they are not listed, or they are news.
    var hasLosses: Bool { numbers.expungedCount > ownExpunges || missed > 0 }

    var exchange: Exchange<IMAPClient> { session.exchange }

    /// - Parameters:
    ///   - name: as the rc names it.
    ///   - messages: how many there are, as SELECT told.
    init(session: IMAPSession, run: AccountRun, name: String, index: Int, messages: Int, destination: Destination) {
        self.session = session
        self.run = run
        self.name = name
        self.index = index
        self.destination = destination
        numbers = MessageNumbers(exists: messages)
    }

    func key(_ uid: UInt32) -> MessageKey { .uid(uid, folder: index) }

    /// Fetches what is new and deletes what may go.
    /// - Parameter uidNext: UIDNEXT, as SELECT told; `nil` where it did not.
    func collect(uidNext: UInt32?) throws {
        switch run.errand {
        case .fetch: try fetchNew(uidNext: uidNext)
        case .markSeen(let day): try pass(before: day, uidNext: uidNext)
        case .flush: try delete()
        }
    }

    /// Takes what is there as known; where there is a day, only what came before it. What comes in meanwhile is news.
    private func pass(before day: CalendarDay?, uidNext: UInt32?) throws {
        let next = run.state.folders[index].next
        let bound = max(try uidNext ?? nextUID(), next)
        let count: Int
        if let day {
            let uids = try search("BEFORE \(day.imap)").filter { $0 < bound }
            try run.ledger.pass(uids.map(key), at: run.now)
            count = uids.count
        } else {
            // Of a folder that nothing was fetched from all is taken: a large one need not be listed for that.
            let isFresh = next == 1 && run.state.folders[index].fetched.isEmpty
            count =
                isFresh
                ? numbers.exists : try list(from: next, isBlind: false).count { $0.number < bound && !isFetched($0) }
            try run.ledger.accept(below: bound, of: index)
            try run.ledger.noteLook(messages: numbers.exists, of: index, at: run.now)
        }
        run.announce(passing: count, from: name)
    }

    private func fetchNew(uidNext: UInt32?) throws {
        let folder = run.state.folders[index]
        let first = folder.next
        let told = numbers.exists
        let unfetched = run.state.unfetched.compactMap { key -> UInt32? in
            if case .uid(let uid, index) = key, uid < first { uid } else { nil }
        }
        // UIDNEXT tells without a question whether there is anything new; what a search finds depends on flags, too.
        let mayBeNew =
            run.account.search != nil || uidNext.map { $0 > first } ?? true
            || folder.needsLook(messages: told, at: run.now)
        let isWhole = mayBeNew && folder.isDayOver(at: run.now)
        var listed = try !mayBeNew ? [] : run.account.search.map(found) ?? list(from: first, isBlind: uidNext == nil)
        if isWhole { listed = try overlooked(below: first, besides: unfetched) + listed }
        let new = listed.filter { !isFetched($0) }
        let missing = Set(unfetched).subtracting(new.compactMap { UInt32(exactly: $0.number) })
        let firstNew = new.first { !run.state.isUnfetched($0.key) }
        if let mark = firstNew?.number ?? listed.last.map({ $0.number + 1 }) {
            try advance(to: mark)
        }
        try delete()
        guard mayBeNew || !unfetched.isEmpty else {
            if run.isDry { run.announce(fetching: [], from: name, to: destination) }
            return try noteLook(of: told, isNew: false, isWhole: false)
        }
        let wanted = try (new + stillThere(missing.sorted())).sorted { $0.number < $1.number }
        var fresh = wanted.filter { !run.isLeftAlone($0.key) }
        run.noteLeftAlone(wanted.count - fresh.count)
        let (rationed, isAll) = run.ration(try run.sized(fresh))
        fresh = rationed
        if run.isDry { return run.announce(fetching: fresh, from: name, to: destination) }
        if !fresh.isEmpty { run.tell("\(fresh.count) new in \(name)") }
        run.progress.expect(fresh)
        let isDone = try fetchFiltered(fresh) && isAll
        try run.settle()
        if run.account.marksSeen { try markSeen(fresh) }
        if isDone, let highest = listed.last { try advance(to: highest.number + 1) }
        if isDone { try noteLook(of: told, isNew: mayBeNew, isWhole: isWhole) }
        guard run.account.keep == .off else { return }
        try delete()
        try noteLook(of: told, isNew: false, isWhole: false)
    }

    /// Notes how many of the messages that were there at first, `told`, are left.
    /// - Parameters:
    ///   - isNew: whether this was a look at all that is new, after which nothing is left to be fetched.
    ///   - isWhole: whether what earlier listings may have left out was asked for, too.
    private func noteLook(of told: Int, isNew: Bool, isWhole: Bool) throws {
        let left = min(told, numbers.exists)
        if isNew, run.account.search == nil, !isMiscounted, !hasLosses {
            try run.ledger.noteLook(messages: left, of: index, at: isWhole ? run.now : nil)
        } else if let look = run.state.folders[index].look, left < look.messages {
            try run.ledger.noteLook(messages: left, of: index)
        }
    }

    /// Notes that nothing below `mark` is new any more. A folder that was miscounted will be listed whole again:
    /// messages that were left out may still turn up. So will one where messages went, and one that is searched: what a
    /// search leaves out today it may find tomorrow.
    private func advance(to mark: Int) throws {
        guard run.account.search == nil, !isMiscounted, !hasLosses, let mark = UInt32(exactly: mark) else { return }
        try run.ledger.setNext(max(mark, run.state.folders[index].next), of: index)
    }

    func isNews(_ message: Pending) -> Bool { !isFetched(message) && !run.state.isUnfetched(message.key) }

    func isFetched(_ message: Pending) -> Bool {
        UInt32(exactly: message.number).map { run.state.folders[index].isFetched($0) } ?? false
    }

    // MARK: The server's words

    /// The next event from the server; whatever it is, numbers and UIDs are kept up to date with it.
    func next() throws -> IMAPClient.Event {
        let event = try exchange.next()
        switch event {
        case .exists(let count): numbers.tell(exists: count)
        case .expunged(let number): numbers.expunge(number)
        case .fetched(let told): if let uid = told.uid { numbers.note(uid: uid, of: told.sequence) }
        case .contentBegin(let number, let uid?, _): numbers.note(uid: uid, of: number)
        default: break
        }
        guard !numbers.isOverfull else { throw session.broken("more messages than can be") }
        return event
    }

    /// Throws when UIDs are in doubt: nothing is fetched or deleted by a UID that means two messages.
    func checkNumbers() throws {
        guard let fault = numbers.fault else { return }
        throw FetchError.doubtfulUIDs(folder: name, host: session.host, what: "\(fault)")
    }

    /// Waits for the completion of `request`, which the server must not refuse.
    func finish(_ request: IMAPRequest) throws {
        let status = try completion(of: request)
        guard status.condition == .ok else { throw session.refused(request.rawValue, status) }
    }

    func completion(of request: IMAPRequest) throws -> IMAPStatus {
        while true {
            switch try next() {
            case .done(request, let status):
                try checkNumbers()
                return status
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
    }

    // MARK: Fetching

    /// Fetches those of `fresh` that the filter lets pass, in pieces: what was judged is fetched whatever comes behind it.
    /// - Returns: `false` when another account's turn came first.
    private func fetchFiltered(_ fresh: [Pending]) throws -> Bool {
        guard let filter = run.filter else { return try fetchParts(fresh) }
        for (number, piece) in fresh.pieces(of: Self.siftLimit).enumerated() {
            if number > 0, run.isTurnOver() { return false }
            guard try fetchParts(try filtered(piece, by: filter)) else { return false }
        }
        return true
    }

    /// Fetches whole messages, then headers alone: one command asks for the same of all.
    /// - Returns: as ``fetch(_:)``.
    private func fetchParts(_ fresh: [Pending]) throws -> Bool {
        guard try fetch(fresh.filter { !$0.isHeaderOnly }) else { return false }
        return try fetch(fresh.filter(\.isHeaderOnly))
    }

    /// - Returns: `false` when another account's turn came first.
    private func fetch(_ fresh: [Pending]) throws -> Bool {
        var work = WorkList(fresh) { run.state.isSuspect($0.key) }
        var limit = Self.requestLimit
        var refusals = 0
        var isFirst = true
        while let messages = work.next(atMost: limit) {
            if !isFirst, run.isTurnOver() { return false }
            isFirst = false
            let request = FetchRequest(messages)
            work.putBack(messages[request.messages.count...])  // where there are more UIDs than a line holds
            let (left, refusal) = try fetch(request)
            guard !left.isEmpty else { continue }
            if let refusal {
                guard request.messages.count == 1 else {
                    // One of the messages is at fault, or their number.
                    if request.messages.count > BatchDelivery.messageLimit {
                        work.putBack(left)
                    } else {
                        work.isolate(left)
                    }
                    limit = BatchDelivery.messageLimit
                    continue
                }
                // The answer for a message that another client has expunged (RFC 5530 EXPUNGEISSUED) may be a NO.
                guard let uid = UInt32(exactly: request.messages[0].number), !(try stillThere([uid]).isEmpty) else {
                    noteMissed(1)
                    continue
                }
                refusals += 1
                try run.noteFailure(of: request.messages[0].key, "\(refusal)")
                if refusals >= Self.refusalLimit { throw refusal }
                continue
            }
            // Not sent, and no reason given: removed meanwhile by another client, or passed over by the server.
            let there = try stillThere(left.compactMap { UInt32(exactly: $0.number) })
            noteMissed(left.count - there.count)
            let stays = Set(there.map(\.number))
            for message in left where stays.contains(message.number) {
                if request.messages.count == 1 {
                    try run.noteFailure(of: message.key, "the server lists it and does not send it")
                } else {
                    work.isolate([message])
                }
            }
        }
        return true
    }

    func noteMissed(_ count: Int) {
        run.tally.gone += count
        missed += count
    }

    /// Asks for messages with one command, and puts them on disk batch by batch, as they come.
    /// - Returns: those that were not sent, and the server's refusal, if there was one.
    private func fetch(_ asked: FetchRequest) throws -> (left: [Pending], refusal: AccountError?) {
        var request = asked
        // Before its first octet: should a message bring us down, the batch that it was to come in must name it.
        try run.begin(request.beginBatch(at: 0))
        try exchange.say(.uidFetch(request.uids, [request.items, .flags, .internalDate]))
        var refusal: AccountError?
        reading: while true {
            let event = try run.awaiting(request.expected.map { request.messages[$0].key }) { try next() }
            switch event {
            // Once UIDs are in doubt the rest is read and dropped.
            case .contentBegin where numbers.fault != nil, .content where numbers.fault != nil,
                .fetched where numbers.fault != nil:
                break
            case .contentBegin(let number, let uid, _):
                // Servers tell the UID before the content, or after it: then the number says which message it is.
                let place = (uid ?? numbers.uid(of: number)).map { request.place(of: $0) } ?? request.expected
                guard let place, request.answer(place) else {
                    throw session.broken("a message that was not asked for")
                }
                let index = try begin(place, of: &request)
                do { try take(request.messages[place], index: index) } catch is UIDsInDoubt {}
            case .fetched(let told):
                guard let place = told.uid.flatMap({ request.place(of: $0) }),
                    told.body == .null || told.body == .empty, request.answer(place)
                else { break }
                let index = try begin(place, of: &request)
                try takeNothing(request.messages[place], told, index: index)
            case .done(.uidFetchContent, let status):
                if status.condition != .ok { refusal = session.refused("UID FETCH", status) }
                break reading
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
        if numbers.fault != nil { run.abandon() }
        try checkNumbers()
        try run.publish()
        return (request.left, refusal)
    }

    /// The index in its batch of the message at `place`. One that is not of the batch under way, or comes when that is
    /// full, begins the next one.
    private func begin(_ place: Int, of request: inout FetchRequest) throws -> Int {
        if let index = request.index(of: place), !run.isBatchFull { return index }
        try run.publish()
        try run.begin(request.beginBatch(at: place))
        return 0
    }

    /// The message under way is not the one it was taken for, or cannot be told from another.
    private struct UIDsInDoubt: Error {}

    /// Reads one message, whose content has begun, into its mailbox.
    private func take(_ message: Pending, index: Int) throws {
        try run.receive(message, index: index, to: destination) { sink in
            while true {
                switch try next() {
                case .content(let octets): try sink.write(octets)
                case .fetched(let told):
                    guard numbers.fault == nil else { throw UIDsInDoubt() }
                    guard let uid = told.uid, Int(uid) == message.number,
                        case .streamed(_, let contentFaults) = told.body
                    else { throw session.broken("another message than the one begun") }
                    return source(of: told, contentFaults)
                default: throw session.broken("content without an end")
                }
            }
        }
    }

    /// Takes a message without octets: rightly so if the server gave its size as 0, too.
    private func takeNothing(_ message: Pending, _ told: IMAPFetched, index: Int) throws {
        guard told.body == .empty else {
            return try run.noteFailure(of: message.key, "the server has no content for it (NIL)")
        }
        try run.receive(message, index: index, to: destination) { _ in source(of: told, []) }
    }

    /// What is known of a message besides its content. A date that lies ahead is a server's error.
    private func source(of told: IMAPFetched, _ contentFaults: ContentFaults) -> MessageSource {
        let arrival = told.internalDate.flatMap { InternalDate.seconds($0) }
        return MessageSource(
            contentFaults: contentFaults,
            flags: run.account.keepsFlags ? MaildirFlags(imap: told.flags ?? []) : [],
            arrival: arrival.flatMap { (0...(run.now + 86_400)).contains($0) ? $0 : nil })
    }
}

extension MaildirFlags {
    /// Those of the server's flags that a Maildir has (RFC 3501 §2.3.2), but for `\Deleted`.
    init(imap flags: [String]) {
        let known: [String: MaildirFlags] = [
            "\\seen": .seen, "\\answered": .replied, "\\flagged": .flagged, "\\draft": .draft,
        ]
        self.init(flags.compactMap { known[$0.lowercased()] })
    }
}
