// Content coming in: DATA up to CRLF.CRLF, or chunks of a told length.

import Octets

extension SMTPServer {
    /// Reads DATA's content as far as it has come.
    mutating func nextContent() -> Event? {
        let wire = lines.takeRest()
        guard !wire.isEmpty else { return nil }
        let (file, end) = content.data(wire)
        if content.isFinished {
            state = .contentOver(last: true)
            if end < wire.count { lines.append(Array(wire[end...])) }
        }
        return file.isEmpty ? nil : .content(file)
    }

    /// Reads of a chunk what has come.
    mutating func nextChunk(left: Int, last: Bool) -> Event? {
        var file: [UInt8] = []
        var left = left
        if left > 0 {
            let wire = lines.takeRest()
            let taken = min(left, wire.count)
            file = content.chunk(wire, in: 0..<taken)
            if taken < wire.count { lines.append(Array(wire[taken...])) }
            left -= taken
            chunkOctets += taken
        }
        if left == 0, last { file += content.finishChunks() }
        state = left == 0 ? .contentOver(last: last) : .chunk(left: left, last: last)
        return file.isEmpty ? nil : .content(file)
    }

    /// Drops octets of a refused chunk.
    /// - Returns: whether there is anything to go on with.
    mutating func skip(_ left: Int) -> Bool {
        if left > 0 {
            let wire = lines.takeRest()
            guard !wire.isEmpty else { return false }
            let taken = min(left, wire.count)
            if taken < wire.count { lines.append(Array(wire[taken...])) }
            state = .skip(left: left - taken)
            return true
        }
        state = .commands
        return true
    }

    /// The content, or a chunk of it, is over: what becomes of it.
    mutating func contentEvent(last: Bool) -> Event {
        state = .commands
        let copies = last ? verdictsDue : 1
        if let fault = content.fault {
            // Judged only here, behind the real end: what follows is the next command, and nobody's else.
            return refuse(fault, endsTransaction: true, copies: copies)
        }
        guard last else { return ask(.chunkEnd, .chunkEnd) }
        return ask(.contentEnd, .contentEnd(octets: content.octets, oddities: content.oddities))
    }

    /// Replies due at the end of the content: LMTP's one for each recipient (RFC 2033 §4.2).
    var verdictsDue: Int {
        options.mode == .lmtp ? transaction.envelope?.recipients.count ?? 1 : 1
    }
}
