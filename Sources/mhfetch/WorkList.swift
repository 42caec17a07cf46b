// The messages that a run has to fetch, cut into batches.

import FetchLedger

/// What is known of a message before it is fetched.
struct Pending {
    /// Its number in the maildrop, or its UID.
    let number: Int
    let key: MessageKey
    /// Its size in octets, as the server tells; a hint, no measure.
    var size: Int?
    /// Whether only its header is fetched, as it is too large.
    var isHeaderOnly = false

    /// The octets that its coming counts as.
    var cost: Int { isHeaderOnly ? Self.unknownSize : size ?? Self.unknownSize }

    /// The octets that a message of unknown size counts as.
    static let unknownSize = 32 << 10

    /// How many of `messages`, from the first on, make a batch: at most `limit`, and at most a batch's octets, whatever
    /// sizes a server tells; at least one, if there is any.
    static func count(of messages: some Sequence<Pending>, atMost limit: Int) -> Int {
        var count = 0
        var octets = 0
        for message in messages {
            octets = octets.adding(told: message.cost)
            if count == limit || count > 0 && octets > BatchDelivery.octetLimit { break }
            count += 1
        }
        return count
    }
}

/// Messages to be fetched. Those that an earlier run failed at, or died with, come last and each by itself: one bad
/// message then stops no other.
struct WorkList {
    /// Those before `next` have been taken.
    private var messages: [Pending]
    private var next = 0
    private var suspects: ArraySlice<Pending>

    init(_ messages: [Pending], suspects isSuspect: (Pending) -> Bool) {
        self.messages = messages.filter { !isSuspect($0) }
        suspects = messages.filter(isSuspect)[...]
    }

    /// The next messages, at most `limit` and a batch's octets; by default a batch. `nil` when all is done.
    mutating func next(atMost limit: Int = BatchDelivery.messageLimit) -> [Pending]? {
        let rest = messages[next...]
        guard !rest.isEmpty else { return suspects.popFirst().map { [$0] } }
        let batch = rest.prefix(Pending.count(of: rest, atMost: limit))
        next += batch.count
        return Array(batch)
    }

    /// All that is left, in the order it is fetched in.
    var all: [Pending] { Array(messages[next...] + suspects) }

    /// Takes back some of those that were taken last, to come next; suspects must not be among them.
    mutating func putBack(_ left: some RandomAccessCollection<Pending>) {
        precondition(left.count <= next, "more is taken back than was taken")
        messages.replaceSubrange((next - left.count)..<next, with: left)
        next -= left.count
    }

    /// Takes back messages that are to be fetched one by one.
    mutating func isolate(_ messages: some Collection<Pending>) { suspects += messages }
}

extension Int {
    /// The sum with a size that a server tells, which may be any number.
    func adding(told size: Int) -> Int {
        let (sum, isTooMuch) = addingReportingOverflow(Swift.max(0, size))
        return isTooMuch ? .max : sum
    }
}

extension Array {
    /// The elements in order, `count` together at most.
    func pieces(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
