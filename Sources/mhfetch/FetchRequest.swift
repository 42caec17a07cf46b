// What one UID FETCH asks for, and which of it has come.

import FetchLedger
import IMAPProtocol

/// Messages asked for with one UID FETCH, which are put on disk batch by batch in the order in which they come. With
/// most servers that is the order of their UIDs; any other one costs more batches, and no message.
struct FetchRequest {
    let messages: [Pending]
    let uids: UIDSet
    /// The place of each UID among the messages.
    private let places: [Int: Int]
    private var isAnswered: [Bool]
    /// The places of the batch under way, by their index in it.
    private var batch: [Int] = []
    /// The place of the next message, should its UID not be told before its content.
    private(set) var expected: Int? = 0

    /// - Parameter wanted: in the order of their UIDs. As many of the first are asked for as a command line holds.
    init(_ wanted: [Pending]) {
        uids = UIDSet(wanted.compactMap { UInt32(exactly: $0.number) }).pieces().first ?? UIDSet([])
        messages = Array(wanted.prefix(uids.count))
        places = Dictionary(uniqueKeysWithValues: messages.indices.map { [messages] in (messages[$0].number, $0) })
        isAnswered = messages.map { _ in false }
    }

    /// What is asked of each.
    var items: IMAPItems { messages.first?.isHeaderOnly == true ? .header : .body }

    /// Those that have not come.
    var left: [Pending] { messages.indices.filter { !isAnswered[$0] }.map { messages[$0] } }

    func place(of uid: UInt32) -> Int? { places[Int(uid)] }

    /// Notes that the message at `place` comes.
    /// - Returns: `false` when it has come before.
    mutating func answer(_ place: Int) -> Bool {
        guard !isAnswered[place] else { return false }
        isAnswered[place] = true
        expected = place + 1 < messages.count ? place + 1 : nil
        return true
    }

    /// The index of the message at `place` in the batch under way; `nil` when it is not in it.
    func index(of place: Int) -> Int? { batch.firstIndex(of: place) }

    /// Begins the batch whose first message is the one at `place`: it, and those after it that have not come.
    /// - Returns: the messages of the batch.
    mutating func beginBatch(at place: Int) -> [Pending] {
        var places = [place]
        for later in messages.indices[(place + 1)...] where !isAnswered[later] {
            places.append(later)
            if places.count == BatchDelivery.messageLimit { break }
        }
        let candidates = places.map { messages[$0] }
        batch = Array(places.prefix(Pending.count(of: candidates, atMost: candidates.count)))
        return Array(candidates.prefix(batch.count))
    }
}
