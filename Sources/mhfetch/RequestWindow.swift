// What was asked of a server and has not come yet: enough to keep the connection busy, and no more.

import FetchLedger

/// The requests for messages that run ahead of their answers, across batches: while one is put on disk the server goes
/// on sending.
struct RequestWindow {
    /// The most octets on their way: what a connection of 61 Mbit/s and 50 ms holds, and a little for the disk.
    static let octetLimit = 512 << 10
    /// The most requests on their way, for a maildrop of tiny messages; the engine takes no more.
    static let requestLimit = 250
    private let messages: [Pending]
    private let isPipelining: Bool
    /// Messages asked for, of which `answered` have come.
    private var asked = 0
    private var answered = 0
    /// Octets of those that have not come.
    private var octets = 0

    init(of work: WorkList, isPipelining: Bool) {
        messages = work.all
        self.isPipelining = isPipelining
    }

    /// Whether an answer is still to come.
    var isOpen: Bool { asked > answered }

    /// The next message to ask for; `nil` when enough is on its way.
    /// - Parameter isAhead: whether nobody waits for it yet; a message larger than ``octetLimit`` is asked for only
    ///   when its turn has come.
    mutating func next(isAhead: Bool) -> Pending? {
        guard asked < messages.count else { return nil }
        let size = Self.size(of: messages[asked])
        let fits = isPipelining && octets + size <= Self.octetLimit && asked - answered < Self.requestLimit
        guard fits || !isOpen && !isAhead else { return nil }
        octets += size
        asked += 1
        return messages[asked - 1]
    }

    /// Notes that the first of those that were asked for has come, or never will.
    mutating func noteAnswer() {
        octets -= Self.size(of: messages[answered])
        answered += 1
    }

    private static func size(of message: Pending) -> Int {
        min(max(0, message.cost), octetLimit + 1)
    }
}
