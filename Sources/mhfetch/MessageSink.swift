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
    /// Octets of the message so far, in file form.
    private(set) var octets = 0
    /// `nil` once the message turned out to be too large for the file system.
    fileprivate private(set) var message: BatchedMessage?
    fileprivate private(set) var fault: DurableError?

    private let noteOctets: (Int) -> Void

    fileprivate init(_ message: BatchedMessage, noting noteOctets: @escaping (Int) -> Void) {
        (self.message, self.noteOctets) = (message, noteOctets)
    }

    /// Takes the next octets, in file form. When the file system takes no file of this size, whatever its free space,
    /// the rest of the message is read and dropped: it will not fit tomorrow either, but others do.
    func write(_ chunk: [UInt8]) throws(DurableError) {
        octets += chunk.count
        noteOctets(chunk.count)
        do {
            try message?.write(chunk)
        } catch  where error.code == DurableError.tooLarge {
            (message, fault) = (nil, error)
        }
    }
}

/// What is known of a message at its source besides its content.
struct MessageSource {
    var contentFaults: ContentFaults = []
    var flags: MaildirFlags = []
    /// In seconds since 1970; `nil` where the source does not tell.
    var arrival: Int?
}

extension AccountRun {
    /// Takes the content of `message` into the batch. A message that cannot be fetched or stored is noted as failed,
    /// and is no reason to stop; what is thrown is.
    /// - Parameters:
    ///   - isDigested: whether the state is to have the digest of what was stored.
    ///   - stored: a message with one of these digests is here already, and is not delivered.
    ///   - read: writes the content to its end, and returns what is known of the message then.
    /// - Returns: the digest of a message that is here already; `nil` for any other.
    @discardableResult
    func receive(
        _ message: Pending, index: Int, to destination: Destination, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = [], reading read: (MessageSink) throws -> MessageSource
    ) throws -> MessageDigest? {
        guard let delivery else { preconditionFailure("a dry run fetches nothing") }
        let sink = MessageSink(
            try delivery.message(
                index, to: destination, isDigested: isDigested || !stored.isEmpty,
                below: { topFields(of: message, as: $0) })
        ) { [self] in progress.note(octets: $0) }
        defer { progress.noteEnd(of: message) }
        let source: MessageSource
        do {
            source = try read(sink)
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
        noteContentFaults(source.contentFaults, of: message.key)
        tally.octets += sink.octets
        return try delivery.add(whole, as: index, unless: stored, from: source)
    }

    /// Whether `error` means that the server, or the network, broke off in the midst of a message: neither a hop of
    /// ours, nor our own disk, nor a stop signal.
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
