// Content coming in: DATA up to CRLF.CRLF, or chunks of an announced length.

import Octets

extension SMTPServer {
    /// Reads DATA's content as far as it has come.
    mutating func nextContent() -> Event? {
        let (wire, range) = lines.waiting
        guard !range.isEmpty else { return nil }
        let (file, end) = content.data(wire, in: range.prefix(content.allowance))
        lines.drop(through: end)
        if content.isFinished { state = .contentOver(last: true) }
        return progress(file, of: end - range.lowerBound)
    }

    /// The event of `count` octets of content: `file` for the policy, or only their count where it will be refused.
    private mutating func progress(_ file: [UInt8], of count: Int) -> Event? {
        guard let fault = content.fault else { return file.isEmpty ? nil : .content(file) }
        if content.isEndless { return giveUp(fault) }
        return count > 0 ? .refusedContent(octets: count) : nil
    }

    /// Gives the reply that refused content would get at its end, and closes: else the rest would have to be read.
    private mutating func giveUp(_ fault: ServerFault) -> Event {
        let event = refuse(fault, endsTransaction: true, copies: repliesDue)
        if case .own(let reply, let errors, _) = awaited { awaited = .own(reply, errors: errors, closes: true) }
        return event
    }

    /// Why the content that is coming in will be refused; `nil` between messages, and while it is good.
    var contentFault: ServerFault? {
        switch state {
        case .data, .chunk: content.fault
        case .greeting, .commands, .sasl, .contentOver, .skip, .handshake, .closing, .closed: nil
        }
    }

    /// Replies due for the content that is coming in.
    var repliesDue: Int {
        switch state {
        case .chunk(_, last: false), .contentOver(last: false): 1
        case .greeting, .commands, .sasl, .data, .chunk, .contentOver, .skip, .handshake, .closing, .closed: verdictsDue
        }
    }

    /// Reads what has come of a chunk.
    mutating func nextChunk(left: Int, last: Bool) -> Event? {
        var file: [UInt8] = []
        var left = left
        var taken = 0
        if left > 0 {
            let (wire, range) = lines.waiting
            taken = min(left, range.count, content.allowance)
            file = content.chunk(wire, in: range.prefix(taken))
            lines.drop(through: range.lowerBound + taken)
            left -= taken
            chunkOctets += taken
        }
        if left == 0, last { file += content.finishChunks() }
        state = left == 0 ? .contentOver(last: last) : .chunk(left: left, last: last)
        return progress(file, of: taken)
    }

    /// Drops octets of a refused chunk as they come, `left` of them at most.
    mutating func skip(_ left: Int) -> Event? {
        let taken = min(left, lines.count)
        guard taken > 0 else { return nil }
        lines.drop(through: lines.waiting.range.lowerBound + taken)
        state = .skip(left: left - taken)
        return .refusedContent(octets: taken)
    }

    /// The content, or a chunk of it, is over: what becomes of it.
    mutating func contentEvent(last: Bool) -> Event {
        let copies = repliesDue
        state = .commands
        if let fault = content.fault {
            // Judged only here, after the real end: what follows is the client's next command, and no one else's.
            return refuse(fault, endsTransaction: true, copies: copies)
        }
        guard last else { return ask(.chunkEnd, .chunkEnd) }
        return ask(.contentEnd, .contentEnd(octets: content.octets, contentFaults: content.contentFaults))
    }

    /// Replies due at the end of the content: LMTP's one for each recipient (RFC 2033 §4.2).
    var verdictsDue: Int {
        options.mode == .lmtp ? transaction.envelope?.recipients.count ?? 1 : 1
    }
}
