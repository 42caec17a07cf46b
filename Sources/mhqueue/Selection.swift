// Which messages a verb is for: by id, and by what is known of them.

import ArgumentParser
import CommandStart
import MailRouting
import Programs
import Reporting
import RunControl
import SpoolQueue

/// What messages are chosen by, besides their ids. All that is given must hold.
struct Selectors: ParsableArguments {
    @Option(help: "Those from this sender: an address or a pattern as in the rc; <> for notices.", transform: pattern)
    var from: AddressPattern?
    @Option(help: "Those that wait for such a recipient.", transform: pattern) var to: AddressPattern?
    @Option(help: "Those that came in longer ago, such as 3d12h.", transform: time) var olderThan: Int?
    @Option(help: "Those that came in since.", transform: time) var newerThan: Int?
    @Option(help: "Those that would leave by this route or account now.") var route: String?

    private static func pattern(_ text: String) throws -> AddressPattern {
        do throws(PatternError) { return try AddressPattern(parsing: text) } catch {
            throw ValidationError("\(error)")
        }
    }

    private static func time(_ text: String) throws -> Int {
        guard let seconds = HubSettings.seconds(text) else {
            throw ValidationError("write a time such as 1d12h or 30m")
        }
        return seconds
    }

    /// What they choose in the queue of this hub.
    /// - Throws: ``QueueCommandError/noSuchRoute(_:)``.
    func choice(_ hub: StartedHub, _ queue: Queue) throws -> Choice {
        var choice = Choice(from: from, to: to, olderThan: olderThan, newerThan: newerThan)
        if let route {
            let ways = try WaysOut(hub.settings, queue)
            guard ways.has(route) else { throw QueueCommandError.noSuchRoute(route) }
            choice.route = (route, ways)
        }
        return choice
    }
}

/// Which messages are chosen. A value of its own, as the options above are looked up anew at each use.
struct Choice {
    let from: AddressPattern?
    let to: AddressPattern?
    let olderThan: Int?
    let newerThan: Int?
    var route: (name: String, ways: WaysOut)?
    private let now = Times.now()

    init(from: AddressPattern? = nil, to: AddressPattern? = nil, olderThan: Int? = nil, newerThan: Int? = nil) {
        (self.from, self.to, self.olderThan, self.newerThan) = (from, to, olderThan, newerThan)
    }

    /// Whether it takes every message.
    var isAll: Bool { from == nil && to == nil && route == nil && olderThan == nil && newerThan == nil }

    /// Whether a message must be read to be chosen.
    private var readsMessages: Bool { !isAll }

    /// Whether a message may be one of them, by its entry alone.
    func mayTake(_ entry: QueueEntry) -> Bool {
        // A notice has the id of what it is about, which came in before it.
        guard entry.id.subject == nil, let arrival = entry.id.seconds else { return true }
        return isOfAge(arrival)
    }

    private func isOfAge(_ arrival: Int) -> Bool {
        (olderThan.map { now - arrival > $0 } ?? true) && (newerThan.map { now - arrival <= $0 } ?? true)
    }

    /// Whether a message is one of them.
    func take(_ message: QueuedMessage) -> Bool {
        guard isOfAge(message.acceptance.arrival) else { return false }
        if let from, !from.matches(message.envelope.reversePath) { return false }
        guard to != nil || route != nil else { return true }
        return message.state.waiting.contains { index in
            isTo(index, message.state.recipients)
                && (route.map { $0.ways.leads(index, of: message, by: $0.name) } ?? true)
        }
    }

    /// Whether the recipient, or one that it came instead of, has the address.
    private func isTo(_ index: Int, _ recipients: [RecipientState]) -> Bool {
        guard let to else { return true }
        var next: Int? = index
        while let index = next {
            if case .address(let address) = recipients[index].destination, to.matches(address) { return true }
            next = recipients[index].parent
        }
        return false
    }

    /// Whether `entry`, as it is now, is one of them.
    func take(_ entry: QueueEntry, in queue: Queue) throws(QueueError) -> Bool {
        guard readsMessages else { return true }
        guard let message = try queue.peek(entry) else { return false }
        return take(message)
    }
}

/// The messages that a verb is to act on.
struct ChosenMessages: ParsableArguments {
    @Argument(help: "Ids; - reads them from standard input, one a line; ALL means every message.")
    var ids: [String] = []
    @OptionGroup var selectors: Selectors

    /// What became of a command for many messages.
    struct Done {
        var ids: [QueueID] = []
        var worst: ExitStatus?
        let hub: StartedHub
        let queue: Queue
        var settings: HubSettings { hub.settings }

        /// Ends the command, with the status of the last message that could not be served.
        func end() throws {
            if let worst { throw ExitCode(worst.rawValue) }
        }

        mutating func note(_ error: any Error) { worst = complain(error, as: CommandName.called(else: "mhqueue")) }
    }

    /// Orders of one round: their journals are synchronized side by side, and a directory once for all of them.
    private static let atOnce = 128

    /// Gives each message its orders, under its lock. One that is missing, or that another process works on, is reported,
    /// and the others go on.
    /// - Parameter check: what the words of the command mean on this hub.
    /// - Parameter orders: for one message.
    func order(
        _ options: HubOptions, checking check: (StartedHub, Queue) throws -> Void = { _, _ in },
        _ orders: (LockedMessage) throws -> [Order]
    ) throws -> Done {
        let (hub, queue) = try openQueue(options)
        guard ids.count == 1 || !ids.contains("ALL") && !ids.contains("-") else {
            throw ValidationError("ALL and - stand alone, without ids beside them")
        }
        let choice = try selectors.choice(hub, queue)
        guard !ids.isEmpty || !choice.isAll else {
            throw ValidationError("name the messages: ids, - or ALL, or options that choose them")
        }
        try check(hub, queue)
        let words = ids == ["-"] ? try Self.linesOfInput() : ids
        let isAll = ids == ["ALL"] || ids.isEmpty
        let entries = try queue.list().entries
        var done = Done(hub: hub, queue: queue)
        var round = Recording(in: queue)
        func end(_ round: consuming Recording) {
            for error in round.commit().sorted(by: { $0.key.text < $1.key.text }) { done.note(error.value) }
        }
        func take(_ message: LockedMessage) throws {
            guard choice.take(message.shown) else { return }
            let orders = try orders(message)
            try? round.add(orders, of: message)  // the end of the round tells of it
            done.ids.append(message.id)
            if round.count >= Self.atOnce {
                end(round)
                round = Recording(in: queue)
            }
        }
        if isAll {
            for entry in entries.sorted(by: { $0.id.text < $1.id.text }) where choice.mayTake(entry) {
                do {
                    guard try choice.take(entry, in: queue),
                        let message = try queue.lock(entry) ?? queue.lock(id: entry.id)
                    else { continue }  // another's, or removed since the listing
                    try take(message)
                } catch {
                    done.note(error)
                }
            }
        } else {
            let known = Dictionary(entries.map { ($0.id.text, $0) }) { first, _ in first }
            var seen: Set<String> = []
            for word in words where seen.insert(word).inserted {
                do {
                    guard let id = QueueID(word) else { throw QueueCommandError.noSuchMessage(word) }
                    // The name of the listing may be old: look again then.
                    guard let message = try known[word].flatMap({ try queue.lock($0) }) ?? queue.lock(id: id) else {
                        throw QueueCommandError.noSuchMessage(word)
                    }
                    guard choice.mayTake(message.entry) else { continue }
                    try take(message)
                } catch {
                    done.note(error)
                }
            }
        }
        end(round)
        return done
    }

    private static func linesOfInput() throws -> [String] {
        var lines: [String] = []
        var input = InputLines(limit: 4096)
        while let line = input.next() {
            guard case .whole(let octets) = line else {
                throw ValidationError(
                    "line \(lines.count + 1) of standard input has more than 4,096 octets, and is no id")
            }
            guard lines.count < 1_000_000 else { throw ValidationError("standard input holds more than 1,000,000 ids") }
            // The first word, so that what `mhqueue list` prints can be handed on.
            let word = octets.prefix { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            if !word.isEmpty { lines.append(String(decoding: word, as: UTF8.self)) }
        }
        return lines
    }
}
