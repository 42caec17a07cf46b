// How a POP3 client reads lines: status indicators, listings, capabilities.

import Octets

/// The status indicator of a reply, with what follows it (RFC 1939 §3, RFC 5034 §4).
private enum Status {
    case ok(text: [UInt8])
    case err(code: POP3ResponseCode?, text: [UInt8])
    /// `"+" SP [base64]`
    case challenge(ArraySlice<UInt8>)

    init?(_ line: [UInt8]) {
        if let text = Self.text(of: line, behind: "+OK") {
            self = .ok(text: Array(text))
        } else if let text = Self.text(of: line, behind: "-ERR") {
            let (code, rest) = POP3ResponseCode.split(text)
            self = .err(code: code, text: rest)
        } else if let text = Self.text(of: line, behind: "+") {
            self = .challenge(text)
        } else {
            return nil
        }
    }

    private static func text(of line: [UInt8], behind word: StaticString) -> ArraySlice<UInt8>? {
        let count = word.utf8CodeUnitCount
        guard line.count >= count, line[..<count].equalsIgnoringCase(word) else { return nil }
        guard line.count > count else { return [] }
        return line[count] == Octet.space ? line[(count + 1)...] : nil
    }
}

extension POP3Client {
    /// The event that one line makes; `nil` when more lines must come first.
    mutating func event(of line: [UInt8]) throws(POP3Error) -> Event? {
        switch reading {
        case .status: return try statusEvent(line)
        case .capabilities: return try capabilityEvent(line)
        case .sizes:
            guard line != [Octet.dot] else { return end(.listEnd) }
            try countEntry(line.count)
            guard let (message, octets) = Self.size(in: line[...]) else { throw .malformed(reply: line, to: "LIST") }
            progress += 1
            return .size(message: message, octets: octets)
        case .uniqueIDs, .content: return nil  // never line by line
        }
    }

    mutating func end(_ event: Event) -> Event {
        reading = .status
        progress += 1
        return event
    }

    /// Counts an entry of a listing against the limits.
    /// - Parameter octets: of its line, without the line end.
    mutating func countEntry(_ octets: Int) throws(POP3Error) {
        guard octets + 2 <= Self.replyLimit else { throw .lineTooLong(limit: Self.replyLimit) }
        entries += 1
        entryOctets += octets + 2
        guard entries <= Self.listLimit else { throw .tooMany(what: "messages", limit: Self.listLimit) }
        guard entryOctets <= listOctetLimit else {
            throw .tooMany(what: "octets in one listing", limit: listOctetLimit)
        }
    }

    private mutating func capabilityEvent(_ line: [UInt8]) throws(POP3Error) -> Event? {
        if line == [Octet.dot] {
            capabilities = listed
            return end(.capabilities(listed))
        }
        try countEntry(line.count)
        guard entries <= Self.capabilityLimit else { throw .tooMany(what: "capabilities", limit: Self.capabilityLimit) }
        listed.add(line.first == Octet.dot ? Array(line.dropFirst()) : line)
        return nil
    }

    private mutating func statusEvent(_ line: [UInt8]) throws(POP3Error) -> Event? {
        let request = state == .greeting ? .greeting : outstanding.first
        guard let status = Status(line) else {
            guard let request else { throw .unsolicitedReply(line) }
            throw .malformed(reply: line, to: request.verb)
        }
        if case .challenge = status {
        } else if line.count + 2 > Self.replyLimit {
            throw .lineTooLong(limit: Self.replyLimit)
        }
        guard let request else {
            if case .err(_, let text) = status { throw .disconnected(text: text) }
            throw .unsolicitedReply(line)
        }
        switch status {
        case .challenge(let text):
            guard request == .auth, !challengeIsOpen else { throw .malformed(reply: line, to: request.verb) }
            return try challengeEvent(text, line)
        case .err(let code, let text):
            answered(request)
            if request == .greeting || request == .quit { state = .closed }
            return .err(request, code: code, text: text)
        case .ok(let text):
            guard request != .auth || !challengeIsOpen, heldBack == nil else {
                throw .malformed(reply: line, to: request.verb)  // accepted before it was sent the credentials
            }
            answered(request)
            return try accepted(request, text, line)
        }
    }

    private mutating func answered(_ request: POP3Request) {
        progress += 1
        if request != .greeting { outstanding.removeFirst() }
        if request == .auth {
            challengeIsOpen = false
            heldBack = nil
        }
    }

    private mutating func challengeEvent(_ text: ArraySlice<UInt8>, _ line: [UInt8]) throws(POP3Error) -> Event {
        challenges += 1
        progress += 1
        guard challenges <= Self.challengeLimit else { throw .tooMany(what: "challenges", limit: Self.challengeLimit) }
        challengeIsOpen = true
        if heldBack != nil { return .proceed }
        guard let challenge = Base64.decode(text) else { throw .malformed(reply: line, to: "AUTH") }
        return .challenge(challenge)
    }

    /// What `+OK text` to `request` means.
    private mutating func accepted(
        _ request: POP3Request, _ text: [UInt8], _ line: [UInt8]
    ) throws(POP3Error) -> Event? {
        switch request {
        case .greeting:
            state = .authorization
            stamp = Self.stamp(in: text)
            return .greeting(text: text)
        case .capa:
            listed = POP3Capabilities()
            return begin(.capabilities)
        case .stls:
            guard lines.isEmpty else { throw .injectionAfterSTLS }
            capabilities = nil
            state = .handshake
            return .startTLSReady
        case .pass, .apop, .auth:
            state = .transaction
            capabilities = nil
            return .ok(request, text: text)
        case .user, .utf8, .noop, .rset, .dele:
            return .ok(request, text: text)
        case .quit:
            state = .closed
            return .ok(request, text: text)
        case .stat:
            guard let (messages, octets) = Self.pair(in: text[...]) else { throw .malformed(reply: line, to: "STAT") }
            return .stat(messages: messages, octets: octets)
        case .list(nil): return begin(.sizes)
        case .uidl(nil): return begin(.uniqueIDs)
        case .list(.some(let asked)):
            guard let (message, octets) = Self.size(in: text[...]), message == asked else {
                throw .malformed(reply: line, to: "LIST")
            }
            return .size(message: message, octets: octets)
        case .uidl(.some(let asked)):
            var listing = UniqueIDListing()
            guard listing.append(line: text.indices, of: text), listing.number(at: 0) == asked else {
                throw .malformed(reply: line, to: "UIDL")
            }
            return .uniqueID(message: asked, id: Array(listing.id(at: 0)))
        case .retr(let message), .top(let message):
            beginContent()
            return .contentBegin(message: message)
        }
    }

    private mutating func begin(_ listing: Reading) -> Event? {
        entries = 0
        entryOctets = 0
        reading = listing
        return nil
    }

    /// `nn SP mm`, whatever follows ignored (RFC 1939 §5, STAT).
    private static func pair(in text: ArraySlice<UInt8>) -> (Int, Int)? {
        let words = text.split(separator: Octet.space, maxSplits: 2)
        guard words.count >= 2, let first = Decimal.value(of: words[0]), let second = Decimal.value(of: words[1]) else {
            return nil
        }
        return (first, second)
    }

    /// A scan listing: message number and size (RFC 1939 §5, LIST).
    private static func size(in text: ArraySlice<UInt8>) -> (message: Int, octets: Int?)? {
        let words = text.split(separator: Octet.space, maxSplits: 2)
        guard words.count >= 2, let message = Decimal.value(of: words[0]), message > 0 else { return nil }
        return (message, Decimal.value(of: words[1]))
    }

    /// The APOP timestamp of a greeting: `<…@…>` (RFC 1939 §7).
    private static func stamp(in text: [UInt8]) -> [UInt8]? {
        guard let open = text.lastIndex(of: 0x3C), let close = text[open...].firstIndex(of: 0x3E) else { return nil }
        let stamp = text[open...close]
        let printable = stamp.allSatisfy { $0 > Octet.space && $0 < 0x7F }
        return printable && stamp.contains(0x40) ? Array(stamp) : nil
    }
}
