// Fetched mail on its way from the spool to the places that the rc names: each place at its own pace.

import AccountSessions
import Blocking
import CommandStart
import DurableFiles
import FetchSpool
import Glibc
import MailEnvelope
import MailFormat
import MaildirStore
import MessageContent
import Reporting
import RunControl
import Synchronization

/// Hands the spooled mail of one account on. A place that is slow, or down, holds up no other; nothing waits here that the
/// disk does not have, and nothing is taken from the spool that any of its targets lacks.
final class HandOver: Sendable {
    /// A message that waits.
    struct Item: Sendable {
        let message: StoredMessage
        let envelope: Envelope
        /// What its Message-ID field says, as it came.
        let messageID: String?
        /// The mailboxes that it is for.
        let mailboxes: Set<String>
        /// Whether it may have been tried before to hand it on.
        var isOld: Bool
        /// Those of its targets that lack it.
        var targets: [HandOverTarget]
    }

    /// What keeps messages here.
    private struct Obstacle: Sendable, Hashable {
        /// The number of the place; `nil` for the spool itself.
        let place: Int?
        let words: String
    }

    private struct State: Sendable {
        var items: [String: Item] = [:]
        /// Octets of these.
        var octets = 0
        /// Whether all that the spool had at the beginning was taken.
        var isComplete = false
        /// For each place the messages that it is still to be offered, the oldest last.
        var queues: [[String]]
        /// For each place the message that it is offered, and since when.
        var underWay: [(unique: String, since: Deadline)?]
        /// Messages that cannot be read; they wait, too.
        var stuck: Set<String> = []
        /// Whether nothing more will come.
        var isOver = false
        /// Why nothing can be recorded any more.
        var failure: (any Error)?
        /// What kept messages here, for a person.
        var obstacles: [Obstacle] = []
        /// For each place the messages that it got since that was told.
        var taken: [Int]

        /// The places that have not been offered all that they may be offered now.
        var unsettled: Set<Int> { Set(queues.indices.filter { !queues[$0].isEmpty || underWay[$0] != nil }) }
    }

    let account: AccountSettings
    let hub: StartedHub
    let paths: Paths
    let spool: FetchSpool
    /// Whether places that are to be left alone for now are tried all the same.
    let isForced: Bool
    private let addressing: Addressing
    private let state: Monitor<State>
    private let threads = Monitor<[BlockingThread?]>([])
    private let copies = Mutex(0)
    /// The folders of the spool, opened once: messages are kept while runs come and go.
    private let folders = Mutex<[FolderName: Maildir]>([:])

    init(
        of account: AccountSettings, from spool: FetchSpool, hub: StartedHub, over paths: Paths, isForced: Bool
    ) throws(FetchError) {
        guard let addressing = Addressing(of: account, in: hub.settings) else {
            throw .noOwner(account.name, position: account.position)
        }
        (self.account, self.spool, self.hub, self.paths) = (account, spool, hub, paths)
        (self.addressing, self.isForced) = (addressing, isForced)
        let places = account.destinations
        state = Monitor(
            State(
                queues: places.map { _ in [] }, underWay: places.map { _ in nil }, taken: places.map { _ in 0 }))
        threads.change { $0 = account.destinations.map { _ in nil } }
    }

    // MARK: What waits

    /// Takes messages that are in the spool, on stable storage, and whose keys the ledger has. Those that it has already are
    /// passed over.
    /// - Throws: `SpoolError`, `DurableError` of the spool.
    func take(_ messages: [StoredMessage], fromEarlierRun isOld: Bool = false) throws {
        var queues: [[String]] = account.destinations.map { _ in [] }
        defer {
            let fresh = queues
            state.change { state in
                for index in fresh.indices { state.queues[index] = fresh[index].reversed() + state.queues[index] }
            }
            for index in account.destinations.indices { start(index) }
        }
        for message in messages {
            guard state.read({ $0.items[message.unique] == nil }) else { continue }
            let message = try box(of: message).map { message.reached(through: $0) } ?? message
            let header: HeaderSection
            do { header = try Self.header(of: message) } catch MaildirError.messageGone {
                continue  // handed on since it was seen
            } catch {
                // It stays, and stops no other.
                state.change { _ = $0.stuck.insert(message.unique) }
                note("\(spool.maildir.path): \(sentence(error))")
                continue
            }
            let item = item(message, header, isOld: isOld)
            guard !item.targets.isEmpty else {
                do throws(DurableError) { try remove(message) } catch {
                    state.change { _ = $0.stuck.insert(message.unique) }
                    throw error
                }
                continue
            }
            state.change { state in
                state.items[message.unique] = item
                state.octets += message.size
                state.stuck.remove(message.unique)
            }
            for (index, place) in account.destinations.enumerated()
            where item.targets.contains(where: { $0.place == place }) {
                queues[index].append(message.unique)
            }
        }
        state.change { $0.isComplete = true }
    }

    /// - Returns: `nil` for a folder that is not there any more.
    private func box(of message: StoredMessage) throws -> Maildir? {
        guard let name = message.folder else { return spool.maildir }
        return try folders.withLock { folders in
            if let open = folders[name] { return open }
            folders[name] = try spool.maildir.folder(name)
            return folders[name]
        }
    }

    /// Offers what waits once more, as far as its time has come, and forgets what kept it. Where nothing could be recorded any
    /// more, the spool is made to record again first: a place that is at work meanwhile keeps nobody from that.
    /// - Throws: `SpoolError`, `DurableError` of the spool.
    func offerAgain() throws {
        try spool.renew()
        for item in state.read({ Array($0.items.values) }) {
            guard item.targets.allSatisfy({ spool.progress(of: item.message.unique, at: $0.name).isDone }) else {
                continue
            }
            try remove(item.message)
            forget(item)
        }
        state.change { state in
            state.failure = nil
            for (unique, item) in state.items {
                state.items[unique]?.targets = item.targets.filter {
                    !spool.progress(of: unique, at: $0.name).isDone
                }
            }
            for unique in state.items.keys { state.items[unique]?.isOld = true }
            let waiting = state.items.values.sorted {
                ($0.message.time, $0.message.unique) > ($1.message.time, $1.message.unique)
            }
            for (index, place) in account.destinations.enumerated() {
                state.queues[index] = waiting.filter { item in
                    item.message.unique != state.underWay[index]?.unique && item.targets.contains { $0.place == place }
                }.map(\.message.unique)
            }
            state.obstacles = []
        }
        for index in account.destinations.indices { start(index) }
    }

    private func item(_ message: StoredMessage, _ header: HeaderSection, isOld: Bool) -> Item {
        let addressees = addressing.addressees(in: header)
        // Two lines may come to one recipient at one server.
        var names: Set<String> = []
        let all = account.destinations.flatMap { HandOverTarget.all(at: $0, for: addressees) }.filter {
            names.insert($0.name).inserted
        }
        let left = all.filter { !spool.progress(of: message.unique, at: $0.name).isDone }
        return Item(
            message: message, envelope: Envelope(reversePath: Addressing.sender(in: header)),
            messageID: header.first("Message-ID").map { field in
                String(decoding: header.unfolded(field).drop { $0 == 0x20 }.prefix(200), as: UTF8.self)
            },
            mailboxes: Set(addressees.map { $0.mailbox }), isOld: isOld, targets: left)
    }

    private static func header(of message: StoredMessage) throws -> HeaderSection {
        let file = try message.open()
        var scanner = HeaderScanner()
        var at = 0
        while scanner.header == nil {
            let piece = try file.read(atMost: 16_384, at: at)
            guard !piece.isEmpty else { break }
            at += piece.count
            scanner.append(piece)
        }
        return scanner.finish()
    }

    /// Whether it has not been told yet what the spool has.
    var isFresh: Bool { state.read { !$0.isComplete } }

    /// Whether a message of that name is not at all its places yet.
    func holds(_ unique: String) -> Bool {
        state.read { !$0.isComplete || $0.items[unique] != nil || $0.stuck.contains(unique) }
    }

    /// Octets that wait.
    var octets: Int { state.read(\.octets) }

    /// Messages that wait.
    var count: Int { state.read { $0.items.count + $0.stuck.count } }

    /// What keeps them here, for a person, in the order of the rc; empty where none wait.
    var words: [String] {
        let obstacles = state.read { $0.items.isEmpty && $0.stuck.isEmpty ? [] : $0.obstacles }
        return obstacles.sorted { ($0.place ?? -1, $0.words) < ($1.place ?? -1, $1.words) }.map(\.words)
    }

    /// What the places got since this was asked for last, for a person; `nil` where that is nothing.
    func takeTakenText() -> String? {
        let taken = state.change { state in
            defer { state.taken = state.taken.map { _ in 0 } }
            return state.taken
        }
        let texts = zip(account.destinations, taken).filter { $1 > 0 }.map { "\($1) to \($0)" }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }

    /// When what waits is to be offered again, in seconds since 1970; `nil` where nothing waits.
    var nextTime: Int? {
        let soon = time(nil) + HandOverLane.placeDelays.first
        let times = state.read { Array($0.items.values) }.flatMap { item in
            item.targets.map { target in
                let progress = spool.progress(of: item.message.unique, at: target.name)
                let next = HandOverLane.nextAttempt(after: progress)
                return max(next, spool.fault(of: "\(target.place)")?.next ?? 0, soon)
            }
        }
        return times.min() ?? (count > 0 ? soon : nil)
    }

    // MARK: The lanes

    private func start(_ index: Int) {
        guard state.read({ !$0.queues[index].isEmpty }), threads.read({ $0[index] == nil }) else { return }
        do throws(ThreadError) {
            let thread = try BlockingThread(name: "deliver") { [self] in
                HandOverLane(to: index, of: self).work()
            }
            threads.change { $0[index] = thread }
        } catch {
            note("\(account.destinations[index]): \(sentence(error))", at: index)
            leave(index)
        }
    }

    /// The next message for a place; `nil` when there will be none.
    func next(for index: Int) -> Item? {
        state.wait { state -> Item?? in
            if state.failure != nil || StopSignal.hasCome { state.queues[index] = [] }
            while let unique = state.queues[index].popLast() {
                guard let item = state.items[unique] else { continue }
                state.underWay[index] = (unique, .now)
                return item
            }
            return state.isOver ? .some(nil) : nil
        } ?? nil
    }

    /// Waits a moment until the Maildir of a mailbox has a message, which goes there anyway.
    func awaitCopy(of item: Item, in mailbox: String) -> Bool {
        let unique = item.message.unique
        return state.wait(until: Deadline(after: Self.copyPatience)) { state -> Bool? in
            let isLeft = state.items[unique]?.targets.contains {
                $0.place == .maildir && $0.addressee.mailbox == mailbox
            }
            return isLeft == true ? nil : true
        } ?? false
    }

    /// Copies that bear one name are made one after the other.
    func making<Value>(_ body: () throws -> Value) rethrows -> Value {
        try copies.withLock { _ in try body() }
    }

    /// Ends the work on a message at a place.
    /// - Parameters:
    ///   - index: the number of the place.
    ///   - done: the targets that have it now, or need it no more, as the spool has recorded.
    ///   - isTaken: whether the place has taken it.
    func finish(_ item: Item, at index: Int, done: [HandOverTarget], isTaken: Bool) {
        let unique = item.message.unique
        let isComplete = state.change { state in
            if isTaken { state.taken[index] += 1 }
            state.items[unique]?.targets.removeAll { done.contains($0) }
            return state.items[unique]?.targets.isEmpty ?? false
        }
        if isComplete {
            do {
                try remove(item.message)
                forget(item)
            } catch {
                fail(error)
            }
        }
        state.change { $0.underWay[index] = nil }
    }

    private func remove(_ message: StoredMessage) throws(DurableError) { try spool.remove(message) }

    private func forget(_ item: Item) {
        state.change { state in
            guard state.items.removeValue(forKey: item.message.unique) != nil else { return }
            state.octets -= item.message.size
        }
    }

    /// Notes that nothing can be recorded any more.
    func fail(_ error: any Error) { state.change { $0.failure = $0.failure ?? error } }

    /// Notes what keeps messages here.
    /// - Parameter place: its number; `nil` for the spool itself.
    func note(_ words: String, at place: Int? = nil) {
        let obstacle = Obstacle(place: place, words: words)
        state.change { state in
            guard state.obstacles.count(where: { $0.place == place }) < Self.toldLimit else { return }
            if !state.obstacles.contains(obstacle) { state.obstacles.append(obstacle) }
        }
    }

    /// Drops what a place has not been offered: it takes nothing now.
    func leave(_ index: Int) { state.change { $0.queues[index] = [] } }

    private static let copyPatience = Duration.seconds(10)
    /// Reasons of one place that are told.
    private static let toldLimit = 5

    // MARK: The end

    /// Whether each place has been offered all that it may be offered now.
    var isSettled: Bool { state.read { $0.failure != nil || $0.unsettled.isEmpty } }

    /// Waits until each place has been offered all that it may be offered now.
    /// - Parameter slow: a place that has been at work on a message for so long is not waited for.
    /// - Throws: why nothing can be recorded any more.
    func settle(until deadline: Deadline, besides slow: Duration? = nil) throws {
        let excused = state.read { state in
            state.unsettled.filter { place in
                if let slow, let since = state.underWay[place]?.since { since.elapsed > slow } else { false }
            }
        }
        _ = state.wait(until: deadline) { state in
            state.failure != nil || StopSignal.hasCome || state.unsettled.isSubset(of: excused) ? () : nil
        }
        if let failure = state.read(\.failure) { throw failure }
    }

    /// Ends the lanes after what they have under way.
    func end() {
        state.change { state in
            state.isOver = true
            for index in state.queues.indices { state.queues[index] = [] }
        }
        for thread in threads.read({ $0 }) { thread?.join() }
    }
}
