// The messages that a run has to fetch, cut into batches.

import FetchLedger

/// What is known of a message before it is fetched.
struct Pending {
    /// Its number in the maildrop, or its UID.
    let number: Int
    let key: MessageKey
    /// Octets, as the server tells; a hint, no measure.
    var size: Int?
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

    /// The next batch; `nil` when all is done.
    mutating func next() -> [Pending]? {
        guard !rest.isEmpty else { return suspects.popFirst().map { [$0] } }
        var batch: [Pending] = []
        var octets = 0
        while let message = rest.first, batch.count < BatchDelivery.messageLimit {
            octets = octets.addingReportingOverflow(max(0, message.size ?? 0)).partialValue
            if !batch.isEmpty, octets < 0 || octets > BatchDelivery.octetLimit { break }
            batch.append(message)
            rest.removeFirst()
        }
        return batch
    }

    /// All that is left, in the order it is fetched in.
    var all: [Pending] { Array(rest + suspects) }

    /// Takes back what the batch had no time for.
    mutating func putBack(_ messages: some Collection<Pending>) { rest = messages + rest }

    /// Takes back what shall be fetched one by one.
    mutating func isolate(_ messages: some Collection<Pending>) { suspects += messages }
}
