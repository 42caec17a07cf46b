// What a reply means, by the command that it answers.

import Octets

extension SMTPClient {
    /// The event that `reply` makes as the answer to `what`; `nil` when it tells the caller nothing new.
    mutating func take(_ reply: SMTPReply, for what: Expectation) throws(SMTPError) -> Event? {
        guard Self.allows(reply, for: what) else {
            throw fail(.unexpectedReply(to: Self.name(of: what), reply))
        }
        switch what {
        case .greeting: return .greeting(reply)
        case .ehlo: return hello(reply)
        case .helo:
            capabilities = SMTPCapabilities()
            return reply.isPositive ? .hello(capabilities) : .helloRefused(reply)
        case .startTLS: return try startTLS(reply)
        case .auth:
            if reply.isIntermediate { return try challenge(reply) }
            // Accepted before the credentials were said: not by this login.
            guard heldBack == nil || !reply.isPositive else { throw fail(.unexpectedReply(to: "AUTH", reply)) }
            heldBack = nil
            isAuthenticated = isAuthenticated || reply.isPositive
            return reply.isPositive ? .authenticated(reply) : .authenticationRefused(reply)
        case .mail: return sender(reply)
        case .rcpt(let index): return recipient(index, reply)
        case .data: return try data(reply)
        case .verdict(let index): return verdict(index, reply)
        case .emptyVerdict:
            endTransaction()
            return nil
        case .reset: return .rset(reply)
        case .silentReset:
            guard !capabilities.pipelining, transaction != nil else { return nil }
            beginBehindReset()
            return .rset(reply)
        case .noop: return .noop(reply)
        case .quit:
            isClosed = true
            return .quit(reply)
        }
    }

    /// Which classes of reply a command can have (RFC 5321 §4.3.2): 3yz to AUTH and DATA only, 2yz to all but DATA.
    private static func allows(_ reply: SMTPReply, for what: Expectation) -> Bool {
        switch what {
        case .auth: !reply.isIntermediate || reply.code == 334
        case .data: !reply.isPositive && (!reply.isIntermediate || reply.code == 354)
        case .greeting, .ehlo, .helo, .startTLS, .mail, .rcpt, .verdict, .emptyVerdict, .reset, .silentReset, .noop,
            .quit:
            !reply.isIntermediate
        }
    }

    /// RFC 4954 §4: after `*` there can be no further challenge.
    private mutating func challenge(_ reply: SMTPReply) throws(SMTPError) -> Event {
        guard !isCancelling else { throw fail(.unexpectedReply(to: "AUTH", reply)) }
        challenges += 1
        guard challenges <= SMTPLimits.challenges else { throw fail(.tooManyChallenges(limit: SMTPLimits.challenges)) }
        if heldBack != nil { return .initialResponseWanted }
        return .challenge(Base64.decode(reply.lines[0]))
    }

    /// RFC 5321 §4.1.4: a server that does not know EHLO says 500, 501, 502 or 504; in LMTP there is nothing else to
    /// try.
    private mutating func hello(_ reply: SMTPReply) -> Event {
        if reply.isPositive {
            capabilities = SMTPCapabilities(reply)
            areOffersTold = true
            return .hello(capabilities)
        }
        let isUnknown = dialect == .smtp && [500, 501, 502, 504].contains(reply.code)
        return isUnknown ? .helloUnknown(reply) : .helloRefused(reply)
    }

    private mutating func startTLS(_ reply: SMTPReply) throws(SMTPError) -> Event {
        guard reply.isPositive else { return .startTLSRefused(reply) }
        guard lines.isEmpty, answered == expected.count else { throw fail(.injectionAfterSTARTTLS) }
        inHandshake = true
        return .startTLSReady
    }

    private mutating func sender(_ reply: SMTPReply) -> Event {
        transaction?.isSenderAccepted = reply.isPositive
        if !capabilities.pipelining {
            if reply.isPositive {
                stepOn(after: nil)
            } else {
                needsReset = true
                endTransaction()
            }
        }
        return .mail(reply)
    }

    /// After a refused MAIL the recipients' refusals say nothing about the recipients.
    private mutating func recipient(_ index: Int, _ reply: SMTPReply) -> Event? {
        guard transaction?.isSenderAccepted == true else { return nil }
        if reply.isPositive { transaction?.accepted.append(index) }
        if !capabilities.pipelining { stepOn(after: index) }
        return .rcpt(index: index, reply)
    }

    private mutating func data(_ reply: SMTPReply) throws(SMTPError) -> Event? {
        let hasRecipients = transaction?.accepted.isEmpty == false
        guard reply.isIntermediate else {
            needsReset = true
            endTransaction()
            return hasRecipients ? .dataRefused(reply) : nil
        }
        if hasRecipients {
            transaction?.beginContent()
            return .contentBegin
        }
        // RFC 2033 §4.2: LMTP gives a verdict for each accepted recipient, so that here none would ever come.
        guard dialect == .smtp else { throw fail(.unexpectedReply(to: "DATA", reply)) }
        unsent += [Octet.dot, Octet.cr, Octet.lf]
        expected.append(.emptyVerdict)
        return .emptied
    }

    private mutating func verdict(_ index: Int?, _ reply: SMTPReply) -> Event {
        if index == nil || index == transaction?.accepted.last { endTransaction() }
        return .verdict(index: index, reply)
    }

    private static func name(of what: Expectation) -> String {
        switch what {
        case .greeting: "the connection"
        case .ehlo: "EHLO"
        case .helo: "HELO"
        case .startTLS: "STARTTLS"
        case .auth: "AUTH"
        case .mail: "MAIL"
        case .rcpt: "RCPT"
        case .data: "DATA"
        case .verdict, .emptyVerdict: "the message"
        case .reset, .silentReset: "RSET"
        case .noop: "NOOP"
        case .quit: "QUIT"
        }
    }
}
