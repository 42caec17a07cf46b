// The order of commands: what may come when, decided in one place per command.

import MailEnvelope
import MailFormat
import Octets

extension SMTPServer {
    /// The event of the next command line; `nil` until it is complete.
    mutating func nextCommand() -> Event? {
        let line: [UInt8]
        do {
            guard let next = try lines.nextLine() else { return nil }
            line = next
        } catch {
            switch error {
            case .tooLong(let limit): return refuse(.lineTooLong(limit: limit))
            case .bareLineFeed: return refuse(.strayOctetInCommand)
            }
        }
        guard !line.contains(Octet.cr), !line.contains(Octet.nul) else { return refuse(.strayOctetInCommand) }
        if line.count > SMTPLimits.commandLine - 2, !line.prefix(5).equalsIgnoringCase("AUTH ") {
            return refuse(.lineTooLong(limit: SMTPLimits.commandLine))
        }
        do {
            let command = try CommandGrammar.command(line)
            if command.leadsNowhere { idleCommands += 1 }
            guard idleCommands <= options.idleCommandLimit else {
                return refuse(.tooManyIdleCommands(limit: options.idleCommandLimit))
            }
            guard !isTurnedAway || command == .quit else {
                return refuse(.outOfOrder("access denied: nothing but QUIT is accepted"))
            }
            return begin(command)
        } catch {
            return refuse(.grammar(error))
        }
    }

    /// - Returns: `nil` when the command only opens the next chunk.
    private mutating func begin(_ command: SMTPCommand) -> Event? {
        switch command {
        case .helo(let name): hello(name, extended: false, lmtp: false)
        case .ehlo(let name): hello(name, extended: true, lmtp: false)
        case .lhlo(let name): hello(name, extended: true, lmtp: true)
        case .mail(let envelope, let parameters): mail(envelope, parameters)
        case .rcpt(let recipient): rcpt(recipient)
        case .data: data()
        case .bdat(let octets, let last): bdat(octets, last: last)
        case .rset: reset()
        case .vrfy(let name): ask(.vrfy, .vrfy(name))
        case .expn: refuse(.notOffered("EXPN is not offered"))
        case .help(let topic): ask(.help, .help(topic))
        case .noop: ask(.noop, .noop)
        case .quit: quit()
        case .auth(let mechanism, let initial): auth(mechanism, initial)
        case .starttls: startTLS()
        }
    }

    /// RFC 5321 §4.1.4: EHLO clears buffers as RSET does. LMTP has LHLO in its place (RFC 2033 §4.1).
    private mutating func hello(_ name: String, extended: Bool, lmtp: Bool) -> Event {
        guard lmtp == (options.mode == .lmtp) else { return refuse(.grammar(.unknownCommand)) }
        transaction.apply(.end)
        return ask(.ehlo(name, extended: extended), .ehlo(name))
    }

    private mutating func mail(_ envelope: Envelope, _ parameters: MailParameters) -> Event {
        guard clientName != nil else { return refuse(.outOfOrder("say \(helloVerb) first")) }
        guard transaction.envelope == nil else { return refuse(.outOfOrder("there is a transaction already")) }
        if options.mode == .submission, !isAuthenticated { return refuse(.authenticationRequired) }
        if let limit = options.sizeLimit, let size = parameters.size, size > limit {
            return refuse(.tooBig(limit: limit))
        }
        var envelope = envelope
        if !options.offersDSN { (envelope.returnContent, envelope.envelopeID) = (nil, nil) }
        if case .address(let address) = envelope.reversePath {
            guard let whole = qualified(address) else { return refuse(.grammar(.senderNeedsDomain)) }
            guard !whole.isInternational || envelope.smtpUTF8 else { return refuse(.internationalAddress) }
            envelope.reversePath = .address(whole)
        }
        return ask(.mail(envelope, parameters), .mail(envelope, parameters))
    }

    private mutating func rcpt(_ recipient: Envelope.Recipient) -> Event {
        guard let envelope = transaction.envelope else { return refuse(.outOfOrder("MAIL first")) }
        guard !transaction.isChunked else { return refuse(.outOfOrder("the content has begun")) }
        guard refusedRecipients < options.refusedRecipientLimit else {
            return refuse(.tooManyRefusedRecipients(limit: options.refusedRecipientLimit))
        }
        refusedRecipients += 1  // until it is accepted
        guard envelope.recipients.count < options.recipientLimit else {
            return refuse(.tooManyRecipients(limit: options.recipientLimit))
        }
        // DSN parameters that were not offered are accepted and forgotten: a client that sends them loses only its
        // notices.
        var recipient = options.offersDSN ? recipient : Envelope.Recipient(recipient.forwardPath)
        if case .address(let address) = recipient.forwardPath {
            guard let whole = qualified(address) else { return refuse(.grammar(.recipientNeedsDomain)) }
            guard !whole.isInternational || envelope.smtpUTF8 else { return refuse(.internationalAddress) }
            recipient.forwardPath = .address(whole)
        }
        return ask(.rcpt(recipient), .rcpt(recipient))
    }

    /// `address` with a domain; `nil` when it has none and there is none to complete it with.
    private func qualified(_ address: Address) -> Address? {
        if address.domain != nil || options.takesBareNames { return address }
        guard let domain = options.qualify else { return nil }
        do {
            return try address.qualified(with: domain)
        } catch {
            return nil  // the rc's domain is wrong: refused like an address without one
        }
    }

    private mutating func data() -> Event {
        guard let envelope = transaction.envelope else { return refuse(.outOfOrder("MAIL first")) }
        // RFC 3030 §3: DATA after BDAT is 503; and every refusal of content ends the transaction.
        guard !transaction.isChunked else {
            return refuse(.outOfOrder("BDAT has begun: no DATA"), endsTransaction: true)
        }
        guard !envelope.recipients.isEmpty else { return refuse(.noRecipients, endsTransaction: true) }
        return ask(.data, .contentBegin)
    }

    /// Whatever the reply, the octets of the chunk are taken off the stream (RFC 3030 §2).
    private mutating func bdat(_ octets: Int, last: Bool) -> Event? {
        guard let envelope = transaction.envelope else {
            state = .skip(left: octets)
            return refuse(.outOfOrder("MAIL first"))
        }
        guard !envelope.recipients.isEmpty else {
            state = .skip(left: octets)
            return refuse(.noRecipients, endsTransaction: true)
        }
        guard transaction.isChunked else { return ask(.firstChunk(octets: octets, last: last), .contentBegin) }
        state = .chunk(left: octets, last: last)
        chunkOctets = 0
        return nil
    }

    private mutating func reset() -> Event {
        transaction.apply(.end)
        return ask(.rset, .rset)
    }

    private mutating func quit() -> Event {
        transaction.apply(.end)
        return ask(.quit, .quit)
    }

    private mutating func auth(_ mechanism: String, _ initial: [UInt8]?) -> Event {
        guard clientName != nil else { return refuse(.outOfOrder("say \(helloVerb) first")) }
        guard !options.mechanisms.isEmpty else { return refuse(.notOffered("AUTH is not offered")) }
        guard isTLS || options.authenticatesInClear else { return refuse(.encryptionRequired) }
        guard !isAuthenticated else { return refuse(.outOfOrder("you are logged in already")) }
        guard transaction.envelope == nil else { return refuse(.outOfOrder("not within a transaction")) }
        guard options.mechanisms.contains(mechanism) else { return refuse(.mechanismNotOffered) }
        return ask(.auth, .auth(mechanism: mechanism, initialResponse: initial))
    }

    /// The next response of the client (RFC 4954 §4); "*" cancels.
    mutating func nextResponse() -> Event? {
        let line: [UInt8]
        do {
            guard let next = try lines.nextLine() else { return nil }
            line = next
        } catch {
            state = .commands
            switch error {
            case .tooLong(let limit): return refuse(.responseTooLong(limit: limit))
            case .bareLineFeed: return refuse(.strayOctetInCommand)
            }
        }
        state = .commands
        if line == [0x2A] { return refuse(.authenticationCancelled) }
        guard let response = Base64.decode(line) else { return refuse(.grammar(.badBase64)) }
        return ask(.auth, .saslResponse(response))
    }

    private mutating func startTLS() -> Event {
        guard !isTLS else { return refuse(.outOfOrder("TLS is on already")) }
        guard options.offersTLS else { return refuse(.notOffered("STARTTLS is not offered")) }
        // Clear text after the line may be an attacker's, meant to pass for the client's own commands in TLS.
        guard lines.isEmpty else { return refuse(.injectionAfterSTARTTLS) }
        transaction.apply(.end)
        return ask(.startTLS, .startTLS)
    }

    var helloVerb: String { options.mode == .lmtp ? "LHLO" : "EHLO" }
}

extension SMTPCommand {
    /// Whether a session of such commands alone never comes to a message.
    fileprivate var leadsNowhere: Bool {
        switch self {
        case .helo, .ehlo, .lhlo, .rset, .vrfy, .help, .noop: true
        case .mail, .rcpt, .data, .bdat, .expn, .quit, .auth, .starttls: false
        }
    }
}
