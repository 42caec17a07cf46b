// Replies: the policy's command for the event that waits, and what it does to the session.

import MailEnvelope
import MailFormat
import Octets

extension SMTPServer {
    /// The octets that answer the event that waits; none for ``Event/content(_:)``.
    public mutating func send(_ command: Command) -> [UInt8] {
        if case .shutDown(let words) = command { return shutDown(words) }
        guard let asked = awaited else { return [] }
        awaited = nil
        switch asked {
        case .own(let reply, let errors, let closes):
            return finished(reply, errors: errors, closes: closes)
        case .contentEnd:
            return answerContent(command)
        case .auth:
            return answerAuth(command)
        case .mail, .rcpt, .data, .firstChunk:
            if case .accept(let words) = command { return accept(asked, words) }
            return refuse(asked, command)
        case .greeting, .ehlo, .chunkEnd, .rset, .vrfy, .help, .noop, .startTLS, .quit:
            switch command {
            case .proceed: return accept(asked, "")
            case .accept(let words): return accept(asked, words)
            case .refuse, .settle, .challenge, .perRecipient, .shutDown: return refuse(asked, command)
            }
        }
    }

    /// The positive answer to `asked`, and its effect.
    private mutating func accept(_ asked: Pending, _ words: String) -> [UInt8] {
        func say(_ code: Int, _ status: EnhancedStatus?, _ own: String) -> [UInt8] {
            SMTPReply(code, status, words.isEmpty ? own : words).octets
        }
        switch asked {
        case .greeting:
            state = .commands
            let kind = options.mode == .lmtp ? "LMTP" : "ESMTP"
            return SMTPReply(220, nil, "\(options.hostname) \(kind)" + (words.isEmpty ? "" : " \(words)")).octets
        case .ehlo(let name, let extended):
            clientName = name
            isExtended = extended
            let first = options.hostname + (words.isEmpty ? "" : " \(words)")
            let rest = extended ? extensions : []
            return SMTPReply(250, nil, ([first] + rest).joined(separator: "\n")).octets
        case .mail(let envelope, let parameters):
            transaction.apply(.begin(envelope, parameters))
            return say(250, .success(1, 0), "sender ok")
        case .rcpt(let recipient):
            transaction.apply(.add(recipient))
            refusedRecipients -= 1
            return say(250, .success(1, 5), "recipient ok")
        case .data:
            beginContent(inChunks: false)
            state = .data
            return say(354, nil, "end with CR LF . CR LF")
        case .firstChunk(let octets, let last):
            beginContent(inChunks: true)
            state = .chunk(left: octets, last: last)
            return []
        case .chunkEnd: return say(250, .success(0, 0), "\(chunkOctets) octets received")
        case .rset, .noop: return say(250, .success(0, 0), "ok")
        case .vrfy: return say(252, .success(1, 5), "send, and you will see")
        case .help: return say(214, .success(0, 0), "see RFC 5321: \(helloVerb) MAIL RCPT DATA BDAT RSET NOOP QUIT")
        case .startTLS:
            state = .handshake
            return say(220, .success(0, 0), "ready to start TLS")
        case .quit:
            state = .closing
            return say(221, .success(0, 0), "\(options.hostname) closes")
        case .auth, .contentEnd, .own:
            return []  // answered elsewhere
        }
    }

    /// The negative answer to `asked`. A command that does not fit the event, or decides nothing where it must, is a
    /// fault of ours: refused for now.
    private mutating func refuse(_ asked: Pending, _ command: Command) -> [UInt8] {
        let reply = Self.refusal(command)
        var closes = false
        switch asked {
        case .greeting:
            if case .refuse(554, _, _) = command {
                isTurnedAway = true
                state = .commands
            } else {
                closes = true
            }
        case .data: transaction.apply(.end)
        case .firstChunk(let octets, let last):
            let copies = last ? verdictsDue : 1
            transaction.apply(.end)
            state = .skip(left: octets)
            return finished(reply, copies: copies)
        case .chunkEnd: transaction.apply(.end)
        case .quit: closes = true
        case .ehlo, .auth, .mail, .rcpt, .contentEnd, .rset, .vrfy, .help, .noop, .startTLS, .own: break
        }
        return finished(reply, closes: closes)
    }

    private static func refusal(_ command: Command) -> SMTPReply {
        guard case .refuse(let code, let status, let words) = command else {
            return SMTPReply(451, .transient(3, 0), "local error; try again later")
        }
        return .refusal(code, status, words)
    }

    private mutating func answerAuth(_ command: Command) -> [UInt8] {
        switch command {
        case .challenge(let octets):
            state = .sasl
            return Array("334 ".utf8) + Base64.encode(octets) + [Octet.cr, Octet.lf]
        case .accept(let words):
            isAuthenticated = true
            return SMTPReply(235, .success(7, 0), words.isEmpty ? "authenticated" : words).octets
        case .proceed, .refuse, .settle, .perRecipient, .shutDown:
            return finished(Self.refusal(command))
        }
    }

    /// The verdict on a whole message. Whatever it is, the transaction is over.
    private mutating func answerContent(_ command: Command) -> [UInt8] {
        let due = verdictsDue
        transaction.apply(.end)
        switch command {
        case .accept(let words):
            return accepted(.delivered(.passedOn, text: words.isEmpty ? "message accepted" : words), copies: due)
        case .settle(let verdict):
            if case .delivered = verdict.kind { return accepted(verdict, copies: due) }
            return finished(SMTPReply(verdict), copies: due)
        case .perRecipient(let verdicts) where options.mode == .lmtp && verdicts.count == due:
            let replies = verdicts.map(SMTPReply.init)
            return finished(Array(replies.map(\.octets).joined()), closes: replies.contains { $0.code == 421 })
        case .proceed, .refuse, .challenge, .perRecipient, .shutDown:
            return finished(Self.refusal(command), copies: due)
        }
    }

    /// A message is accepted: what the client did wrong before no longer counts.
    private mutating func accepted(_ verdict: Verdict, copies: Int) -> [UInt8] {
        errorCount = 0
        idleCommands = 0
        refusedRecipients = 0
        return Array(repeatElement(SMTPReply(verdict).octets, count: copies).joined())
    }

    private mutating func beginContent(inChunks: Bool) {
        transaction.apply(.content(inChunks: inChunks))
        content = ContentReader(limit: options.sizeLimit, lineEnds: options.lineEnds)
        chunkOctets = 0
    }

    private mutating func finished(_ reply: SMTPReply, copies: Int = 1, closes: Bool = false) -> [UInt8] {
        finished(
            Array(repeatElement(reply.octets, count: max(copies, 1)).joined()), errors: reply.isPermanent ? 1 : 0,
            closes: closes || reply.code == 421)
    }

    /// Closes after `reply` if it says so, or if it was one error too many.
    private mutating func finished(_ reply: [UInt8], errors: Int = 0, closes: Bool) -> [UInt8] {
        errorCount += errors
        if closes {
            close()
            return reply
        }
        guard errors > 0, errorCount >= options.errorLimit else { return reply }
        close()
        return reply + SMTPReply(421, .transient(7, 0), "too many errors").octets
    }

    private mutating func shutDown(_ words: String) -> [UInt8] {
        if isClosed { return [] }
        if let fault = contentFault {
            let reply = Array(repeatElement(fault.reply.octets, count: repliesDue).joined())
            close()
            return reply
        }
        close()
        return SMTPReply(421, .transient(3, 2), words.isEmpty ? "\(options.hostname) closes" : words).octets
    }

    private mutating func close() {
        transaction.apply(.end)
        awaited = nil
        state = .closing
    }

    /// ehlo-keywords (RFC 5321 §4.1.1.1).
    private var extensions: [String] {
        var words = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"]
        if options.offersDSN { words.append("DSN") }
        words.append("SIZE \(options.sizeLimit ?? 0)")  // 0: no fixed limit (RFC 1870 §3)
        words.append("LIMITS RCPTMAX=\(options.recipientLimit)")
        if options.offersTLS, !isTLS { words.append("STARTTLS") }
        if !options.mechanisms.isEmpty, isTLS || options.authenticatesInClear, !isAuthenticated {
            words.append("AUTH " + options.mechanisms.joined(separator: " "))
        }
        words.append("HELP")
        return words
    }
}
