// The messages fetched from a maildrop, in one table: there may be a hundred thousand, and each run reads them all.

import MaildirStore
import Octets
import POP3Protocol
import Synchronization

/// Messages fetched from a POP3 maildrop, by key, in the order in which they were recorded: that of the listings, for
/// most servers. So a listing is compared in that order, and its messages are searched for only where it differs.
public struct KnownMessages: Sendable {
    public typealias Known = FetchState.Known

    /// A message. One without anything in ``Special`` takes no more than this and its id.
    private struct Entry: Sendable {
        /// Where its id ends in ``octets``; the next one begins behind the blank.
        var end: UInt32
        /// Its index in ``fetches``; ``gone`` for one that is forgotten, and skipped.
        var fetch: UInt32
    }

    /// When messages were fetched, in seconds since 1970, and in which run.
    struct Fetch: Hashable, Sendable {
        var time: Int
        var run: Int
    }

    /// What is known of some messages only; the digest, of those that are to be deleted some day.
    private struct Special: Sendable {
        var occurrence: UInt32 = 0
        var isMissing = false
        var digest: MessageDigest?
        var deletion: FetchState.Deletion?

        var isNothing: Bool { occurrence == 0 && !isMissing && digest == nil && deletion == nil }
    }

    private static let gone = UInt32.max

    /// All ids, a blank behind each; see ``range(at:)``.
    private(set) var octets: [UInt8] = []
    private var entries: [Entry] = []
    private var fetches: [Fetch] = []
    private var specials: [Int: Special] = [:]
    private var index = KeyIndex()
    /// The number of messages, without forgotten ones.
    public private(set) var count = 0
    /// How many of them share their id with an earlier one.
    private var repeatedCount = 0
    /// How many of them have a ``FetchState/Known/deletion``.
    public private(set) var deletionCount = 0

    init() {}

    /// Makes room for what a journal of `octets` may hold, its ids hardly longer than twenty octets: grown step by step,
    /// a large table would be copied and paid for twice.
    mutating func reserve(journal octets: Int) {
        self.octets.reserveCapacity(octets)
        entries.reserveCapacity(octets / 16)
    }

    /// The octets of all ids together, and a blank for each.
    public var octetCount: Int { octets.count }

    // MARK: One by one

    /// What is known of the message with this key; `nil` for an unknown one, and for any UID. Setting it adds, changes
    /// or forgets the message.
    public subscript(key: MessageKey) -> Known? {
        get { find(key).map { known(at: $0) } }
        set {
            guard case .unique(let id, let occurrence) = key else { return }
            if let place = find(key) {
                guard let newValue else { return remove(place) }
                set(newValue, at: place)
            } else if let newValue {
                append(Array(id.utf8)[...], occurrence: UInt32(clamping: occurrence), newValue)
            }
        }
    }

    /// Changes what is known under `key`, if anything is.
    mutating func change(_ key: MessageKey, _ body: (inout Known) -> Void) {
        guard let place = find(key) else { return }
        var known = known(at: place)
        body(&known)
        set(known, at: place)
    }

    func find(_ key: MessageKey) -> Int? {
        guard case .unique(let id, let occurrence) = key else { return nil }
        let octets = Array(id.utf8)
        return find(octets, 0..<octets.count, UInt32(clamping: occurrence))
    }

    /// The place of the message whose id is `range` of `other`.
    func find(_ other: [UInt8], _ range: Range<Int>, _ occurrence: UInt32) -> Int? {
        index.find(other, range, occurrence, in: self)
    }

    /// The range of ``octets`` that holds the id at `place`.
    func range(at place: Int) -> Range<Int> {
        (place == 0 ? 0 : Int(entries[place - 1].end) + 1)..<Int(entries[place].end)
    }

    func key(at place: Int) -> MessageKey {
        .unique(
            String(decoding: octets[range(at: place)], as: UTF8.self), occurrence: Int(occurrence(at: place)))
    }

    func occurrence(at place: Int) -> UInt32 { special(at: place)?.occurrence ?? 0 }
    func fetch(at place: Int) -> Fetch { fetches[Int(entries[place].fetch)] }
    /// Whether nothing is known of it but that it was fetched.
    func isPlain(_ place: Int) -> Bool { special(at: place) == nil }
    func isThere(_ place: Int) -> Bool { entries[place].fetch != Self.gone }
    private func special(at place: Int) -> Special? { specials.isEmpty ? nil : specials[place] }

    func known(at place: Int) -> Known {
        let (fetch, special) = (fetch(at: place), special(at: place) ?? Special())
        return Known(
            fetched: fetch.time, run: fetch.run, digest: special.digest, isMissing: special.isMissing,
            deletion: special.deletion)
    }

    /// Adds a message that is not in the table.
    private mutating func append(_ id: ArraySlice<UInt8>, occurrence: UInt32, _ known: Known) {
        addPlain(id, Fetch(time: known.fetched, run: known.run))
        let place = entries.count - 1
        if occurrence > 0 {
            specials[place] = Special(occurrence: occurrence)
            repeatedCount += 1
        }
        set(known, at: place)
        if !isKnownUniquelyReferenced(&index) { index = KeyIndex() }
        index.added(place, to: self)
    }

    /// Adds messages that are not in the table, whose ids are `words`, one blank between two. All are copied at once:
    /// there may be a hundred thousand.
    /// - Returns: `false`, with nothing to be relied on, when there is a blank too many.
    mutating func append(words: ArraySlice<UInt8>, fetchedAs fetch: Fetch) -> Bool {
        index = KeyIndex()
        let number = number(of: fetch)
        var start = octets.count
        octets.append(contentsOf: words)
        octets.append(Octet.space)
        while start < octets.count, let end = octets.firstIndex(of: Octet.space, in: start..<octets.count) {
            guard end > start else { return false }
            entries.append(Entry(end: UInt32(end), fetch: number))
            count += 1
            start = end + 1
        }
        return true
    }

    private mutating func addPlain(_ id: ArraySlice<UInt8>, _ fetch: Fetch) {
        octets.append(contentsOf: id)
        entries.append(Entry(end: UInt32(octets.count), fetch: number(of: fetch)))
        octets.append(Octet.space)
        count += 1
    }

    private mutating func number(of fetch: Fetch) -> UInt32 {
        if fetches.last != fetch { fetches.append(fetch) }
        return UInt32(fetches.count - 1)
    }

    private mutating func set(_ known: Known, at place: Int) {
        let fetch = Fetch(time: known.fetched, run: known.run)
        if self.fetch(at: place) != fetch { entries[place].fetch = number(of: fetch) }
        var special = special(at: place) ?? Special()
        if special.deletion != nil { deletionCount -= 1 }
        (special.isMissing, special.digest, special.deletion) = (known.isMissing, known.digest, known.deletion)
        if special.deletion != nil { deletionCount += 1 }
        if !special.isNothing { specials[place] = special } else if !isPlain(place) { specials[place] = nil }
    }

    private mutating func remove(_ place: Int) {
        if let special = specials.removeValue(forKey: place) {
            if special.deletion != nil { deletionCount -= 1 }
            if special.occurrence > 0 { repeatedCount -= 1 }
        }
        entries[place].fetch = Self.gone
        count -= 1
    }

    // MARK: All of them

    /// The places of all messages, in order, without forgotten ones.
    var places: some Sequence<Int> { entries.indices.lazy.filter { isThere($0) } }
    /// The number of places, with those of forgotten messages.
    var placeCount: Int { entries.count }

    public var keys: [MessageKey] { places.map { key(at: $0) } }
    public var values: some Sequence<Known> { places.lazy.map { known(at: $0) } }
    /// Keys and what is known under them.
    public var all: some Sequence<(key: MessageKey, known: Known)> {
        places.lazy.map { (key(at: $0), known(at: $0)) }
    }

    /// The ids of messages whose deletion may have taken effect.
    var idsInDoubt: Set<String> {
        guard deletionCount > 0 else { return [] }
        return Set(all.compactMap { [.asked, .acknowledged].contains($0.known.deletion) ? $0.key.uniqueID : nil })
    }

    // MARK: A listing

    /// Finds the place of each message of `listing`, and how many before it in the listing have its id.
    func match(_ listing: UniqueIDListing) -> ListedMaildrop {
        var found = ListedMaildrop(ids: listing)
        guard repeatedCount == 0 else {
            search(listing.indices.map { $0 }, in: &found)
            return found
        }
        var at = 0
        var strange: [Int] = []
        var misses = 0
        for index in listing.indices {
            // Where messages were removed meanwhile, the order resumes a little later; with a maildrop in another order
            // it never does.
            let reach = misses < Self.patience ? Self.lookahead : 1
            if let place = nextPlace(from: at, within: reach, of: listing.octets, listing.range(at: index)) {
                found.places[index] = Int32(place)
                at = place + 1
                misses = 0
            } else {
                strange.append(index)
                misses += 1
            }
        }
        if !strange.isEmpty { search(strange, in: &found) }
        return found
    }

    /// What is known by now of the message at `index` of a listing that was compared with this table.
    public func now(_ listed: ListedMaildrop, at index: Int) -> Known? {
        let place = Int(listed.places[index])
        return place >= 0 && isThere(place) ? known(at: place) : self[listed.key(at: index)]
    }

    private static let lookahead = 64
    private static let patience = 64

    /// The first of the `reach` places from `at` on that has the id.
    private func nextPlace(from at: Int, within reach: Int, of other: [UInt8], _ range: Range<Int>) -> Int? {
        for place in at..<min(entries.count, at + reach)
        where isThere(place) && octets.equals(self.range(at: place), of: other, range) {
            return place
        }
        return nil
    }

    /// Looks up the messages at `strange`, and all others of the listing that share an id with one of them.
    private func search(_ strange: [Int], in found: inout ListedMaildrop) {
        let ids = found.ids
        var counts: [ArraySlice<UInt8>: UInt32] = [:]
        for index in strange { counts[ids.id(at: index)] = 0 }
        // Mostly few of many: comparing hashes first is cheaper.
        let hashes = Set(strange.map { KeyIndex.hash(ids.octets, ids.range(at: $0)) })
        for index in ids.indices where hashes.contains(KeyIndex.hash(ids.octets, ids.range(at: index))) {
            let id = ids.id(at: index)
            guard let occurrence = counts[id] else { continue }
            counts[id] = occurrence + 1
            if occurrence > 0 { found.occurrences[index] = occurrence }
            found.places[index] = find(ids.octets, ids.range(at: index), occurrence).map { Int32($0) } ?? -1
        }
    }
}

extension KnownMessages {
    /// What a complete listing changes: messages that are missing for the first time, missing for the second time, and
    /// there again.
    func changes(by listed: ListedMaildrop) -> (missing: [MessageKey], gone: [MessageKey], back: [MessageKey]) {
        var isPresent = [Bool](repeating: false, count: entries.count)
        for place in listed.places where place >= 0 { isPresent[Int(place)] = true }
        var (missing, gone, back): ([MessageKey], [MessageKey], [MessageKey]) = ([], [], [])
        for place in places {
            switch (isPresent[place], special(at: place)?.isMissing ?? false) {
            case (true, true): back.append(key(at: place))
            case (false, false): missing.append(key(at: place))
            case (false, true): gone.append(key(at: place))
            case (true, false): break
            }
        }
        return (missing, gone, back)
    }
}

extension KnownMessages: Hashable {
    /// Whether the same is known, in whatever order.
    public static func == (one: KnownMessages, other: KnownMessages) -> Bool {
        one.count == other.count && one.all.allSatisfy { other[$0.key] == $0.known }
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(count) }
}

/// A complete listing of a maildrop, compared with what was known when it came.
public struct ListedMaildrop: Sendable {
    public let ids: UniqueIDListing
    /// The place of each message in the table, -1 for one that is not in it.
    var places: [Int32]
    /// How many messages before this one have its id, where there are any.
    var occurrences: [Int: UInt32] = [:]

    init(ids: UniqueIDListing) {
        self.ids = ids
        places = [Int32](repeating: -1, count: ids.indices.count)
    }

    /// The key of the message at `index` of the listing.
    public func key(at index: Int) -> MessageKey {
        .unique(String(decoding: ids.id(at: index), as: UTF8.self), occurrence: Int(occurrences[index] ?? 0))
    }

    /// Whether the message was known when it was listed.
    public func isKnown(at index: Int) -> Bool { places[index] >= 0 }
}

/// A hash index of the keys in a table; built when first asked for.
private final class KeyIndex: Sendable {
    private struct Slots {
        /// Places, each 1 higher; 0 is a free slot. The number of slots is a power of two, at most half of them in use.
        var table: [UInt32] = []
        var used = 0
    }

    private let slots = Mutex(Slots())

    func find(_ id: [UInt8], _ range: Range<Int>, _ occurrence: UInt32, in messages: KnownMessages) -> Int? {
        slots.withLock { slots in
            if slots.table.isEmpty { Self.build(&slots, messages) }
            var slot = Self.hash(id, range, occurrence) & (slots.table.count - 1)
            while slots.table[slot] > 0 {
                let place = Int(slots.table[slot] - 1)
                if messages.isThere(place), messages.occurrence(at: place) == occurrence,
                    messages.octets.equals(messages.range(at: place), of: id, range)
                {
                    return place
                }
                slot = (slot + 1) & (slots.table.count - 1)
            }
            return nil
        }
    }

    func added(_ place: Int, to messages: KnownMessages) {
        slots.withLock { slots in
            guard !slots.table.isEmpty else { return }
            if slots.used * 2 >= slots.table.count { return Self.build(&slots, messages) }
            Self.insert(place, &slots, messages)
        }
    }

    private static func build(_ slots: inout Slots, _ messages: KnownMessages) {
        var size = 64
        while size < messages.placeCount * 4 { size *= 2 }
        slots = Slots(table: [UInt32](repeating: 0, count: size))
        for place in messages.places { insert(place, &slots, messages) }
    }

    private static func insert(_ place: Int, _ slots: inout Slots, _ messages: KnownMessages) {
        let (range, occurrence) = (messages.range(at: place), messages.occurrence(at: place))
        var slot = hash(messages.octets, range, occurrence) & (slots.table.count - 1)
        while slots.table[slot] > 0 { slot = (slot + 1) & (slots.table.count - 1) }
        slots.table[slot] = UInt32(place + 1)
        slots.used += 1
    }

    /// With a seed of the process: a server must not be able to choose ids that collide.
    static func hash(_ octets: [UInt8], _ range: Range<Int>, _ occurrence: UInt32 = 0) -> Int {
        var hasher = Hasher()
        hasher.combine(occurrence)
        unsafe octets.withUnsafeBytes { unsafe hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[range])) }
        return hasher.finalize()
    }
}
