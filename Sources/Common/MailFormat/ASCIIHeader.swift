// Header fields beyond ASCII (RFC 6532) written in ASCII (RFC 2047, RFC 2231).

import Octets

/// Why a field cannot be written in ASCII.
public enum ASCIIHeaderError: Error, Hashable, Sendable, CustomStringConvertible {
    case notUTF8(field: String)
    /// An address whose local part is beyond ASCII has no other form.
    case address(field: String)
    /// A field that takes no encoded words where its text stands.
    case noEncoding(field: String)

    public var description: String {
        switch self {
        case .notUTF8(let field): "its \(field) field is not UTF-8"
        case .address(let field): "its \(field) field has an address beyond ASCII"
        case .noEncoding(let field): "its \(field) field has text beyond ASCII where none can be encoded"
        }
    }
}

extension HeaderSection {
    /// Whether an octet of it is beyond ASCII.
    public var isBeyondASCII: Bool { octets.contains { $0 >= 0x80 } }

    private static let addressFields: [StaticString] = [
        "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To",
        "Resent-Cc",
        "Resent-Bcc", "Mail-Followup-To", "Mail-Reply-To", "Disposition-Notification-To", "Return-Receipt-To",
        "Errors-To",
    ]
    private static let parameterFields: [StaticString] = ["Content-Type", "Content-Disposition"]
    /// Fields of machines, which have no text for people.
    private static let others: [StaticString] = [
        "Return-Path", "Delivered-To", "X-Original-To", "Apparently-To", "Message-ID", "References", "In-Reply-To",
        "Resent-Message-ID",
        "Date", "Resent-Date", "MIME-Version", "Content-Transfer-Encoding", "Content-ID", "DKIM-Signature", "Autocrypt",
        "List-Unsubscribe", "List-Post", "List-Help", "List-Archive", "List-Subscribe", "List-Owner",
    ]

    /// The edits after which it is ASCII; none where it is.
    /// - Parameter asciiDomain: a domain in A-labels (RFC 5890); `nil` for what is none.
    /// - Throws: ``ASCIIHeaderError`` for the first field that has no such form.
    public func asciiEdits(_ asciiDomain: (String) -> String?) throws(ASCIIHeaderError) -> [HeaderEdit] {
        var edits: [HeaderEdit] = []
        for field in fields where octets[field.whole].contains(where: { $0 >= 0x80 }) {
            let name = String(decoding: octets[field.name], as: UTF8.self)
            guard String(validating: octets[field.whole], as: UTF8.self) != nil else { throw .notUTF8(field: name) }
            func isOne(of names: [StaticString]) -> Bool { names.contains { isNamed(field, $0) } }
            if isOne(of: Self.addressFields) {
                edits += try asciiAddresses(of: field, name, asciiDomain)
            } else if isNamed(field, "Received") {
                edits += try asciiPaths(of: field, name, asciiDomain)
            } else if isOne(of: Self.parameterFields) {
                guard let body = ParameterEncoder.encoded(octets[field.body]) else { throw .noEncoding(field: name) }
                edits.append(HeaderEdit(range: field.body, octets: body))
            } else {
                guard !isOne(of: Self.others), octets[field.name].allSatisfy({ $0 < 0x80 }) else {
                    throw .noEncoding(field: name)
                }
                let text = EncodedText.encoded(octets[field.body], behind: field.name.count + 1)
                edits.append(HeaderEdit(range: field.body, octets: text))
            }
        }
        return edits
    }

    /// Of a trace field (RFC 5321 §4.4), which may say for whom a message came in.
    private func asciiPaths(
        of field: HeaderField, _ name: String, _ asciiDomain: (String) -> String?
    ) throws(ASCIIHeaderError) -> [HeaderEdit] {
        var edits: [HeaderEdit] = []
        var at = field.body.lowerBound
        while let odd = octets[at..<field.body.upperBound].firstIndex(where: { $0 >= 0x80 }) {
            guard let open = octets[at..<odd].lastIndex(of: 0x3C),
                let end = octets[odd..<field.body.upperBound].firstIndex(of: 0x3E),
                let address = try? Address(parsing: octets[(open + 1)..<end])
            else { throw .noEncoding(field: name) }
            guard address.localPart.utf8.allSatisfy({ $0 < 0x80 }), let domain = address.domain.flatMap(asciiDomain),
                let new = try? Address(localPart: address.localPart, domain: domain)
            else { throw .address(field: name) }
            edits.append(HeaderEdit(range: (open + 1)..<end, octets: Array("\(new)".utf8)))
            at = end
        }
        return edits
    }

    private func asciiAddresses(
        of field: HeaderField, _ name: String, _ asciiDomain: (String) -> String?
    ) throws(ASCIIHeaderError) -> [HeaderEdit] {
        var edits: [HeaderEdit] = []
        var isInAddress = false
        do throws(AddressListError) {
            let list = try AddressList(parsing: octets, in: field.body)
            for mailbox in list.mailboxes {
                if let range = mailbox.displayNameRange, octets[range].contains(where: { $0 >= 0x80 }) {
                    let text = EncodedWords.decode(mailbox.displayName ?? [])
                    edits.append(HeaderEdit(range: range, octets: Array(EncodedWords.encode(text).utf8)))
                }
                guard octets[mailbox.addressRange].contains(where: { $0 >= 0x80 }) else { continue }
                let address = mailbox.address
                guard address.localPart.utf8.allSatisfy({ $0 < 0x80 }),
                    let domain = address.domain.flatMap(asciiDomain),
                    let new = try? Address(localPart: address.localPart, domain: domain)
                else {
                    isInAddress = true
                    continue
                }
                edits.append(HeaderEdit(range: mailbox.addressRange, octets: Array("\(new)".utf8)))
            }
        } catch {
            throw .noEncoding(field: name)
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        let made = octets(in: field.body, with: edits)
        guard made.contains(where: { $0 >= 0x80 }) else { return edits }
        // In an address, or elsewhere, as in a comment or the name of a group.
        throw isInAddress ? .address(field: name) : .noEncoding(field: name)
    }
}

/// The text of an unstructured field (RFC 5322 §2.2.1) with encoded words where it is beyond ASCII.
private enum EncodedText {
    /// RFC 2047 §2: of a line with encoded words.
    private static let lineLimit = 76

    /// - Parameter column: octets of the field before its body.
    static func encoded(_ body: ArraySlice<UInt8>, behind column: Int) -> [UInt8] {
        var made: [UInt8] = []
        var column = column
        let words = runs(of: body)
        var at = 0
        func isBlank(_ index: Int) -> Bool { words[index].first.map(Self.isBlank) ?? false }
        func isForeign(_ index: Int) -> Bool { words[index].contains { $0 >= 0x80 } }
        func isEncoded(_ index: Int) -> Bool {
            words.indices.contains(index) && words[index].starts(with: "=?".utf8)
                && words[index].suffix(2).elementsEqual("?=".utf8)
        }
        func add(_ octets: some Collection<UInt8>) {
            made += octets
            let tail = octets.reversed().prefix { $0 != Octet.lf }.count
            column = tail < octets.count ? tail : column + octets.count
        }
        while at < words.count {
            guard !isBlank(at), isForeign(at) else {
                add(words[at])
                at += 1
                continue
            }
            // Words beyond ASCII with nothing but blanks between them are one text.
            var end = at + 1
            while end + 1 < words.count, isForeign(end + 1) { end += 2 }
            var text = words[at..<end].flatMap { $0 }.filter { $0 != Octet.lf && $0 != Octet.cr }
            // Blanks between two encoded words mean nothing (RFC 2047 §6.2): they go into ours.
            if isEncoded(at - 2) { text.insert(Octet.space, at: 0) }
            if isEncoded(end + 1) { text.append(Octet.space) }
            let encoded = Array(EncodedWords.encode(String(decoding: text, as: UTF8.self)).utf8)
            let first = encoded.prefix { $0 != Octet.lf }.count
            if column + first > lineLimit, let last = made.last, Self.isBlank(last) {
                // A run of blanks becomes the fold: one that was left over could look like the end of the header.
                while let last = made.last, Self.isBlank(last) { made.removeLast() }
                made += [Octet.lf, Octet.space]
                column = 1
            }
            add(encoded)
            at = end
        }
        return made
    }

    private static func isBlank(_ octet: UInt8) -> Bool {
        [Octet.space, Octet.tab, Octet.lf, Octet.cr].contains(octet)
    }

    /// Runs of blanks, line ends among them, and of other octets, in turn.
    private static func runs(of body: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var runs: [ArraySlice<UInt8>] = []
        var start = body.startIndex
        for at in body.indices.dropFirst() where isBlank(body[at]) != isBlank(body[at - 1]) {
            runs.append(body[start..<at])
            start = at
        }
        if start < body.endIndex { runs.append(body[start...]) }
        return runs
    }
}

/// The body of Content-Type or Content-Disposition with parameters beyond ASCII as RFC 2231 §4 has them.
private enum ParameterEncoder {
    /// - Returns: `nil` where something beyond ASCII is no plain parameter.
    static func encoded(_ body: ArraySlice<UInt8>) -> [UInt8]? {
        var made: [UInt8] = []
        for (index, part) in parts(of: body).enumerated() {
            if index > 0 { made.append(0x3B) }
            guard part.contains(where: { $0 >= 0x80 }) else {
                made += part
                continue
            }
            guard index > 0, let equals = part.firstIndex(of: 0x3D) else { return nil }
            let name = trimmed(part[..<equals])
            let value = trimmed(part[(equals + 1)...])
            guard !name.isEmpty, name.allSatisfy({ $0 > 0x20 && $0 < 0x7F && ![0x2A, 0x28, 0x22].contains($0) }),
                let text = unquoted(value)
            else { return nil }
            made += [Octet.lf, Octet.space] + name + Array("*=UTF-8''".utf8)
            for octet in text {
                if Octet.isDigit(octet) || (0x61...0x7A).contains(Octet.lowercased(octet))
                    || [0x2D, 0x2E, 0x5F].contains(octet)
                {
                    made.append(octet)
                } else {
                    made +=
                        Array((octet < 16 ? "%0" : "%").utf8) + Array(String(octet, radix: 16, uppercase: true).utf8)
                }
            }
        }
        return made
    }

    /// What stands between semicolons outside of quotes.
    private static func parts(of body: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var start = body.startIndex
        var at = start
        var isQuoted = false
        while at < body.endIndex {
            switch body[at] {
            case 0x5C where isQuoted: at += 1
            case 0x22: isQuoted.toggle()
            case 0x3B where !isQuoted:
                parts.append(body[start..<at])
                start = at + 1
            default: break
            }
            at += 1
        }
        return parts + [body[start...]]
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let blanks = [Octet.space, Octet.tab, Octet.lf, Octet.cr]
        var text = text
        while let first = text.first, blanks.contains(first) { text.removeFirst() }
        while let last = text.last, blanks.contains(last) { text.removeLast() }
        return text
    }

    /// A value without its quotes; `nil` where there is more than one word.
    private static func unquoted(_ value: ArraySlice<UInt8>) -> [UInt8]? {
        guard value.first == 0x22 else {
            return value.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x28 } ? nil : Array(value)
        }
        var text: [UInt8] = []
        var at = value.startIndex + 1
        while at < value.endIndex, value[at] != 0x22 {
            if value[at] == 0x5C, at + 1 < value.endIndex { at += 1 }
            if value[at] != Octet.lf, value[at] != Octet.cr { text.append(value[at]) }
            at += 1
        }
        return at == value.endIndex - 1 ? text : nil
    }
}
