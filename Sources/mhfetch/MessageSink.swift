// One message from the server into the batch: the same for every protocol.

import AccountSessions
import Delivery
import DurableFiles
import IMAPProtocol
import MaildirStore
import Octets
import POP3Protocol
import Reporting
import Transport

/// Takes the octets of one message as the server sends them.
final class MessageSink {
    /// Octets of a message that are written before it is looked whether there is room for more of it. A message of fewer
    /// is not what fills a disk.
    static let roomStep = 8 << 20
    /// Octets of a message, at most; IMAP's engine has the same bound.
    static let octetLimit = 1 << 32

    /// Octets of the message so far, in file form.
    private(set) var octets = 0
    /// Its first octets, as many as ``UnavailableNotice`` has.
    private(set) var start: [UInt8] = []
    /// `nil` once the message turned out to be too large for the file system, or for what is free there.
    fileprivate private(set) var message: BatchedMessage?
    fileprivate private(set) var fault = ""

    private let told: Int?
    private var octetsWithRoom = 0
    private let demandRoom: () throws -> Void
    private let noteOctets: (Int) -> Void

    /// - Parameters:
    ///   - told: its size, as the server has told it.
    ///   - demandRoom: throws when no more of it may be written.
    fileprivate init(
        _ message: BatchedMessage, told: Int?, demandRoom: @escaping () throws -> Void,
        noting noteOctets: @escaping (Int) -> Void
    ) {
        (self.message, self.told, self.demandRoom, self.noteOctets) = (message, told, demandRoom, noteOctets)
    }

    /// Takes the next octets, in file form. When the file system takes no file of this size, or the message itself has
    /// taken the space that is to stay free, the rest of it is read and dropped: others do fit.
    /// - Throws: what keeps any message from being written; ``FetchError/endless(octets:)``.
    func write(_ chunk: [UInt8]) throws {
        octets += chunk.count
        noteOctets(chunk.count)
        if start.count <= UnavailableNotice.octets.count { start += chunk.prefix(UnavailableNotice.octets.count + 1) }
        guard let message else {
            // Who sends far more than was told may never end.
            let limit = min(Self.octetLimit, told.map { 2 * min($0, Self.octetLimit) + 8 * Self.roomStep } ?? .max)
            guard octets <= limit else { throw FetchError.endless(octets: octets) }
            return
        }
        guard octets <= Self.octetLimit else { throw FetchError.endless(octets: octets) }
        let mayBeDropped = octets > Self.roomStep
        do {
            if octets - octetsWithRoom > Self.roomStep {
                try demandRoom()
                octetsWithRoom = octets
            }
            try message.write(chunk)
        } catch let error as DurableError where error.code == DurableError.tooLarge || error.isNoSpace && mayBeDropped {
            drop(for: error)
        } catch let error as FetchError {
            drop(for: error)
        }
    }

    private func drop(for error: any Error) { (message, fault) = (nil, sentence(error)) }
}

/// What Courier sends by IMAP for a message whose file it cannot open, be it gone or out of its reach for now: a message of
/// its own. Were it taken for the message, that would be deleted at the source with `keep off`.
enum UnavailableNotice {
    /// In file form.
    static let octets = Array(
        """
        From: System Administrator <root@localhost>
        Subject: message unavailable

        This message is no longer available on the server.

        """.utf8)
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
        let file = try delivery.message(
            index, to: destination, isDigested: isDigested || !stored.isEmpty,
            below: { topFields(of: message, as: $0) })
        let sink = MessageSink(
            file, told: message.size,
            demandRoom: { [self] in try delivery.demandRoom(hub.settings.limits.freeSpace) },
            noting: { [self] in progress.note(octets: $0) })
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
            try noteFailure(of: message.key, sink.fault)
            return nil
        }
        guard sink.start != UnavailableNotice.octets else {
            try noteFailure(of: message.key, "the server says, in a message of its own, that it cannot give it")
            return nil
        }
        noteContentFaults(source.contentFaults, of: message.key)
        tally.octets += sink.octets
        return try delivery.add(whole, as: index, unless: stored, from: source)
    }

    /// Whether `error` means that the server has said what cannot be understood.
    static func isNonsense(_ error: any Error) -> Bool {
        switch error {
        case AccountError.protocolBroken, AccountError.engine, AccountError.masked: true
        case is POP3Error, is IMAPError: true
        default: false
        }
    }

    /// Whether `error` means that the server, or the network, broke off in the midst of a message: neither a hop of
    /// ours, nor our own disk, nor a stop signal.
    static func isBreak(_ error: any Error) -> Bool {
        switch error {
        case AccountError.transport(let error): isBreak(error)
        case let error as TransportError:
            switch error {
            case .timedOut, .tooSlow, .sessionTooLong, .connectionLost, .closed, .injected, .tls, .deflate, .inflated:
                true
            case .hostNotFound, .lookupFailed, .unusableHost, .connectFailed, .sourceAddress, .hopDied, .stopped,
                .system:
                false
            }
        case is POP3Error, is IMAPError, is AccountError, is FetchError: true
        default: false
        }
    }
}
