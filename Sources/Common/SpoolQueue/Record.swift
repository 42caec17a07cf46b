// One line of a journal: verb, words.

import DurableFiles
import MailFormat
import Octets

/// A record of the journal (DECISIONS 5, 6, 8).
enum Record: Sendable, Hashable {
    struct Item: Sendable, Hashable {
        let recipients: [Int]
        let outcome: Outcome
    }

    struct Child: Sendable, Hashable {
        let destination: RecipientState.Destination
        let notify: Envelope.Notify
        let originalRecipient: EnvelopeText?
    }

    /// The attempt that gave the file this time left no result.
    case died(tag: Int)
    /// Results of the attempt that gave the file the time `tag`; `isLast` when it ended with them.
    case result(tag: Int, at: Int, isLast: Bool, [Item])
    case expansion(parent: Int, [Child])
    case intent(Int, NoticeKind, [Int])
    case told(Int)
    case hold(String)
    case release
    case next(Int)
    case route(String?)
    /// Given up without an attempt: age and tries, or a person's word.
    case failed([Int], Reply)

    enum Failure: Error { case newerVersion }

    /// The line without checksum and LF.
    var text: [UInt8] { Array(words.joined(separator: " ").utf8) }

    /// The most octets of a line with the results of `recipients` recipients: every one with words of its own.
    static func resultLimit(recipients: Int) -> Int {
        // Each octet of text may become three; index, outcome, time and status beside it.
        128 + recipients * (3 * (Reply.textLimit + Reply.remoteLimit + CopyPlace.limit) + 128)
    }

    private var words: [String] {
        switch self {
        case .died(let tag): ["died", "\(tag)"]
        case .result(let tag, let at, let isLast, let items):
            [isLast ? "result" : "part", "\(tag)", "\(at)"] + items.map(Self.word)
        case .expansion(let parent, let children): ["expand", "\(parent)"] + children.map(Self.word)
        case .intent(let number, let kind, let about): ["intent", "\(number)", kind.rawValue, Self.ranges(about)]
        case .told(let number): ["told", "\(number)"]
        case .hold(let why): ["hold", Word.encode(why)]
        case .release: ["release"]
        case .next(let time): ["next", "\(time)"]
        case .route(let name): ["route"] + (name.map { [Word.encode($0)] } ?? [])
        case .failed(let about, let reply): ["failed", Self.ranges(about), Self.word(reply)]
        }
    }

    /// Reads the text of a line whose checksum holds.
    init(_ line: ArraySlice<UInt8>) throws(Failure) {
        let words = line.split(separator: Octet.space, omittingEmptySubsequences: false)
        let rest = words.dropFirst()
        func number(_ index: Int) throws(Failure) -> Int {
            guard words.indices.contains(index), let number = Word.number(words[index]) else { throw .newerVersion }
            return number
        }
        func text(_ index: Int) throws(Failure) -> String {
            guard words.indices.contains(index), let text = Word.decode(words[index]) else { throw .newerVersion }
            return text
        }
        // The checksum holds: what cannot be read was meant by a later release.
        switch String(decoding: words[0], as: UTF8.self) {
        case "died":
            self = .died(tag: try number(1))
        case let verb where verb == "result" || verb == "part":
            var items: [Item] = []
            for word in rest.dropFirst(2) { items.append(try Self.item(word)) }
            self = .result(tag: try number(1), at: try number(2), isLast: verb == "result", items)
        case "expand":
            var children: [Child] = []
            for word in rest.dropFirst() { children.append(try Self.child(word)) }
            self = .expansion(parent: try number(1), children)
        case "intent":
            guard let kind = NoticeKind(rawValue: try text(2)), words.count == 4 else { throw .newerVersion }
            self = .intent(try number(1), kind, try Self.indexes(words[3]))
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
            self = .failed(try Self.indexes(words[1]), try Self.reply(words[2].split(separator: Octet.colon)))
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
            guard (1...2).contains(ends.count), let low = Word.number(ends[0]),
                let high = ends.count == 2 ? Word.number(ends[1]) : low, low <= high,
                // Checked for all parts together before any is unfolded: one line could fill the memory.
                high < MessageState.recipientLimit, indexes.count + (high - low) < MessageState.recipientLimit
            else { throw .newerVersion }
            indexes.append(contentsOf: low...high)
        }
        return indexes
    }

    /// `status:remote:text[:s]`, a missing remote as `-`.
    private static func word(_ reply: Reply) -> String {
        "\(reply.status):\(reply.remote.map(Word.encode) ?? "-"):\(Word.encode(reply.text)):\(reply.isSMTP ? "s" : "l")"
    }

    private static func reply(_ words: [some Collection<UInt8>]) throws(Failure) -> Reply {
        guard words.count == 4, let status = Word.decode(words[0]), let text = Word.decode(words[2]) else {
            throw .newerVersion
        }
        let remote = words[1].elementsEqual("-".utf8) ? nil : Word.decode(words[1])
        return Reply(status: status, remote: remote, text: text, isSMTP: words[3].elementsEqual("s".utf8))
    }

    /// `ranges:outcome:next:reply`, and `:place` where a copy is in a mailbox here
    private static func word(_ item: Item) -> String {
        let (letter, next, reply) =
            switch item.outcome {
            case .delivered(let reply, let relayed, _): (relayed ? "r" : "d", 0, reply)
            case .failed(let reply): ("f", 0, reply)
            case .deferred(let reply, let next): ("t", next, reply)
            case .postponed(let reply, let next): ("p", next, reply)
            case .held(let reply, let next): ("h", next, reply)
            }
        var place = ""
        if case .delivered(_, _, let there?) = item.outcome { place = ":\(Word.encode(there.description))" }
        return "\(ranges(item.recipients)):\(letter):\(next):\(word(reply))\(place)"
    }

    private static func item(_ word: ArraySlice<UInt8>) throws(Failure) -> Item {
        // No recipients at all stand as nothing: what can be written must be read again.
        let parts = word.split(separator: Octet.colon, omittingEmptySubsequences: false)
        guard (7...8).contains(parts.count), let next = Word.number(parts[2]) else { throw .newerVersion }
        let reply = try reply(Array(parts[3..<7]))
        let place = try parts.count == 8 ? Self.place(parts[7]) : nil
        let outcome: Outcome
        switch String(decoding: parts[1], as: UTF8.self) {
        case "d": outcome = .delivered(reply, place: place)
        case "r": outcome = .delivered(reply, relayed: true, place: place)
        case _ where place != nil: throw .newerVersion
        case "f": outcome = .failed(reply)
        case "t": outcome = .deferred(reply, next: next)
        case "p": outcome = .postponed(reply, next: next)
        case "h": outcome = .held(reply, next: next)
        default: throw .newerVersion
        }
        return Item(recipients: try indexes(parts[0]), outcome: outcome)
    }

    private static func place(_ word: some Collection<UInt8>) throws(Failure) -> CopyPlace {
        do {
            guard let text = Word.decode(word) else { throw Failure.newerVersion }
            return try CopyPlace(text: text)
        } catch {
            throw .newerVersion
        }
    }

    /// `a:address:notify:orcpt` or `l:text:notify:orcpt`; nothing at all as `-`.
    private static func word(_ child: Child) -> String {
        let letter = if case .address = child.destination { "a" } else { "l" }
        return "\(letter):\(Word.encode(child.destination.description)):\(child.notify.rawValue):"
            + (child.originalRecipient.map { Word.encode($0.description) } ?? "-")
    }

    private static func child(_ word: ArraySlice<UInt8>) throws(Failure) -> Child {
        let parts = word.split(separator: Octet.colon)
        guard parts.count == 4, let text = Word.decode(parts[1]),
            let raw = Word.number(parts[2]).flatMap({ UInt8(exactly: $0) })
        else { throw .newerVersion }
        do {
            let original =
                parts[3].elementsEqual("-".utf8)
                ? nil : try Word.decode(parts[3]).map { text throws(QueueError) in try EnvelopeText(text) }
            let destination: RecipientState.Destination =
                parts[0].elementsEqual("a".utf8)
                ? .address(try Address(text)) : .local(try EnvelopeText(text))
            return Child(destination: destination, notify: .init(rawValue: raw), originalRecipient: original)
        } catch {
            throw .newerVersion
        }
    }
}
