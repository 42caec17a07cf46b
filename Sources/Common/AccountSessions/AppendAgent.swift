// Delivery into a folder of an IMAP server (RFC 3501 §6.3.11).

import Blocking
import DurableFiles
import IMAPProtocol
import MailEnvelope
import MessageContent
import Reporting
import RunControl
import Transport

/// Appends messages to folders of the server that an account is fetched from, over one connection. Used by one thread.
public final class AppendAgent: DeliveryAgent {
    /// How long a message may take, and the start of a session.
    private static let messageLimit = Duration.seconds(3600)

    private let account: AccountSettings
    private let paths: Paths
    private var session: IMAPSession?
    /// The folder that messages go to: its name as a person writes it, or the parts of that; none for the inbox.
    public var path: [String] = []
    /// Between the parts of a name at this server.
    private var delimiter: UInt8?
    /// What the next message has been marked as: names of flags of the protocol.
    public var flags: [String] = []
    /// When it came in elsewhere, in seconds since 1970.
    public var arrival: Int?

    public init(to account: AccountSettings, over paths: Paths) { (self.account, self.paths) = (account, paths) }

    deinit { close() }

    public func deliver(_ message: Prepared) -> [Verdict] {
        let verdict = append(message)
        return message.envelope.recipients.map { _ in verdict }
    }

    /// Says goodbye, where there is a session.
    public func close() {
        guard let session else { return }
        self.session = nil
        // All mail has its verdict: how the server takes leave changes nothing.
        do throws(AccountError) { try session.logOut() } catch {}
    }

    private var folder: String {
        let mark = delimiter.map { String(UnicodeScalar($0)) } ?? "/"
        return path.isEmpty ? "INBOX" : path.joined(separator: mark)
    }

    private func append(_ message: Prepared) -> Verdict {
        // A literal holds no NUL (RFC 3501 §9), and what is signed is not changed.
        guard !message.facts.hasStrays else {
            return .permanent(
                6, 0, text: "the message holds a stray CR or NUL and is signed, so that it cannot be appended as it is")
        }
        let session: IMAPSession
        do throws(AccountError) { session = try usable() } catch { return .faultOfHop(4, 1, text: sentence(error)) }
        var isSent = false
        do {
            session.exchange.wire.sessionLimit = Deadline(after: Self.messageLimit)
            if path.count > 1, delimiter == nil { delimiter = try session.list("").first?.delimiter }
            var status = try append(message, over: session, isSent: &isSent)
            if status.condition != .ok, status.code == .tryCreate {
                if let refusal = try create(over: session) { return verdict(on: refusal, from: session) }
                status = try append(message, over: session, isSent: &isSent)
            }
            return verdict(on: status, from: session)
        } catch {
            // What is half sent cannot be taken back but by this.
            session.exchange.wire.close()
            self.session = nil
            if error is DurableError { return .temporary(3, 0, text: sentence(error)) }
            if case TransportError.stopped = error { return .faultOfHop(3, 2, text: sentence(error)) }
            return isSent
                ? .temporary(4, 2, from: session.host, text: sentence(error))
                : .faultOfHop(4, 2, from: session.host, text: sentence(error))
        }
    }

    /// The session that stands, if the server has not ended it, else a new one.
    private func usable() throws(AccountError) -> IMAPSession {
        if let session {
            if isAlive(session) { return session }
            session.exchange.wire.close()
            self.session = nil
        }
        guard let server = account.fetchServer, account.fetch?.service.isIMAP == true else {
            preconditionFailure("the rc lets mail be appended to an account without IMAP")
        }
        let made = try IMAPSession.open(account, at: server, over: paths, within: Self.messageLimit)
        session = made
        return made
    }

    private func isAlive(_ session: IMAPSession) -> Bool {
        do {
            try session.exchange.command(.noop)
            while true {
                switch try session.exchange.event() {
                case .done(.noop, let status): return status.condition == .ok
                case .bye: return false
                default: break
                }
            }
        } catch {
            return false  // it is dialled anew, and what is wrong then is told
        }
    }

    private func append(
        _ message: Prepared, over session: IMAPSession, isSent: inout Bool
    ) throws -> IMAPStatus {
        let exchange = session.exchange
        try exchange.say(
            .append(IMAPMailboxName(folder), flags: flags, date: arrival, octets: message.facts.wireSize))
        while true {
            switch try exchange.next() {
            case .proceed:
                isSent = true
                try message.forEachChunk { chunk in
                    try exchange.say(.appendContent(chunk), .content)
                    try Self.demandSilence(exchange, session)
                }
                try exchange.say(.appendEnd)
            case .done(.append, let status): return status
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
    }

    /// A server that answers, or leaves, while content is on its way reads no more of it.
    private static func demandSilence(_ exchange: Exchange<IMAPClient>, _ session: IMAPSession) throws {
        while let event = try exchange.overheard() {
            switch event {
            case .done(_, let status): throw session.refused("APPEND, amid the message,", status)
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
    }

    /// - Returns: why the folder could not be made; `nil` when it is there.
    private func create(over session: IMAPSession) throws -> IMAPStatus? {
        try session.exchange.say(.create(IMAPMailboxName(folder)))
        while true {
            switch try session.exchange.next() {
            case .done(.create, let status):
                return status.condition == .ok || status.code == .alreadyExists ? nil : status
            case .bye(let status): throw session.farewell(status)
            default: break
            }
        }
    }

    private func verdict(on status: IMAPStatus, from session: IMAPSession) -> Verdict {
        let host = session.host
        let words = session.exchange.quoted(status.text, limit: Verdict.textLimit)
        guard status.condition != .ok else {
            let place =
                if case .appendUID(_, let uid) = status.code { "as UID \(uid) " } else { "" }
            return .delivered(.passedOn, .success(1, 5), from: host, text: "appended \(place)to folder \(folder)")
        }
        let text = "APPEND to folder \(folder) was refused: \(words)"
        return switch status.code {
        case .tooBig: .permanent(3, 4, from: host, text: text)
        case .noPermission: .permanent(7, 1, from: host, text: text)
        case .overQuota: .temporary(2, 2, from: host, text: text)
        default: .temporary(3, 0, from: host, text: text)
        }
    }
}
