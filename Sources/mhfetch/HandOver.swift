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

/// Hands the spooled mail of one account on. A place that is slow, or down, holds up no other; nothing waits here that the
/// disk does not have, and nothing is taken from the spool that any of its targets lacks.
final class HandOver: Sendable {
    /// A message that waits.
    struct Item: Sendable {
        let message: StoredMessage
        let envelope: Envelope
        /// The mailboxes that it is for.
        let mailboxes: Set<String>
        /// Those of its targets that lack it.
        var targets: [HandOverTarget]
    }

    private struct State: Sendable {
        var items: [String: Item] = [:]
        /// For each place the messages that it has not been offered in this run, the oldest last.
        var queues: [[String]]
        /// Messages that cannot be read; they wait, too.
        var stuck: Set<String> = []
        /// Lanes at work on a message.
        var busy = 0
        /// Whether nothing more will come.
        var isOver = false
        /// Why nothing can be recorded any more.
        var failure: (any Error)?
        /// What kept messages here, for a person.
        var words: [String] = []
        var handedOver = 0
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

    init(
        of account: AccountSettings, from spool: FetchSpool, hub: StartedHub, over paths: Paths, isForced: Bool
    ) throws(FetchError) {
        guard let addressing = Addressing(of: account, in: hub.settings) else {
            throw .noOwner(account.name, position: account.position)
        }
        (self.account, self.spool, self.hub, self.paths) = (account, spool, hub, paths)
        (self.addressing, self.isForced) = (addressing, isForced)
        state = Monitor(State(queues: account.destinations.map { _ in [] }))
        threads.change { $0 = account.destinations.map { _ in nil } }
    }

    // MARK: What waits

    /// Takes messages that are in the spool, on stable storage, and whose keys the ledger has.
    /// - Throws: `SpoolError`, `DurableError` of the spool.
    func take(_ messages: [StoredMessage]) throws {
        for message in messages {
            guard state.read({ $0.items[message.unique] == nil }) else { continue }
            let header: HeaderSection
            do { header = try Self.header(of: message) } catch {
                // It stays, and stops no other.
                state.change { _ = $0.stuck.insert(message.unique) }
                note("\(spool.maildir.path): \(sentence(error))")
                continue
            }
            guard let item = try item(message, header) else { continue }
            state.change { state in
                state.items[message.unique] = item
                for (index, place) in account.destinations.enumerated()
                where item.targets.contains(where: { $0.place == place }) {
                    state.queues[index].insert(message.unique, at: 0)
                }
            }
        }
        for index in account.destinations.indices { start(index) }
    }

    /// - Returns: `nil` for a message that all have; it is removed then.
    private func item(_ message: StoredMessage, _ header: HeaderSection) throws -> Item? {
        let addressees = addressing.addressees(in: header)
        let all = account.destinations.flatMap { HandOverTarget.all(at: $0, for: addressees) }
        let left = all.filter { !spool.progress(of: message.unique, at: $0.name).isDone }
        guard !left.isEmpty else {
            try remove(message)
            return nil
        }
        return Item(
            message: message, envelope: Envelope(reversePath: Addressing.sender(in: header)),
            mailboxes: Set(addressees.map { $0.mailbox }), targets: left)
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

    /// Whether a message of that name is not at all its places yet.
    func holds(_ unique: String) -> Bool { state.read { $0.items[unique] != nil || $0.stuck.contains(unique) } }

    /// Octets that wait.
    var octets: Int { state.read { $0.items.values.reduce(0) { $0 + $1.message.size } } }

    /// Messages that wait, and those that all their places got in this run.
    var count: Int { state.read { $0.items.count + $0.stuck.count } }
    var handedOver: Int { state.read(\.handedOver) }

    /// What keeps them here, for a person; empty where none wait.
    var words: [String] { state.read { $0.items.isEmpty && $0.stuck.isEmpty ? [] : $0.words } }

    /// When what waits is to be offered again, in seconds since 1970; `nil` where nothing waits.
    var nextTime: Int? {
        let soon = time(nil) + HandOverLane.placeDelays.first
        let times = state.read { Array($0.items.values) }.flatMap { item in
            item.targets.map { target in
                let next = spool.progress(of: item.message.unique, at: target.name).next
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
                HandOverLane(to: account.destinations[index], of: self).work(index)
            }
            threads.change { $0[index] = thread }
        } catch {
            note("\(account.destinations[index]): \(sentence(error))")
        }
    }

    /// The next message for a place; `nil` when there will be none.
    func next(for index: Int) -> Item? {
        state.wait { state -> Item?? in
            if state.failure != nil || StopSignal.hasCome { state.queues[index] = [] }
            while let unique = state.queues[index].popLast() {
                guard let item = state.items[unique] else { continue }
                state.busy += 1
                return item
            }
            return state.isOver ? .some(nil) : nil
        } ?? nil
    }

    /// Ends the work on a message at a place.
    /// - Parameters:
    ///   - done: the targets that have it now, as the spool has recorded.
    func finish(_ item: Item, done: [HandOverTarget]) {
        let unique = item.message.unique
        let isComplete = state.change { state in
            state.items[unique]?.targets.removeAll { done.contains($0) }
            return state.items[unique]?.targets.isEmpty ?? false
        }
        if isComplete {
            do {
                try remove(item.message)
                state.change {
                    $0.items[unique] = nil
                    $0.handedOver += 1
                }
            } catch {
                fail(error)
            }
        }
        state.change { $0.busy -= 1 }
    }

    private func remove(_ message: StoredMessage) throws(DurableError) { try spool.remove(message) }

    /// Notes that nothing can be recorded any more.
    func fail(_ error: any Error) { state.change { $0.failure = $0.failure ?? error } }

    /// Notes what keeps messages here.
    func note(_ words: String) {
        state.change { state in
            if state.words.count < Self.toldLimit, !state.words.contains(words) { state.words.append(words) }
        }
    }

    /// Drops what a place has not been offered: it takes nothing now.
    func leave(_ index: Int) { state.change { $0.queues[index] = [] } }

    /// Reasons that are told.
    private static let toldLimit = 5

    // MARK: The end

    /// Waits until each place has been offered all that it may be offered now.
    /// - Throws: why nothing can be recorded any more.
    func settle(until deadline: Deadline = .never) throws {
        _ = state.wait(until: deadline) { state in
            state.failure != nil || StopSignal.hasCome || state.busy == 0 && state.queues.allSatisfy(\.isEmpty)
                ? () : nil
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
