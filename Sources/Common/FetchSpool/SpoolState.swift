// How far fetched messages have come on their way to their places, as the journal of the spool tells it.

import DurableFiles
import Octets

/// The state of one account's spool: a pure fold over the lines of its journal, which ``FetchSpool`` keeps.
///
/// A *place* is a `deliver` line of the rc; a *target* is a place, and where it matters one recipient there: each target
/// has the message or has it not. Both are known by their texts.
public struct SpoolState: Sendable, Hashable {
    /// One message at one target.
    public struct Progress: Sendable, Hashable {
        /// Whether the target has it, or it went to the fall-back mailbox instead.
        public internal(set) var isDone = false
        /// Refusals for now.
        public internal(set) var tries = 0
        /// The time of the first of them, and the time before which there is no other attempt; in seconds since 1970.
        public internal(set) var since = 0
        public internal(set) var next = 0
        public internal(set) var words = ""
        /// Attempts in a row whose end is not known: the run died with them.
        public internal(set) var deaths = 0
        /// When the last of them began, in seconds since 1970.
        public internal(set) var begun = 0
        /// The length that the mbox had before the last attempt that got as far as that; what it left may still stand there.
        public internal(set) var length: Int?

        public init() {}
    }

    /// A place that takes nothing now, whatever the message.
    public struct Fault: Sendable, Hashable {
        public internal(set) var tries: Int
        /// In seconds since 1970.
        public internal(set) var since: Int
        public internal(set) var next: Int
        public internal(set) var words: String
    }

    /// By the unique part of the message's name, and by target.
    public internal(set) var messages: [String: [String: Progress]] = [:]
    /// By place.
    public internal(set) var faults: [String: Fault] = [:]

    /// Takes a line; `false` for one that cannot be.
    mutating func apply(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.split(separator: Octet.space, omittingEmptySubsequences: false)
        func text(_ index: Int) -> String? { JournalWord.decode(words[index]) }
        func number(_ index: Int) -> Int? { JournalWord.number(words[index]) }
        guard let verb = words.first, words.count > 1, let first = text(1) else { return false }
        switch (String(decoding: verb, as: UTF8.self), words.count) {
        case ("gone", 2): messages[first] = nil
        case ("up", 2): faults[first] = nil
        case ("down", 6):
            guard let tries = number(2), let since = number(3), let next = number(4), let words = text(5) else {
                return false
            }
            faults[first] = Fault(tries: tries, since: since, next: next, words: words)
        case ("try", 5):
            let isNone = words[3].elementsEqual([0x2D])
            guard let target = text(2), isNone || number(3) != nil, let begun = number(4) else { return false }
            var progress = messages[first]?[target] ?? Progress()
            progress.deaths += 1
            progress.begun = begun
            if !isNone { progress.length = number(3) }
            messages[first, default: [:]][target] = progress
        case ("back", 3):
            guard let target = text(2) else { return false }
            messages[first, default: [:]][target, default: Progress()].end()
        case ("done", 3):
            guard let target = text(2) else { return false }
            messages[first, default: [:]][target, default: Progress()].end()
            messages[first]?[target]?.isDone = true
            messages[first]?[target]?.length = nil
        case ("wait", 7):
            guard let target = text(2), let tries = number(3), let since = number(4), let next = number(5),
                let words = text(6)
            else { return false }
            var progress = messages[first]?[target] ?? Progress()
            progress.end()
            (progress.tries, progress.since, progress.next, progress.words) = (tries, since, next, words)
            messages[first, default: [:]][target] = progress
        default: return false
        }
        return true
    }

    /// The lines that say it, as short as can be.
    var lines: [String] {
        let places = faults.map { place, fault in
            "down \(JournalWord.encode(place)) \(fault.tries) \(fault.since) \(fault.next) \(JournalWord.encode(fault.words))"
        }
        let parts = messages.sorted { $0.key < $1.key }.flatMap { message, targets in
            targets.sorted { $0.key < $1.key }.flatMap { $1.lines(of: message, at: $0) }
        }
        return places.sorted() + parts
    }
}

extension SpoolState.Progress {
    /// The attempt has come to an end.
    fileprivate mutating func end() { (deaths, begun) = (0, 0) }

    fileprivate func lines(of message: String, at target: String) -> [String] {
        let names = "\(JournalWord.encode(message)) \(JournalWord.encode(target))"
        if isDone { return ["done \(names)"] }
        // What has no end yet comes last: `wait` would be one.
        let noted = length.map { ["try \(names) \($0) 0", "back \(names)"] } ?? []
        let refused = tries > 0 ? ["wait \(names) \(tries) \(since) \(next) \(JournalWord.encode(words))"] : []
        return noted + refused + (0..<deaths).map { _ in "try \(names) - \(begun)" }
    }
}
