// Which places of a message are written anew so that a server can take it that takes less than others.

import Octets

/// Why a message cannot be written anew.
public enum ReencodingError: Error, Hashable, Sendable, CustomStringConvertible {
    case sealed
    /// Its structure cannot be read for sure.
    case unreadable(String)
    case header(ASCIIHeaderError)

    public var description: String {
        switch self {
        case .sealed: "a part of it is signed or encrypted, and would be broken"
        case .unreadable(let what): "\(what), so that its parts are not known for sure"
        case .header(let error): "\(error)"
        }
    }
}

/// The places of a message that are written anew, in order.
public struct MessageReencoding: Sendable, Hashable {
    public enum New: Sendable, Hashable {
        case octets([UInt8])
        case encoded(BodyEncoder.Form)
    }

    /// Lines longer than this are nothing that SMTP carries (RFC 5321 §4.5.3.1.6, the line end not counted).
    public static let lineLimit = 998

    /// In octets of the message in file form.
    public private(set) var places: [(range: Range<Int>, new: New)] = []

    public static func == (one: MessageReencoding, other: MessageReencoding) -> Bool {
        one.places.elementsEqual(other.places) { $0.range == $1.range && $0.new == $1.new }
    }

    public func hash(into hasher: inout Hasher) {
        for place in places { hasher.combine(place.range) }
    }

    /// Bodies that have lines which are too long or, where `sevenBit` is asked, octets beyond ASCII.
    /// - Parameters:
    ///   - isSevenBit: whether nothing beyond ASCII may be left anywhere.
    ///   - asciiDomain: as for ``HeaderSection/asciiEdits(_:)``.
    ///   - isUTF8: whether the octets of a range are UTF-8; asked for a body of which nothing says what it is.
    /// - Throws: ``ReencodingError``, and what `isUTF8` throws.
    public init(
        of structure: MIMEStructure, isSevenBit: Bool, _ asciiDomain: (String) -> String?,
        isUTF8: (Range<Int>) throws -> Bool
    ) throws {
        guard structure.isWhole else { throw ReencodingError.unreadable("it has more parts than are read") }
        for part in structure.parts {
            guard !part.isSealed else { throw ReencodingError.sealed }
            // The message itself, or one within.
            let isMessage = part.parent.map { structure.parts[$0].kind == .message } ?? true
            guard !isMessage || !part.header.isSigned else { throw ReencodingError.sealed }
            try add(part, isMessage: isMessage, isSevenBit, asciiDomain, isUTF8)
        }
    }

    private mutating func add(
        _ part: MIMEPart, isMessage: Bool, _ isSevenBit: Bool, _ asciiDomain: (String) -> String?,
        _ isUTF8: (Range<Int>) throws -> Bool
    ) throws {
        var edits: [HeaderEdit] = []
        if isSevenBit {
            do throws(ASCIIHeaderError) { edits = try part.header.asciiEdits(asciiDomain) } catch {
                throw ReencodingError.header(error)
            }
        }
        let form = try form(of: part, isSevenBit)
        var added = ""
        if let form {
            guard part.header.end == .blankLine else {
                throw ReencodingError.unreadable("a line of its header is no field")
            }
            let name = form == .base64 || form == .base64Anew ? "base64" : "quoted-printable"
            if form == .base64 || form == .quotedPrintable {
                if isMessage {
                    if part.header.first("MIME-Version") == nil { added += "MIME-Version: 1.0\n" }
                    if part.facts.has8Bit, part.header.first("Content-Type") == nil {
                        let charset = try isUTF8(part.bodyStart..<part.bodyEnd) ? "utf-8" : "unknown-8bit"
                        added += "Content-Type: text/plain; charset=\(charset)\n"
                    }
                }
                edits += part.encodingEdits(name)
                if part.header.first("Content-Transfer-Encoding") == nil {
                    added += "Content-Transfer-Encoding: \(name)\n"
                }
            }
        } else if isSevenBit, part.kind != .leaf, part.encoding?.isIdentity == true, part.encoding != .sevenBit {
            // What holds others says that all of them are 7-bit now (RFC 2045 §6.4).
            edits += part.encodingEdits("7bit")
        }
        if !edits.isEmpty || !added.isEmpty {
            edits.sort { $0.range.lowerBound < $1.range.lowerBound }
            let old = part.header.octets
            var new = part.header.octets(in: old.indices, with: edits)
            if !added.isEmpty, let last = new.last, last != Octet.lf { new.append(Octet.lf) }
            places.append((part.headerStart..<(part.headerStart + old.count), .octets(new + Array(added.utf8))))
        }
        if let form { places.append((part.bodyStart..<part.bodyEnd, .encoded(form))) }
    }

    /// How the body of a part is to be written; `nil` for as it is.
    private func form(of part: MIMEPart, _ isSevenBit: Bool) throws(ReencodingError) -> BodyEncoder.Form? {
        let isTooLong = part.facts.longestLine > Self.lineLimit
        let isTooWide = isSevenBit && part.facts.has8Bit
        switch part.kind {
        case .multipart(_, let isClosed):
            guard isClosed else { throw .unreadable("a part of it has no end") }
            // What stands between the parts is nobody's text.
            guard !isTooWide else { throw .unreadable("text beyond ASCII stands outside of its parts") }
            return nil
        case .message: return nil
        case .leaf: break
        }
        guard part.isReadable, let encoding = part.encoding else {
            throw .unreadable("the type of a part cannot be read")
        }
        guard isTooLong || isTooWide else { return nil }
        let type = part.type.type.text
        // RFC 2046 §5.2: of such none but those that hold a message may be encoded, and these are entered.
        guard !type.hasPrefix("message/") else { throw .unreadable("a part of the type \(type) may not be encoded") }
        switch encoding {
        case .quotedPrintable: return .quotedPrintableAnew
        case .base64:
            guard !isTooWide else { throw .unreadable("a part is said to be base64, and is not") }
            return .base64Anew
        case .sevenBit, .eightBit, .binary:
            return type.hasPrefix("text/") && part.facts.unprintable * 6 <= part.facts.octets
                ? .quotedPrintable : .base64
        }
    }
}

extension MIMEPart {
    /// The edit of its Content-Transfer-Encoding field, where it has one.
    fileprivate func encodingEdits(_ name: String) -> [HeaderEdit] {
        header.first("Content-Transfer-Encoding").map { [header.replacement(of: $0, by: Array(name.utf8))] } ?? []
    }
}
