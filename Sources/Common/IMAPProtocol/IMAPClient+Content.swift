// Literals and FETCH: content is streamed, small literals are held, both bounded before anything is taken.

import Octets

extension IMAPClient {
    /// Adds `line` to the response; begins the literal that it announces, or reads the response that it ends.
    mutating func takeData(_ line: [UInt8]) throws(IMAPError) {
        guard response.count + line.count <= Self.responseLimit else {
            throw .responseTooLong(limit: Self.responseLimit)
        }
        response += line
        if let octets = IMAPReader.literalLength(of: line[...]) { return try beginLiteral(octets) }
        let whole = response
        response = []
        try finish(whole)
    }

    private mutating func beginLiteral(_ octets: Int) throws(IMAPError) {
        literals += 1
        guard literals <= Self.literalLimit else { throw .tooMany(what: "literals", limit: Self.literalLimit) }
        var open = response.lastIndex(of: 0x7B) ?? response.endIndex
        // A literal8 (RFC 3516 §4.1) is one like any other: Cyrus sends it, unasked, for content with NULs.
        if response[..<open].suffix(2).elementsEqual([Octet.space, 0x7E]) {
            open -= 1
            response.remove(at: open)
        }
        if let (sequence, uid, items) = contentKey(before: open) {
            try allow(items, in: response)
            guard content == nil else { throw .malformed(response: response) }
            guard octets <= contentLimit else { throw .literalTooLarge(octets: octets, limit: contentLimit) }
            response.removeSubrange(open...)
            response += [Octet.nul] + Array("\(octets)".utf8) + [Octet.nul]
            content = (uid, octets == 0 ? .empty : .absent)
            guard octets > 0 else { return }
            decoder = LineEndDecoder()
            if told.insert(sequence) { notePart(of: .uidFetchContent) }
            ready.append(.contentBegin(sequence: sequence, uid: uid, octets: octets))
            reading = .content(left: octets)
        } else {
            guard octets <= Self.smallLiteralLimit else {
                throw .literalTooLarge(octets: octets, limit: Self.smallLiteralLimit)
            }
            response += [Octet.cr, Octet.lf]
            if octets > 0 { reading = .literal(left: octets) }
        }
    }

    /// A part sent for the whole would be stored as the message, and the message then deleted at the server.
    private func allow(_ items: IMAPItems, in response: [UInt8]) throws(IMAPError) {
        guard outstanding.contains(where: { $0.request == .uidFetchContent }), askedContent.contains(items) else {
            throw .unsolicitedResponse(response)
        }
    }

    /// Takes octets of a small literal.
    mutating func takeLiteral(_ left: Int) -> Bool {
        let part = lines.take(atMost: left)
        guard !part.isEmpty else { return false }
        response += part
        wordCount += part.count
        reading = part.count == left ? .line : .literal(left: left - part.count)
        return true
    }

    /// Takes octets of content, and hands them out in file form.
    mutating func takeContent(_ left: Int) -> Bool {
        let (wire, range) = lines.waiting
        let part = range.prefix(min(left, 65_536))
        guard !part.isEmpty else { return false }
        var file: [UInt8] = []
        file.reserveCapacity(part.count + 1)
        decoder.decode(wire, in: part, into: &file)
        lines.drop(through: part.upperBound)
        if part.count == left {
            decoder.finish(into: &file)
            reading = .line
        } else {
            reading = .content(left: left - part.count)
        }
        if !file.isEmpty {
            progress += 1
            ready.append(.content(file))
        }
        return true
    }

    /// The message whose content begins at `end`, if the response up to there is a FETCH that announces content; `uid`
    /// is `nil` when the server has not told it yet.
    private func contentKey(before end: Int) -> (sequence: UInt32, uid: UInt32?, items: IMAPItems)? {
        let words = response[2..<end].split(separator: Octet.space, maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, words[1].equalsIgnoringCase("FETCH"),
            let sequence = Decimal.value(of: words[0]).flatMap({ UInt32(exactly: $0) })
        else { return nil }
        var reader = IMAPReader(Array(response[..<end]), from: words[2].startIndex, isUnfinished: true)
        let values: [IMAPValue]
        do throws(IMAPError) {
            values = try reader.values()
        } catch {
            return nil  // whatever it is, the whole response will be refused when its end is read
        }
        guard reader.openLists == 1, values.count == 1, let items = values[0].list, items.count % 2 == 1,
            case .atom(let key) = items.last, let content = Self.content(of: key)
        else { return nil }
        let uidKey = stride(from: 0, to: items.count - 1, by: 2).first {
            items[$0].octets?.equalsIgnoringCase("UID") == true
        }
        return (sequence, uidKey.flatMap { items[$0 + 1].nonZeroNumber }, content)
    }

    /// What of a message the item `key` is; the empty set for a part that is never asked for, `nil` for other items.
    private static func content(of key: [UInt8]) -> IMAPItems? {
        // `<0>`: some servers name an origin although nobody asked for a part.
        if key.equalsIgnoringCase("BODY[]") || key.equalsIgnoringCase("BODY[]<0>") || key.equalsIgnoringCase("RFC822") {
            return .body
        }
        if key.equalsIgnoringCase("BODY[HEADER]") || key.equalsIgnoringCase("RFC822.HEADER") { return .header }
        return key.prefix(5).equalsIgnoringCase("BODY[") || key.equalsIgnoringCase("RFC822.TEXT") ? [] : nil
    }

    /// `"FETCH" SP msg-att` from its parenthesis on.
    mutating func finishFetch(_ response: [UInt8], from start: Int, sequence: UInt32) throws(IMAPError) {
        var reader = IMAPReader(response, from: start)
        let values = try reader.values()
        guard values.count == 1, let items = values[0].list, items.count % 2 == 0 else {
            throw .malformed(response: response)
        }
        var fetched = IMAPFetched(sequence: sequence)
        for index in stride(from: 0, to: items.count, by: 2) {
            guard case .atom(let key) = items[index] else { throw .malformed(response: response) }
            guard try read(items[index + 1], of: key, into: &fetched, response) else {
                throw .malformed(response: response)
            }
        }
        if let content, let told = content.uid, told != fetched.uid { throw .malformed(response: response) }
        content = nil
        noteFetched(fetched)
        ready.append(.fetched(fetched))
    }

    /// Counts each message once: a server that repeats one makes no progress, and gains no time.
    private mutating func noteFetched(_ fetched: IMAPFetched) {
        if case .streamed = fetched.body {
            notePart(of: .uidFetchContent)  // the end of what was handed out piece by piece
        } else if fetched.body != .absent, told.insert(fetched.sequence) {
            notePart(of: .uidFetchContent)
        } else if fetched.body == .absent, outstanding.first?.request == .uidFetch, told.insert(fetched.sequence) {
            notePart(of: .uidFetch)
        }
    }

    /// Reads one item of a FETCH; items that we do not know are passed over.
    /// - Returns: `false` when the value does not fit the item.
    private mutating func read(
        _ value: IMAPValue, of key: [UInt8], into fetched: inout IMAPFetched, _ response: [UInt8]
    ) throws(IMAPError) -> Bool {
        if let items = Self.content(of: key) {
            guard !items.isEmpty else { throw .unsolicitedResponse(response) }
            return try readBody(value, items, into: &fetched, response)
        }
        if key.equalsIgnoringCase("UID") {
            guard let uid = value.nonZeroNumber, fetched.uid == nil || fetched.uid == uid else { return false }
            fetched.uid = uid
        } else if key.equalsIgnoringCase("FLAGS") {
            guard let flags = value.list else { return false }
            fetched.flags = flags.compactMap { $0.octets.map { String(decoding: $0, as: UTF8.self) } }
        } else if key.equalsIgnoringCase("RFC822.SIZE") {
            // A hint: one that can be no size is none.
            guard case .atom = value else { return false }
            fetched.size = value.number
        } else if key.equalsIgnoringCase("INTERNALDATE") {
            guard case .string(let date) = value else { return false }
            fetched.internalDate = date
        } else if key.equalsIgnoringCase("MODSEQ") {
            guard let number = value.list?.first?.number else { return false }
            fetched.modSeq = number
        }
        return true
    }

    private mutating func readBody(
        _ value: IMAPValue, _ items: IMAPItems, into fetched: inout IMAPFetched, _ response: [UInt8]
    ) throws(IMAPError) -> Bool {
        guard fetched.body == .absent else { return false }
        switch value {
        case .null: fetched.body = .null
        case .streamed(0), .string([]): fetched.body = .empty
        case .streamed(let octets): fetched.body = .streamed(octets: octets, contentFaults: decoder.contentFaults)
        case .string(let octets):
            // A short body may come quoted; it is content like any other.
            try allow(items, in: response)
            guard octets.count <= contentLimit else {
                throw .literalTooLarge(octets: octets.count, limit: contentLimit)
            }
            var lineEnds = LineEndDecoder()
            var file: [UInt8] = []
            lineEnds.decode(octets, in: 0..<octets.count, into: &file)
            lineEnds.finish(into: &file)
            ready.append(.contentBegin(sequence: fetched.sequence, uid: fetched.uid, octets: octets.count))
            ready.append(.content(file))
            fetched.body = .streamed(octets: octets.count, contentFaults: lineEnds.contentFaults)
        case .atom, .list: return false
        }
        return true
    }
}
