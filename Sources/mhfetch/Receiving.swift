// One message from the server into the batch: the same for every protocol.

import AccountSessions
import Delivery
import DurableFiles
import IMAPProtocol
import MaildirStore
import Octets
import POP3Protocol
import Transport

/// What a server sends of a message.
enum ContentPiece {
    /// Octets in file form.
    case octets([UInt8])
    /// The content is whole.
    case end(Oddities)
}

extension AccountRun {
    /// The server says that a message has octets, and sends none.
    private struct NoContent: Error {}

    /// Takes the content of `message` into the batch. A message that cannot be had or kept is noted as failed, and is
    /// no reason to stop (FE12); what is thrown is.
    /// - Parameters:
    ///   - isDigested: whether the state shall know the digest of what was stored.
    ///   - stored: a message with one of these digests is here already, and is not delivered.
    /// - Returns: whether it was such a one.
    @discardableResult
    func receive(
        _ message: Pending, index: Int, to destination: Destination, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = [], nextPiece: () throws -> ContentPiece
    ) throws -> Bool {
        var octets = 0
        var isOver = false
        do {
            let isNew = try deliver(index, to: destination, isDigested: isDigested, unless: stored) {
                switch try nextPiece() {
                case .octets(let chunk):
                    octets += chunk.count
                    return chunk
                case .end(let oddities):
                    isOver = true
                    guard octets > 0 || (message.size ?? 0) == 0 else { throw NoContent() }
                    noteOddities(oddities, of: message.key)
                    return nil
                }
            }
            tally.octets += octets
            return !isNew
        } catch let error where octets > 0 && Self.isBreak(error) {
            try noteBreak(in: message.key, error)
            throw error
        } catch is NoContent {
            try noteFailure(of: message.key, "the server sent nothing of its \(message.size ?? 0) octets")
        } catch let error as DurableError where error.code == DurableError.tooLarge {
            // Too large for the file system, not for its room: it will not fit tomorrow either, but others do.
            while !isOver { if case .end = try nextPiece() { isOver = true } }
            try noteFailure(of: message.key, error.description)
        }
        return false
    }

    /// Whether the conversation ended by what the server, or the way to it, did in the midst of a message: neither by a
    /// hop of ours, nor by our own disk, nor because we were told to stop.
    static func isBreak(_ error: any Error) -> Bool {
        switch error {
        case let error as TransportError:
            switch error {
            case .timedOut, .tooSlow, .sessionTooLong, .connectionLost, .closed, .injected, .tls: true
            case .hostNotFound, .lookupFailed, .unusableHost, .connectFailed, .sourceAddress, .hopDied, .stopped,
                .system:
                false
            }
        case is POP3Error, is IMAPError, is AccountError, is FetchError: true
        default: false
        }
    }
}
