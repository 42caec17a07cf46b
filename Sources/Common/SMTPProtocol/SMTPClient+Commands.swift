// What a client says: each command's octets, and the reply it will have.

import MailFormat
import Octets

extension SMTPClient {
    /// The octets to write now: what was due before, then `command`.
    ///
    /// None once the conversation is over, during the TLS handshake, and when the server has sent something unasked,
    /// which the next ``nextEvent()`` throws.
    public mutating func send(_ command: Command) -> [UInt8] {
        secret = 0..<0
        guard !isClosed, !inHandshake else { return [] }
        guard !isUnsolicited(before: command) else {
            // The next event throws it; to go on would take it for the answer to this command.
            hasUnsolicited = true
            return []
        }
        var wire = unsent
        unsent = []
        switch command {
        case .proceed:
            if let response = heldBack, challenges > 0 {
                heldBack = nil
                say(response, in: &wire)
            }
        case .hello(let name):
            capabilities = SMTPCapabilities()
            areOffersTold = false
            dropTransactions()
            needsReset = false
            wire += line(dialect == .lmtp ? "LHLO \(name)" : "EHLO \(name)", expecting: .ehlo)
        case .helo(let name): wire += line("HELO \(name)", expecting: .helo)
        case .startTLS: wire += line("STARTTLS", expecting: .startTLS)
        case .auth(let mechanism, let initial):
            challenges = 0
            isCancelling = false
            let (command, responseCount) = auth(mechanism, initial)
            wire += command
            secret = wire.count - 2 - responseCount..<wire.count - 2
        case .saslResponse(let octets):
            say(Base64.encode(octets), in: &wire)
        case .saslCancel:
            isCancelling = true
            wire += line("*", expecting: .auth)
        case .transaction(let envelope, let content): wire += begin(ClientTransaction(envelope, of: content))
        case .content(let octets): transaction?.encode(octets, into: &wire)
        case .contentEnd: wire += endContent()
        case .rset:
            dropTransactions()
            needsReset = false
            wire += line("RSET", expecting: .reset)
        case .noop: wire += line("NOOP", expecting: .noop)
        case .quit: wire += line("QUIT", expecting: .quit)
        }
        return wire
    }

    /// Whether the server has sent something that answers nothing: no reply is due, and octets are left.
    private func isUnsolicited(before command: Command) -> Bool {
        if hasUnsolicited { return true }
        if command == .quit || command == .proceed && unsent.isEmpty { return false }
        return !lines.isEmpty && outstandingCount == (unsent.isEmpty ? 0 : 1)
    }

    /// One command line, which control characters in `text` cannot break.
    private mutating func line(_ text: String, expecting: Expectation) -> [UInt8] {
        expected.append(expecting)
        return text.utf8.filter { $0 >= 0x20 && $0 != 0x7F } + [Octet.cr, Octet.lf]
    }

    /// The answer to a challenge, in base64.
    private mutating func say(_ response: [UInt8], in wire: inout [UInt8]) {
        expected.append(.auth)
        secret = wire.count..<wire.count + response.count
        wire += response + [Octet.cr, Octet.lf]
    }

    /// An initial response that does not fit a command line is held back (RFC 4954 §4): the server then asks for it
    /// with an empty challenge.
    /// - Returns: the line, and how many octets before its end are the response.
    private mutating func auth(_ mechanism: String, _ initial: [UInt8]?) -> ([UInt8], responseCount: Int) {
        heldBack = nil
        guard let initial else { return (line("AUTH \(mechanism)", expecting: .auth), 0) }
        let response = initial.isEmpty ? "=" : String(decoding: Base64.encode(initial), as: UTF8.self)
        guard mechanism.utf8.count + response.utf8.count + 8 <= SMTPLimits.plainCommandLine else {
            heldBack = Array(response.utf8)
            return (line("AUTH \(mechanism)", expecting: .auth), 0)
        }
        return (line("AUTH \(mechanism) \(response)", expecting: .auth), response.utf8.count)
    }

    private mutating func begin(_ transaction: ClientTransaction) -> [UInt8] {
        if let obstacle = transaction.obstacle(capabilities) {
            ready.append(.impossible(obstacle))
            return []
        }
        precondition(mayBeginTransaction, "a transaction is under way: the answers would be taken for another's")
        if self.transaction == nil {
            self.transaction = transaction
        } else {
            following = transaction
        }
        var wire: [UInt8] = []
        if needsReset {
            needsReset = false
            wire += line("RSET", expecting: .silentReset)
            // One command at a time: the rest once it is answered.
            guard capabilities.pipelining else { return wire }
        }
        expected.append(.mail)
        wire += transaction.mailLine(capabilities)
        guard capabilities.pipelining else { return wire }
        for index in transaction.envelope.recipients.indices {
            expected.append(.rcpt(index))
            wire += transaction.rcptLine(index, capabilities)
        }
        return wire + line("DATA", expecting: .data)
    }

    /// Readies the MAIL line of a transaction that waited for RSET; it goes out when the caller proceeds.
    mutating func beginBehindReset() {
        guard let transaction else { return }
        expected.append(.mail)
        unsent += transaction.mailLine(capabilities)
    }

    /// Without PIPELINING: readies the next line of the transaction; it goes out when the caller proceeds.
    mutating func stepOn(after index: Int?) {
        guard let transaction else { return }
        let next = index.map { $0 + 1 } ?? 0
        if next < transaction.envelope.recipients.count {
            expected.append(.rcpt(next))
            unsent += transaction.rcptLine(next, capabilities)
        } else if transaction.accepted.isEmpty {
            needsReset = true
            endTransaction()
        } else {
            unsent += line("DATA", expecting: .data)
        }
    }

    private mutating func endContent() -> [UInt8] {
        guard transaction?.isSendingContent == true, let accepted = transaction?.accepted else { return [] }
        var wire: [UInt8] = []
        transaction?.finish(into: &wire)
        if dialect == .lmtp {
            expected += accepted.map { .verdict($0) }
        } else {
            expected.append(.verdict(nil))
        }
        return wire
    }

    mutating func endTransaction() {
        transaction = following
        following = nil
        ready.append(.transactionEnd)
    }
}
