// The records of a message's journal, each a line of a verb and its words.

import DurableFiles
import MailEnvelope
import MailFormat
import Octets

/// A record of the journal; docs/queue.md says which there are.
enum Record: Sendable, Hashable {

    /// The attempt that named the file with this `R` left no result.
    case died(tag: Int)
    /// Results of the attempt that named the file with `tag` as its `R`; `isLast` when it ended with them.
    case result(tag: Int, at: Int, isLast: Bool, [AttemptResult])
    case expansion(parent: Int, Expansion)
    /// Recipients that the hub itself adds.
    case copies([ExpandedRecipient])
    /// A notice is about to be queued; of delay, the stage says how many ages for it have passed.
    case intent(Int, NoticeKind, [Int], stage: Int)
    case told(Int)
    case hold(String)
    case release
    case next(Int)
    case route(String?)
    /// Given up without an attempt: by age and tries, or by a person's order.
    case failed([Int], Verdict)

    enum Failure: Error { case newerVersion }

    /// The line without checksum and LF.
    var text: [UInt8] { Array(words.joined(separator: " ").utf8) }

    /// The most octets of a line with the results of `recipients` recipients: each with a verdict of its own.
    static func resultLimit(recipients: Int) -> Int {
        // Each octet of text may become three; the rest is for index, outcome, time and status.
        128 + recipients * (3 * (Verdict.textLimit + Verdict.remoteLimit + CopyPlace.limit) + 128)
    }

    private var words: [String] {
        switch self {
        case .died(let tag): ["died", "\(tag)"]
        case .result(let tag, let at, let isLast, let items):
            [isLast ? "result" : "part", "\(tag)", "\(at)"] + items.map(Self.word)
        case .expansion(let parent, let expansion):
            ["expand", "\(parent)"] + (expansion.known.isEmpty ? [] : ["k:\(Self.ranges(expansion.known))"])
                + expansion.via.sorted { $0.key < $1.key }.map { "v:\($0.key):\(Self.word(via: $0.value))" }
                + expansion.children.map(Self.word)
        case .copies(let children): ["copy"] + children.map(Self.word)
        case .intent(let number, let kind, let about, let stage):
            ["intent", "\(number)", kind.rawValue, Self.ranges(about)] + (stage > 1 ? ["\(stage)"] : [])
        case .told(let number): ["told", "\(number)"]
        case .hold(let why): ["hold", JournalWord.encode(why)]
        case .release: ["release"]
        case .next(let time): ["next", "\(time)"]
        case .route(let name): ["route"] + (name.map { [JournalWord.encode($0)] } ?? [])
        case .failed(let about, let verdict): ["failed", Self.ranges(about), Self.word(verdict)]
        }
    }

    /// Reads the text of a line whose checksum holds.
    init(_ line: ArraySlice<UInt8>) throws(Failure) {
        let words = line.split(separator: Octet.space, omittingEmptySubsequences: false)
        let rest = words.dropFirst()
        func number(_ index: Int) throws(Failure) -> Int {
            guard words.indices.contains(index), let number = JournalWord.number(words[index]) else {
                throw .newerVersion
            }
            return number
        }
        func text(_ index: Int) throws(Failure) -> String {
            guard words.indices.contains(index), let text = JournalWord.decode(words[index]) else {
                throw .newerVersion
            }
            return text
        }
        // The checksum holds: what cannot be read was meant by a later release.
        switch String(decoding: words[0], as: UTF8.self) {
        case "died":
            self = .died(tag: try number(1))
        case let verb where verb == "result" || verb == "part":
            var items: [AttemptResult] = []
            for word in rest.dropFirst(2) { items.append(try Self.item(word)) }
            self = .result(tag: try number(1), at: try number(2), isLast: verb == "result", items)
        case "expand":
            var expansion = Expansion([])
            for word in rest.dropFirst() {
                if word.starts(with: "k:".utf8) {
                    expansion.known += try Self.indexes(word.dropFirst(2))
                } else if word.starts(with: "v:".utf8) {
                    let parts = word.split(separator: Octet.colon)
                    guard parts.count == 3, let index = JournalWord.number(parts[1]) else { throw .newerVersion }
                    expansion.via[index] = try Self.via(parts[2])
                } else {
                    expansion.children.append(try Self.child(word))
                }
            }
            self = .expansion(parent: try number(1), expansion)
        case "copy":
            var children: [ExpandedRecipient] = []
            for word in rest { children.append(try Self.child(word)) }
            self = .copies(children)
        case "intent":
            guard let kind = NoticeKind(rawValue: try text(2)), (4...5).contains(words.count) else {
                throw .newerVersion
            }
            let stage = words.count > 4 ? try number(4) : 1
            guard stage > 0 else { throw .newerVersion }
            self = .intent(try number(1), kind, try Self.indexes(words[3]), stage: stage)
        case "told":
            self = .told(try number(1))
        case "hold":
            self = .hold(try text(1))
        case "release":
            self = .release
        case "next":
            self = .next(try number(1))
        case "route":
            self = .route(words.count > 1 ? try text(1) : nil)
        case "failed":
            guard words.count == 3 else { throw .newerVersion }
            self = .failed(
                try Self.indexes(words[1]), try Self.verdict(.permanent, words[2].split(separator: Octet.colon)))
        default:
            throw .newerVersion
        }
    }

    /// `0-3,7`
    private static func ranges(_ indexes: [Int]) -> String {
        var parts: [ClosedRange<Int>] = []
        for index in indexes.sorted() {
            if let last = parts.last, last.upperBound + 1 == index {
                parts[parts.count - 1] = last.lowerBound...index
            } else {
                parts.append(index...index)
            }
        }
        return parts.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    private static func indexes(_ word: some Collection<UInt8>) throws(Failure) -> [Int] {
        var indexes: [Int] = []
        for part in word.split(separator: 0x2C) {
            let ends = part.split(separator: 0x2D)
            guard (1...2).contains(ends.count), let low = JournalWord.number(ends[0]),
                let high = ends.count == 2 ? JournalWord.number(ends[1]) : low, low <= high,
                // Checked for all parts together before any is unfolded: one line could fill the memory.
                high < RecipientGraph.messageLimit, indexes.count + (high - low) < RecipientGraph.messageLimit
            else { throw .newerVersion }
            indexes.append(contentsOf: low...high)
        }
        return indexes
    }

    /// `status:remote:text:s` for a server's reply, `…:l` for a text of ours; a missing remote as `-`.
    private static func word(_ verdict: Verdict) -> String {
        "\(verdict.status):\(verdict.remote.map(JournalWord.encode) ?? "-"):\(JournalWord.encode(verdict.text)):"
            + (verdict.isSMTP ? "s" : "l")
    }

    private static func verdict(
        _ kind: Verdict.Kind, _ words: [some Collection<UInt8>]
    ) throws(Failure) -> Verdict {
        guard words.count == 4, let status = EnhancedStatus(parsing: words[0]), let text = JournalWord.decode(words[2])
        else {
            throw .newerVersion
        }
        let remote = words[1].elementsEqual("-".utf8) ? nil : JournalWord.decode(words[1])
        return Verdict(kind, status, from: remote, text: text, isSMTP: words[3].elementsEqual("s".utf8))
    }

    /// `ranges:kind:next:verdict`, and `:place` where a copy is in a mailbox here.
    private static func word(_ result: AttemptResult) -> String {
        var place = ""
        let letter: String
        switch result.verdict.kind {
        case .delivered(.passedOn): letter = "d"
        case .delivered(.relayed): letter = "r"
        case .delivered(.copied(let there)):
            letter = "d"
            place = ":\(JournalWord.encode(there.description))"
        case .permanent: letter = "f"
        case .temporary: letter = "t"
        case .faultOfHop: letter = "p"
        case .heldByRule: letter = "h"
        }
        return "\(ranges(result.recipients)):\(letter):\(result.next):\(word(result.verdict))\(place)"
    }

    private static func item(_ word: ArraySlice<UInt8>) throws(Failure) -> AttemptResult {
        // An empty list of recipients is an empty part: whatever can be written must be readable.
        let parts = word.split(separator: Octet.colon, omittingEmptySubsequences: false)
        guard (7...8).contains(parts.count), let next = JournalWord.number(parts[2]) else { throw .newerVersion }
        let place = try parts.count == 8 ? Self.place(parts[7]) : nil
        let kind: Verdict.Kind
        switch String(decoding: parts[1], as: UTF8.self) {
        case "d": kind = .delivered(place.map { .copied($0) } ?? .passedOn)
        case _ where place != nil: throw .newerVersion
        case "r": kind = .delivered(.relayed)
        case "f": kind = .permanent
        case "t": kind = .temporary
        case "p": kind = .faultOfHop
        case "h": kind = .heldByRule
        default: throw .newerVersion
        }
        return AttemptResult(recipients: try indexes(parts[0]), try verdict(kind, Array(parts[3..<7])), next: next)
    }

    private static func place(_ word: some Collection<UInt8>) throws(Failure) -> CopyPlace {
        do {
            guard let text = JournalWord.decode(word) else { throw Failure.newerVersion }
            return try CopyPlace(text: text)
        } catch {
            throw .newerVersion
        }
    }

    /// `a:address:notify:orcpt:identity:alias[:via]`, `f:…` for an address that is not expanded further, or `l:text:…`; a
    /// missing value as `-`.
    private static func word(_ child: ExpandedRecipient) -> String {
        let letter = if case .address = child.destination { child.isFinal ? "f" : "a" } else { "l" }
        let rest = [
            child.notify.value, child.originalRecipient?.description, child.identity?.description,
            child.alias?.description,
        ]
        return "\(letter):\(JournalWord.encode(child.destination.description)):"
            + rest.map { $0.map(JournalWord.encode) ?? "-" }.joined(separator: ":")
            + (child.via.isEmpty ? "" : ":\(word(via: child.via))")
    }

    private static func word(via accounts: [String]) -> String { JournalWord.encode(accounts.joined(separator: "/")) }

    private static func via(_ word: ArraySlice<UInt8>) throws(Failure) -> [String] {
        guard let text = JournalWord.decode(word) else { throw .newerVersion }
        return text.split(separator: "/").map(String.init)
    }

    private static func child(_ word: ArraySlice<UInt8>) throws(Failure) -> ExpandedRecipient {
        let parts = word.split(separator: Octet.colon)
        guard (6...7).contains(parts.count), let text = JournalWord.decode(parts[1]) else { throw .newerVersion }
        let letter = String(decoding: parts[0], as: UTF8.self)
        guard ["a", "f", "l"].contains(letter) else { throw .newerVersion }
        func said<Value>(_ index: Int, _ read: (String) throws -> Value?) throws -> Value? {
            if parts[index].elementsEqual("-".utf8) { return nil }
            guard let value = try JournalWord.decode(parts[index]).flatMap(read) else { throw Failure.newerVersion }
            return value
        }
        do {
            let destination: RecipientDestination =
                letter == "l" ? .local(try EnvelopeText(text)) : .address(try Address(text))
            return ExpandedRecipient(
                destination, notify: try said(2) { Notify(parsing: $0.utf8) } ?? .unspecified,
                originalRecipient: try said(3) { OriginalRecipient($0) },
                identity: try said(4) { try EnvelopeText($0) }, alias: try said(5) { try EnvelopeText($0) },
                isFinal: letter == "f",
                via: try parts.count > 6 ? via(parts[6]) : [])
        } catch {
            throw .newerVersion
        }
    }
}
