// How an IMAP client reads responses: status, completions, continuations, mailbox data (RFC 3501 §7).

import Octets

extension IMAPClient {
    /// Takes one line: a whole response, or the part of one up to a literal.
    mutating func take(_ line: [UInt8]) throws(IMAPError) {
        if line.firstIndex(of: Octet.nul, in: 0..<line.count) != nil { throw .malformed(response: line) }
        guard response.isEmpty else { return try takeData(line) }
        if line.first == 0x2B { return try continuation(line) }
        guard line.starts(with: [0x2A, Octet.space]) else { return try completion(line) }
        if let status = IMAPStatus(line[2...]) { return try untagged(status, line) }
        guard state != .greeting else { throw .malformed(response: line) }
        literals = 0
        content = nil
        try takeData(line)
    }

    /// `"+" SP (resp-text / base64)`
    private mutating func continuation(_ line: [UInt8]) throws(IMAPError) {
        guard let request = outstanding.last?.request else { throw .unsolicitedResponse(line) }
        progress += 1
        if !unsent.isEmpty, !proceedIsOpen {
            proceedIsOpen = true
            ready.append(.proceed)
        } else if request == .authenticate, !challengeIsOpen, unsent.isEmpty {
            challenges += 1
            guard challenges <= Self.challengeLimit else {
                throw .tooMany(what: "challenges", limit: Self.challengeLimit)
            }
            guard let challenge = Base64.decode(line.dropFirst().drop { $0 == Octet.space }) else {
                throw .malformed(response: line)
            }
            challengeIsOpen = true
            ready.append(.challenge(challenge))
        } else if request == .append, appending?.isOpen == false {
            appending?.isOpen = true
            ready.append(.proceed)
        } else if request == .idle, !isIdling {
            isIdling = true
            ready.append(.idling)
        } else {
            throw .unsolicitedResponse(line)
        }
    }

    /// `"*" SP resp-cond-state`
    private mutating func untagged(_ status: IMAPStatus, _ line: [UInt8]) throws(IMAPError) {
        note(status.code)
        if state == .greeting {
            progress += 1
            switch status.condition {
            case .ok:
                state = .notAuthenticated
                ready.insert(.greeting(status), at: 0)
            case .preauth:
                state = .authenticated
                ready.insert(.preauthenticated(status), at: 0)
            case .bye:
                state = .closed
                ready.append(.bye(status))
            case .no, .bad: throw .malformed(response: line)
            }
            return
        }
        switch status.condition {
        case .preauth: throw .malformed(response: line)
        case .bye: ready.append(.bye(status))
        case .ok, .no, .bad: if try !fold(status.code) { ready.append(.notice(status)) }
        }
    }

    /// Keeps what a response code tells about the server.
    private mutating func note(_ code: IMAPCode?) {
        if case .capability(let told) = code { noteCapabilities(told) }
    }

    private mutating func noteCapabilities(_ told: IMAPCapabilities) {
        capabilities = told
        capabilitiesAreOld = false
        ready.append(.capabilities(told))
    }

    /// Keeps what a response code tells about the mailbox that is being selected.
    /// - Returns: whether it told anything about it.
    private mutating func fold(_ code: IMAPCode?) throws(IMAPError) -> Bool {
        guard let code else { return false }
        if case .uidValidity(let value) = code, selecting == nil, let validity, value != validity {
            throw .renumbered(from: validity, to: value)
        }
        guard selecting != nil else { return false }
        switch code {
        case .uidValidity(let value): selecting?.uidValidity = value
        case .uidNext(let value): selecting?.uidNext = value
        case .uidNotSticky: selecting?.hasStickyUIDs = false
        case .highestModSeq(let value): selecting?.highestModSeq = value
        case .noModSeq: selecting?.highestModSeq = nil
        case .readOnly: selecting?.isReadOnly = true
        case .readWrite: selecting?.isReadOnly = false
        case .permanentFlags(let flags): selecting?.permanentFlags = flags
        default: return false
        }
        return true
    }

    /// `tag SP resp-cond-state`
    private mutating func completion(_ line: [UInt8]) throws(IMAPError) {
        guard let space = line.firstIndex(of: Octet.space),
            let index = outstanding.firstIndex(where: { $0.tag.elementsEqual(line[..<space]) })
        else { throw .unsolicitedResponse(line) }
        guard let status = IMAPStatus(line[(space + 1)...]), status.condition != .bye, status.condition != .preauth
        else {
            throw .malformed(response: line)
        }
        let request = outstanding.remove(at: index).request
        progress += 1
        if index == 0 {
            hasParts = false
            told = NumbersTold()
        }
        let isLast = index == outstanding.count
        let isOK = status.condition == .ok
        if isLast {
            guard !isOK || (unsent.isEmpty && !challengeIsOpen && appending == nil) else {
                throw .malformed(response: line)  // accepted before it was sent all of it
            }
            unsent = []
            proceedIsOpen = false
            challengeIsOpen = false
            isIdling = false
            appending = nil
        }
        if isOK, request == .startTLS {
            guard lines.isEmpty else { throw .injectionAfterSTARTTLS }
            capabilities = nil
            state = .handshake
            return ready.append(.startTLSReady)  // its capability code, if any, was told in clear text
        }
        note(status.code)
        try settle(request, status, isOK: isOK)
        if isOK, request == .compress {
            state = .switching
            return ready.append(.compressionReady)
        }
        ready.append(.done(request, status))
    }

    private mutating func settle(
        _ request: IMAPRequest, _ status: IMAPStatus, isOK: Bool
    ) throws(IMAPError) {
        switch request {
        case .login, .authenticate:
            guard isOK else { break }
            state = .authenticated
            if capabilitiesAreOld { capabilities = nil }
        case .select:
            _ = try fold(status.code)
            if isOK, let selecting { ready.append(.selected(selecting)) }
            validity = isOK ? selecting?.uidValidity : nil
            selecting = nil
        case .logout: if isOK { state = .closed }
        default: break
        }
    }

    /// Reads a complete data response; a kind that we do not know is passed over.
    mutating func finish(_ response: [UInt8]) throws(IMAPError) {
        let words = response[2...].split(separator: Octet.space, maxSplits: 2, omittingEmptySubsequences: false)
        if words.count >= 2, let number = Decimal.value(of: words[0]).flatMap({ UInt32(exactly: $0) }) {
            if words[1].equalsIgnoringCase("EXISTS") {
                if selecting != nil { selecting?.messages = Int(number) } else { ready.append(.exists(Int(number))) }
            } else if words[1].equalsIgnoringCase("EXPUNGE") {
                notePart(of: .uidExpunge, .uidMove)
                ready.append(.expunged(number))
            } else if words[1].equalsIgnoringCase("FETCH"), words.count == 3 {
                try finishFetch(response, from: words[2].startIndex, sequence: number)
            }
        } else if words[0].equalsIgnoringCase("CAPABILITY") {
            noteCapabilities(IMAPCapabilities(words.dropFirst().flatMap { $0.split(separator: Octet.space) }))
        } else if words[0].equalsIgnoringCase("LIST"), words.count >= 2 {
            try finishList(response, from: words[1].startIndex)
        } else if words[0].equalsIgnoringCase("ESEARCH") {
            try finishESearch(response, from: words.count >= 2 ? words[1].startIndex : response.endIndex)
        }
    }

    /// `["(" "TAG" SP tag-string ")"] [SP "UID"] *(SP search-return-data)`: how IMAP4rev2 answers SEARCH (RFC 9051 §7.3.4).
    private mutating func finishESearch(_ response: [UInt8], from start: Int) throws(IMAPError) {
        var reader = IMAPReader(response, from: start)
        var values = try reader.values()[...]
        if let correlator = values.first?.list {
            guard correlator.count == 2, correlator[0].octets?.equalsIgnoringCase("TAG") == true,
                let tag = correlator[1].octets
            else { throw .malformed(response: response) }
            guard outstanding.contains(where: { $0.tag == tag && $0.request == .uidSearch }) else {
                throw .unsolicitedResponse(response)
            }
            values = values.dropFirst()
        }
        guard outstanding.contains(where: { $0.request == .uidSearch }) else { throw .unsolicitedResponse(response) }
        // Without the word these are message sequence numbers, which nobody asked for.
        guard values.first?.octets?.equalsIgnoringCase("UID") == true else { throw .malformed(response: response) }
        values = values.dropFirst()
        while let name = values.popFirst() {
            guard let value = values.popFirst() else { throw .malformed(response: response) }
            guard name.octets?.equalsIgnoringCase("ALL") == true else { continue }
            guard let octets = value.octets, let uids = UIDSet(parsing: octets[...]),
                uids.ranges.last?.upperBound != .max
            else { throw .malformed(response: response) }
            guard uids.count <= SearchReader.limit else {
                throw .tooMany(what: "search results", limit: SearchReader.limit)
            }
            notePart(of: .uidSearch)
            ready.append(.searchResult(uids.ranges.flatMap { Array($0) }))
        }
    }

    /// `"(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox`
    private mutating func finishList(_ response: [UInt8], from start: Int) throws(IMAPError) {
        var reader = IMAPReader(response, from: start, hasSections: false)
        let values = try reader.values()
        guard values.count >= 3, let attributes = values[0].list, let name = values[2].name else {
            throw .malformed(response: response)
        }
        var delimiter: UInt8?
        switch values[1] {
        case .null: break
        case .string(let octets) where octets.count == 1: delimiter = octets[0]
        default: throw .malformed(response: response)
        }
        let words = attributes.compactMap { $0.octets.map { String(decoding: $0, as: UTF8.self) } }
        notePart(of: .list)
        ready.append(.mailbox(IMAPMailbox(name: .init(encoded: name), delimiter: delimiter, attributes: words)))
    }
}
