// The grammar of address lists over tokens: one item is held at a time, so that time stays linear.

import Octets

struct AddressListParser {
    private var tokens: AddressTokenizer
    private let octets: [UInt8]
    private var list = AddressList()
    /// Tokens since the last comma: a display name until `<`, an address if none comes.
    private var item: [AddressToken] = []
    /// Tokens between `<` and `>`; `nil` before `<`.
    private var angle: [AddressToken]?
    private var angleClosed = false
    private var lastComment: Range<Int>?
    private var broken = false
    private var isInGroup = false
    private var extent: Range<Int>?

    init(octets: [UInt8], range: Range<Int>) {
        self.octets = octets
        tokens = AddressTokenizer(octets: octets, range: range)
    }

    mutating func parse() throws(AddressListError) -> AddressList {
        while let token = try tokens.next() {
            switch token.kind {
            case .comment:
                lastComment = token.range
            case .broken:
                broken = true
                extend(token)
            case .special(let sign):
                try take(sign, token)
            case .atom, .quotedString, .domainLiteral:
                put(token)
            }
        }
        try endItem()
        return list
    }

    private mutating func take(_ sign: UInt8, _ token: AddressToken) throws(AddressListError) {
        switch sign {
        case 0x3C:  // <
            if angle != nil { broken = true }
            extend(token)
            angle = []
        case 0x3E:  // >
            if angle == nil || angleClosed { broken = true }
            extend(token)
            angleClosed = true
        case 0x2C:  // ,  which inside <> belongs to a source route
            if isInRoute { put(token) } else { try endItem() }
        case 0x3A:  // :  which inside <> ends a source route and elsewhere begins a group
            if angle != nil {
                put(token)
            } else if isGroupName {
                list.hasGroup = true
                isInGroup = true
                startItem()
            } else {
                // What stands before it may be meant as an address, so nothing of it is passed over.
                extend(token)
                broken = true
            }
        case 0x3B:  // ;
            try endItem()
            isInGroup = false
        default:  // @ .
            put(token)
        }
    }

    /// Whether the item names a group: display-name ":" (RFC 5322 §3.4), where display-name = phrase = word *(word /
    /// "."). Groups hold no groups.
    private var isGroupName: Bool {
        guard !isInGroup, !broken, let first = item.first, first.kind != .special(Octet.dot) else { return false }
        return item.allSatisfy { $0.kind == .atom || $0.kind == .quotedString || $0.kind == .special(Octet.dot) }
    }

    private var isInRoute: Bool {
        guard let angle, !angleClosed else { return false }
        return angle.isEmpty || angle[0].kind == .special(0x40)
    }

    private mutating func put(_ token: AddressToken) {
        extend(token)
        if angleClosed {
            broken = true
        } else if angle != nil {
            angle?.append(token)
        } else {
            item.append(token)
        }
    }

    private mutating func extend(_ token: AddressToken) {
        extent = (extent?.lowerBound ?? token.range.lowerBound)..<token.range.upperBound
    }

    private mutating func startItem() {
        item.removeAll(keepingCapacity: true)
        angle = nil
        angleClosed = false
        lastComment = nil
        broken = false
        extent = nil
    }

    private mutating func endItem() throws(AddressListError) {
        defer { startItem() }
        guard let whole = extent else { return }  // empty members are obsolete, and common
        guard list.mailboxes.count + list.faults.count < AddressList.countLimit else {
            throw .tooManyAddresses(limit: AddressList.countLimit)
        }
        do throws(AddressError) {
            list.mailboxes.append(try mailbox(whole))
        } catch {
            list.faults.append(AddressList.Fault(range: whole, error: error))
        }
    }

    /// mailbox = name-addr / addr-spec
    private func mailbox(_ whole: Range<Int>) throws(AddressError) -> AddressList.Mailbox {
        guard !broken, angle == nil || angleClosed else { throw .notAnAddress }
        let spec = try angle.map { tokens throws(AddressError) in try withoutRoute(tokens) } ?? item[...]
        let address = try addressSpec(spec)
        guard let first = spec.first, let last = spec.last else { throw .empty }
        var name: [UInt8]?
        var nameRange: Range<Int>?
        if angle != nil, let first = item.first, let last = item.last {
            guard isName(item, of: address) else { throw .notAnAddress }
            name = phrase(item)
            nameRange = first.range.lowerBound..<last.range.upperBound
        } else if let lastComment {
            name = AddressTokenizer.content(of: octets, lastComment)
        }
        return AddressList.Mailbox(
            address: address, addressRange: first.range.lowerBound..<last.range.upperBound, displayName: name,
            displayNameRange: nameRange, whole: whole)
    }

    /// Whether `tokens` before an angle bracket name nobody but `address`. A name that is itself an address, without
    /// quotes, is no phrase (RFC 5322 §3.2.5): some readers take it for the author, so that `b@x <c@y>` is not the same
    /// person to all. The same address twice is common, and harmless.
    private func isName(_ tokens: [AddressToken], of address: Address) -> Bool {
        let isPlain = tokens.allSatisfy { token in
            switch token.kind {
            case .special(0x40), .domainLiteral: false
            default: true
            }
        }
        if isPlain { return true }
        do throws(AddressError) {
            let named = try addressSpec(tokens[...])
            return named.localPart == address.localPart && named.domain?.lowercased() == address.domain?.lowercased()
        } catch {
            return false
        }
    }

    /// obs-route = obs-domain-list ":"; the route is passed over (RFC 5321 appendix C).
    private func withoutRoute(_ tokens: [AddressToken]) throws(AddressError) -> ArraySlice<AddressToken> {
        guard let first = tokens.first else { throw .empty }
        guard first.kind == .special(0x40) else { return tokens[...] }
        guard let colon = tokens.firstIndex(where: { $0.kind == .special(0x3A) }) else { throw .notAnAddress }
        // obs-domain-list = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]): nothing in it is a recipient.
        for hop in tokens[..<colon].split(whereSeparator: { $0.kind == .special(0x2C) }) {
            guard hop.first?.kind == .special(0x40) else { throw .notAnAddress }
            _ = try joined(hop.dropFirst(), domain: true)
        }
        return tokens[(colon + 1)...]
    }

    /// addr-spec = local-part "@" domain, or a local part alone; white space and comments may stand between the parts.
    private func addressSpec(_ tokens: ArraySlice<AddressToken>) throws(AddressError) -> Address {
        guard !tokens.isEmpty else { throw .empty }
        let at = tokens.lastIndex { $0.kind == .special(0x40) }
        let local = try joined(tokens[..<(at ?? tokens.endIndex)], domain: false)
        guard let at else { return try Address(localPart: local, domain: nil) }
        return try Address(localPart: local, domain: try joined(tokens[(at + 1)...], domain: true))
    }

    /// Words and dots, joined; two words in a row are neither a local part nor a domain.
    private func joined(_ tokens: ArraySlice<AddressToken>, domain: Bool) throws(AddressError) -> String {
        var text: [UInt8] = []
        var afterWord = false
        for token in tokens {
            let isDot = token.kind == .special(Octet.dot)
            if afterWord, !isDot { throw domain ? .badDomain : .badLocalPart }
            switch token.kind {
            case .atom: text += octets[token.range]
            case .special(Octet.dot): text.append(Octet.dot)
            case .quotedString where !domain: text += AddressTokenizer.content(of: octets, token.range)
            case .domainLiteral where domain: text += octets[token.range]
            default: throw domain ? .badDomain : .badLocalPart
            }
            afterWord = !isDot
        }
        guard let text = String(validating: text, as: UTF8.self) else { throw .forbiddenCharacter }
        return text
    }

    /// phrase = 1*word / obs-phrase: words separated by one space, dots where they stood.
    private func phrase(_ tokens: [AddressToken]) -> [UInt8] {
        var text: [UInt8] = []
        var previousEnd: Int?
        for token in tokens {
            if let previousEnd, token.range.lowerBound > previousEnd { text.append(Octet.space) }
            text +=
                token.kind == .quotedString
                ? AddressTokenizer.content(of: octets, token.range) : Array(octets[token.range])
            previousEnd = token.range.upperBound
        }
        return text
    }
}
