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
    static let requestLimit = 1_000
    /// Refusals of single messages after which the folder itself is taken to be at fault.
    private static let refusalLimit = 10

    private let session: IMAPSession
    private let run: AccountRun
    private let name: String
    /// Its number in the state.
    private let index: Int
    private let destination: Destination
    /// Which UID each message number of the folder has, kept up to date with all that the server says.
    private var numbers: MessageNumbers
    /// UIDs that were asked for in this session: what ``numbers`` does not know of them is not there.
    private var asked = UIDSet([])
    /// Whether a listing of the whole folder had another count than the server tells.
    private var isMiscounted = false
    /// Messages that went as we asked.
    private var ownExpunges = 0
    /// Messages that were neither sent nor listed any more.
    private var missed = 0
    /// Whether others' messages went in this session, as the server says. Were it a lie, they would be passed over for
    /// good: so nothing is, and nothing is forgotten. In a later session either they are not listed, or they are news.
    private var hasLosses: Bool { numbers.expungedCount > ownExpunges || missed > 0 }

    private var exchange: Exchange<IMAPClient> { session.exchange }

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

    private func key(_ uid: UInt32) -> MessageKey { .uid(uid, folder: index) }

    /// Fetches what is new and deletes what may go.
    /// - Parameter uidNext: UIDNEXT, as SELECT told; `nil` where it did not.
    func collect(uidNext: UInt32?) throws {
        switch run.errand {
        case .fetch: try fetchNew(uidNext: uidNext)
        case .markSeen(let day): try pass(before: day, uidNext: uidNext)
        case .flush: try delete()
        }
    }

    /// Takes what is there as known; where there is a day, only what came before it.
    private func pass(before day: CalendarDay?, uidNext: UInt32?) throws {
        let bound = try uidNext ?? nextUID()
        let uids = try day.map { try search("BEFORE \($0.imap)").filter { $0 < bound } }
        let new =
            try uids
            ?? list(from: run.state.folders[index].next, isBlind: false).filter { !isFetched($0) }
            .compactMap { UInt32(exactly: $0.number) }
        if uids == nil { try run.ledger.accept(below: bound, of: index) }
        try run.ledger.pass(new.map(key), at: run.now)
        try run.announce(passing: new.count, from: name)
    }

    private func fetchNew(uidNext: UInt32?) throws {
        let first = run.state.folders[index].next
        let failed = run.state.failed.keys.compactMap { key -> UInt32? in
            if case .uid(let uid, index) = key, uid < first { uid } else { nil }
        }
        // UIDNEXT tells without a question whether there is anything new; what a search finds depends on flags, too.
        let mayBeNew = run.account.search != nil || uidNext.map { $0 > first } ?? true
        let listed = try !mayBeNew ? [] : run.account.search.map(found) ?? list(from: first, isBlind: uidNext == nil)
        let new = listed.filter { !isFetched($0) }
        let missing = Set(failed).subtracting(new.compactMap { UInt32(exactly: $0.number) })
        let firstNew = new.first { run.state.failed[$0.key] == nil }
        if let mark = firstNew?.number ?? listed.last.map({ $0.number + 1 }) {
            try advance(to: mark)
        }
        try delete()
        guard mayBeNew || !failed.isEmpty else {
            if run.isDry { try run.announce(fetching: [], from: name, to: destination) }
            return
        }
        let wanted = try (new + stillThere(missing.sorted())).sorted { $0.number < $1.number }
        var fresh = wanted.filter { !run.isLeftAlone($0.key) }
        run.noteLeftAlone(wanted.count - fresh.count)
        let (rationed, isAll) = run.ration(try run.withoutOversized(fresh))
        fresh = rationed
        if run.isDry { return try run.announce(fetching: fresh, from: name, to: destination) }
        if !fresh.isEmpty { run.tell("\(fresh.count) new in \(name)") }
        var isDone = isAll
        // Filtered in pieces, so that what was judged is fetched whatever comes behind it.
        for (number, piece) in (run.filter == nil ? [fresh] : fresh.pieces(of: Self.siftLimit)).enumerated() {
            let isTurnOver = number > 0 && run.isTurnOver()
            guard !isTurnOver, try fetch(try run.filter.map { try filtered(piece, by: $0) } ?? piece) else {
                isDone = false
                break
            }
        }
        try run.settle()
        if run.account.marksSeen { try markSeen(fresh) }
        if isDone, let highest = listed.last { try advance(to: highest.number + 1) }
        if run.account.keep == .off { try delete() }
    }

    /// Notes that nothing below `mark` is new any more. A folder that was miscounted will be listed whole again:
    /// messages that were left out may still turn up. So will one where messages went, and one that is searched: what a
    /// search leaves out today it may find tomorrow.
    private func advance(to mark: Int) throws {
        guard run.account.search == nil, !isMiscounted, !hasLosses, let mark = UInt32(exactly: mark) else { return }
        try run.ledger.setNext(max(mark, run.state.folders[index].next), of: index)
    }

    /// The UID above all that the folder has now, for a server that does not tell UIDNEXT.
    func nextUID() throws -> UInt32 {
        guard numbers.exists > 0 else { return 1 }
        let last = try survey(UIDSet([.max]), []).map(\.number).max() ?? 0
        return UInt32(clamping: last + 1)
    }

    private var canExpunge: Bool { session.has("UIDPLUS") }

    private func isNews(_ message: Pending) -> Bool { !isFetched(message) && run.state.failed[message.key] == nil }

    private func isFetched(_ message: Pending) -> Bool {
        UInt32(exactly: message.number).map { run.state.folders[index].isFetched($0) } ?? false
    }

    // MARK: Listing

    /// The next event from the server; whatever it is, numbers and UIDs are kept up to date with it.
    private func next() throws -> IMAPClient.Event {
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
    private func checkNumbers() throws {
        guard let fault = numbers.fault else { return }
        throw FetchError.doubtfulUIDs(folder: name, host: session.host, what: "\(fault)")
    }

    /// Waits for the completion of `request`, which the server must not refuse.
    private func finish(_ request: IMAPRequest) throws {
        let status = try completion(of: request)
        guard status.condition == .ok else { throw session.refused(request.rawValue, status) }
    }

    private func completion(of request: IMAPRequest) throws -> IMAPStatus {
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

    /// The messages whose UIDs are `first` or above. Where that is the whole folder, their count must be right.
    /// - Parameter isBlind: whether the server did not tell UIDNEXT, which would show that it has taken UIDs back.
    private func list(from first: UInt32, isBlind: Bool) throws -> [Pending] {
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

    /// What a search by `criteria` finds and is not known.
    private func found(by criteria: String) throws -> [Pending] {
        // Without UIDPLUS what was deleted stays until somebody expunges it, and is known no more.
        let found = try search(canExpunge ? criteria : "UNDELETED \(criteria)")
        let wanted = Set(found)
        return try survey(UIDSet(found)).filter { UInt32(exactly: $0.number).map(wanted.contains) ?? false }
    }

    /// The UIDs that a search by `criteria` finds, without those of fetched messages.
    private func search(_ criteria: String) throws -> [UInt32] {
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
                        words: printable(octets: status.text, limit: 200))
                }
                break reading
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
        try checkNumbers()
        return found
    }

    /// Those of the failed messages that the server still has; the others are forgotten, unless it told of losses.
    private func stillThere(_ uids: [UInt32]) throws -> [Pending] {
        guard !uids.isEmpty else { return [] }
        let asked = Set(uids.map(Int.init))
        let found = try survey(UIDSet(uids)).filter { asked.contains($0.number) }
        let there = Set(found.map(\.key))
        if !hasLosses { try run.ledger.markGone(uids.map(key).filter { !there.contains($0) }) }
        return found
    }

    /// UIDs and sizes of the messages in `uids`, in the order of their UIDs.
    private func survey(_ uids: UIDSet, _ items: IMAPItems = .size) throws -> [Pending] {
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

    // MARK: Fetching

    /// Headers asked for with one command.
    private static let siftLimit = 100

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
        try run.announce(passing: known.passed.count, from: name)
    }

    /// Those of `messages` that the rc's filter lets pass. Those it does not want are deleted unread, and known then: a
    /// server that keeps them all the same is not asked for ever.
    private func filtered(_ messages: [Pending], by filter: HeaderFilter) throws -> [Pending] {
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
            for message in there {
                if request.messages.count == 1 {
                    try run.noteFailure(of: message.key, "the server lists it and does not send it")
                } else {
                    work.isolate([message])
                }
            }
        }
        return true
    }

    private func noteMissed(_ count: Int) {
        run.tally.gone += count
        missed += count
    }

    /// Asks for messages with one command, and puts them on disk batch by batch, as they come.
    /// - Returns: those that were not sent, and the server's refusal, if there was one.
    private func fetch(_ asked: FetchRequest) throws -> (left: [Pending], refusal: AccountError?) {
        var request = asked
        // Before its first octet: should a message bring us down, the batch that it was to come in must name it.
        try run.begin(request.beginBatch(at: 0))
        try exchange.say(.uidFetch(request.uids, [.body, .flags, .internalDate]))
        var refusal: AccountError?
        reading: while true {
            switch try next() {
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

    /// Deletes messages, or moves them where the rc says so.
    /// - Returns: those that are gone. What a server does not say it has expunged, as we asked it to, is looked up again
    ///   by the next session.
    private func remove(_ uids: UIDSet, moving: Bool) throws -> UIDSet {
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

    private var canMove: Bool { run.account.moveTarget != nil && session.has("MOVE") }

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

    /// What is known of a message besides its content. A date that lies ahead is a server's error.
    private func source(of told: IMAPFetched, _ contentFaults: ContentFaults) -> MessageSource {
        let arrival = told.internalDate.flatMap { InternalDate.seconds($0) }
        return MessageSource(
            contentFaults: contentFaults,
            flags: run.account.keepsFlags ? MaildirFlags(imap: told.flags ?? []) : [],
            arrival: arrival.flatMap { (0...(run.now + 86_400)).contains($0) ? $0 : nil })
    }

    // MARK: At the source

    /// Marks as seen what was fetched of `messages`.
    private func markSeen(_ messages: [Pending]) throws {
        let fetched = messages.filter(isFetched).compactMap { UInt32(exactly: $0.number) }.filter(numbers.isThere)
        for piece in UIDSet(fetched).pieces() {
            try exchange.say(.uidStore(piece, add: ["\\Seen"]))
            try finish(.uidStore)
        }
    }

    /// Deletes what was fetched and may go, or moves it: flagged, then expunged by UID, so that no mail that others have
    /// flagged vanishes with it. What was fetched in an earlier session is looked up first: its UID may mean two messages by
    /// now, or none. What the next listing of new mail will show again must stay known, and so stays there.
    private func delete() throws {
        let days = run.state.folders[index].fetched.filter { run.mayGo(fetched: $0.time, in: $0.run) }
        let fetched = UIDSet(ranges: days.flatMap(\.uids.ranges))
        let known = run.account.search == nil ? fetched.subtracting(.from(run.state.folders[index].next)) : fetched
        guard !known.isEmpty, !isMiscounted else { return }
        let unseen = known.subtracting(asked)
        if !unseen.isEmpty { _ = try survey(unseen, []) }
        let going = UIDSet(known.ranges.joined().filter(numbers.isThere))
        // What a search finds again must be known: one look in vain is no proof there.
        if !hasLosses, run.account.search == nil { try run.ledger.markGone(known.subtracting(going), of: index) }
        guard !going.isEmpty else { return }
        if run.isDry { return try run.announce(deleting: going.count, from: name) }
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
