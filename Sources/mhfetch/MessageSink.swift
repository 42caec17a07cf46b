// One message from the server into the batch: the same for every protocol.

import AccountSessions
import Delivery
import DurableFiles
import IMAPProtocol
import MaildirStore
import Octets
import POP3Protocol
import Transport

/// Takes the octets of one message as the server sends them.
final class MessageSink {
    private(set) var octets = 0
    /// `nil` once the message turned out to be too large for the file system.
    fileprivate private(set) var message: BatchedMessage?
    fileprivate private(set) var fault: DurableError?

    fileprivate init(_ message: BatchedMessage) { self.message = message }

    /// Takes the next octets in file form. Of a message too large for the file system, though not for its room, the rest
    /// is read and dropped: it will not fit tomorrow either, but others do.
    func write(_ chunk: [UInt8]) throws(DurableError) {
        octets += chunk.count
        do {
            try message?.write(chunk)
        } catch  where error.code == DurableError.tooLarge {
            (message, fault) = (nil, error)
        }
    }
}

extension AccountRun {
    /// Takes the content of `message` into the batch. A message that cannot be had or kept is noted as failed, and is
    /// no reason to stop (FE12); what is thrown is.
    /// - Parameters:
    ///   - isDigested: whether the state shall know the digest of what was stored.
    ///   - stored: a message with one of these digests is here already, and is not delivered.
    ///   - read: writes the content to its end, and tells what was odd about it.
    /// - Returns: the digest of such a one; `nil` for any other.
    @discardableResult
    func receive(
        _ message: Pending, index: Int, to destination: Destination, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = [], reading read: (MessageSink) throws -> ContentFaults
    ) throws -> MessageDigest? {
        let sink = MessageSink(
            try delivery.message(index, to: destination, isDigested: isDigested || !stored.isEmpty))
        let contentFaults: ContentFaults
        do {
            contentFaults = try read(sink)
        } catch let error where sink.octets > 0 && Self.isBreak(error) {
            try noteBreak(in: message.key, error)
            throw error
        }
        guard sink.octets > 0 || (message.size ?? 0) == 0 else {
            try noteFailure(of: message.key, "the server sent nothing of its \(message.size ?? 0) octets")
            return nil
        }
        guard let whole = sink.message else {
            try noteFailure(of: message.key, sink.fault?.description ?? "")
            return nil
        }
        noteOddities(contentFaults, of: message.key)
        tally.octets += sink.octets
        return try delivery.add(whole, as: index, unless: stored)
    }

    /// Whether the conversation ended by what the server, or the way to it, did in the midst of a message: neither by a
    /// hop of ours, nor by our own disk, nor because we were told to stop.
    static func isBreak(_ error: any Error) -> Bool {
        switch error {
        case AccountError.transport(let error): isBreak(error)
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
