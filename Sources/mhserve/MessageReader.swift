// A message read piece by piece on a thread of the disk pool.

import MaildirStore
import POP3Protocol
import Synchronization

/// Reads a message of a snapshot, all of it or its top. One thread at a time; the lock proves that to the compiler.
final class MessageReader: Sendable {
    struct Piece: Sendable {
        let octets: [UInt8]
        let isLast: Bool
    }

    private struct State {
        var message: MaildirMessage?
        var counter: TopCounter?
        /// Read ahead, so that the last piece is known to be the last.
        var ahead: [UInt8]?
    }

    private let index: Int
    private let snapshot: MaildirSnapshot
    private let state: Mutex<State>

    /// - Parameter top: lines of the body to show, or `nil` for the whole message.
    init(of index: Int, in snapshot: MaildirSnapshot, top: Int?) {
        self.index = index
        self.snapshot = snapshot
        state = Mutex(State(counter: top.map { TopCounter(lines: $0) }))
    }

    /// The next piece, at most 64 KiB. May block on the disk.
    func next() throws -> Piece {
        try state.withLock { state in
            let message: MaildirMessage
            var octets: [UInt8]
            if let open = state.message {
                message = open
                octets = state.ahead ?? []
            } else {
                message = try snapshot.open(index)
                octets = try message.nextChunk() ?? []
            }
            state.ahead = try message.nextChunk()
            state.message = message
            if state.counter != nil {
                let end = state.counter?.take(octets, in: octets.indices) ?? octets.count
                octets.removeSubrange(end...)
                if state.counter?.isFinished == true { state.ahead = nil }
            }
            return Piece(octets: octets, isLast: state.ahead == nil)
        }
    }
}
