// The messages that a run has to fetch, cut into batches.

import FetchLedger

/// What is known of a message before it is fetched.
struct Pending {
    /// Its number in the maildrop, or its UID.
    let number: Int
    let key: MessageKey
    /// Octets, as the server tells; a hint, no measure.
    var size: Int?

    /// How many of the first of `messages` make a batch: at most `limit` and a batch's octets, whatever a server says of
    /// them; one at least, where there is one.
    static func count(of messages: some Sequence<Pending>, atMost limit: Int) -> Int {
        var count = 0
        var octets = 0
        for message in messages {
            octets = octets.addingReportingOverflow(max(0, message.size ?? 0)).partialValue
            if count == limit || count > 0 && !(0...BatchDelivery.octetLimit).contains(octets) { break }
            count += 1
        }
        return count
    }
}

/// Messages to be fetched. Those that an earlier run failed at, or died with, come last and each by itself: one bad
/// message then stops no other (FE12).
struct WorkList {
    private var rest: ArraySlice<Pending>
    private var suspects: ArraySlice<Pending>

    init(_ messages: [Pending], suspects isSuspect: (Pending) -> Bool) {
        rest = messages.filter { !isSuspect($0) }[...]
        suspects = messages.filter(isSuspect)[...]
    }

    /// The next messages, at most `limit` and a batch's octets; by default a batch. `nil` when all is done.
    mutating func next(atMost limit: Int = BatchDelivery.messageLimit) -> [Pending]? {
        guard !rest.isEmpty else { return suspects.popFirst().map { [$0] } }
        let batch = rest.prefix(Pending.count(of: rest, atMost: limit))
        rest.removeFirst(batch.count)
        return Array(batch)
    }

    /// All that is left, in the order it is fetched in.
    var all: [Pending] { Array(rest + suspects) }

    /// Takes back what the batch had no time for.
    mutating func putBack(_ messages: some Collection<Pending>) { rest = messages + rest }

    /// Takes back what shall be fetched one by one.
    mutating func isolate(_ messages: some Collection<Pending>) { suspects += messages }
}
