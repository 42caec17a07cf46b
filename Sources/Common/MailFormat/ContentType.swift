// Content-Type and Content-Transfer-Encoding of a part (RFC 2045 §5, §6).

import Octets

/// A media type with its parameters.
public struct ContentType: Sendable, Hashable {
    public let type: MediaType
    /// Names in lower case, values without quotes.
    private var parameters: [String: [UInt8]] = [:]

    /// Parameters of one field at most.
    static let parameterLimit = 100

    /// Reads the body of a Content-Type field. What stands behind the first parameter that cannot be read is passed over.
    /// - Returns: `nil` for what is no media type, and where a parameter stands twice: readers disagree about such.
    public init?(field body: some Sequence<UInt8>) {
        let octets = Array(body)
        guard let type = MediaType(field: octets) else { return nil }
        self.type = type
        var scanner = ParameterScanner(octets)
        while parameters.count < Self.parameterLimit, let (name, value) = scanner.next() {
            guard parameters.updateValue(value, forKey: name) == nil else { return nil }
        }
    }

    public subscript(name: String) -> [UInt8]? { parameters[name] }

    /// What separates the parts of a multipart (RFC 2046 §5.1.1); `nil` where none is named, or none that can be.
    public var boundary: [UInt8]? {
        guard let boundary = parameters["boundary"], (1...70).contains(boundary.count), boundary.last != Octet.space,
            boundary.allSatisfy({ (0x20...0x7E).contains($0) })
        else { return nil }
        return boundary
    }
}

/// How the octets of a part are written (RFC 2045 §6).
public enum TransferEncoding: String, Sendable, Hashable {
    case sevenBit = "7bit"
    case eightBit = "8bit"
    case binary
    case quotedPrintable = "quoted-printable"
    case base64

    /// - Returns: `nil` for one that is not known.
    init?(field body: some Sequence<UInt8>) {
        let text = body.filter { ![Octet.space, Octet.tab, Octet.lf, Octet.cr].contains($0) }.map(Octet.lowercased)
        self.init(rawValue: String(decoding: text.prefix(32), as: UTF8.self))
    }

    /// Whether the octets are what they stand for.
    public var isIdentity: Bool {
        switch self {
        case .sevenBit, .eightBit, .binary: true
        case .quotedPrintable, .base64: false
        }
    }
}

/// `; attribute = value` (RFC 2045 §5.1), with comments and white space in between.
private struct ParameterScanner {
    private let octets: [UInt8]
    private var at = 0

    init(_ octets: [UInt8]) { self.octets = octets }

    mutating func next() -> (name: String, value: [UInt8])? {
        guard skip(to: 0x3B) else { return nil }
        at += 1
        skipBlanks()
        let name = token(isValue: false)
        skipBlanks()
        guard !name.isEmpty, at < octets.count, octets[at] == 0x3D else { return at < octets.count ? next() : nil }
        at += 1
        skipBlanks()
        let value = at < octets.count && octets[at] == 0x22 ? quoted() : token(isValue: true)
        return (String(decoding: name.map(Octet.lowercased), as: UTF8.self), value)
    }

    /// Goes on to `octet`, outside of comments and quotes.
    private mutating func skip(to octet: UInt8) -> Bool {
        while at < octets.count, octets[at] != octet {
            switch octets[at] {
            case 0x28: skipComment()
            case 0x22: _ = quoted()
            default: at += 1
            }
        }
        return at < octets.count
    }

    private mutating func skipBlanks() {
        while at < octets.count {
            switch octets[at] {
            case Octet.space, Octet.tab, Octet.lf, Octet.cr: at += 1
            case 0x28: skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() {
        var depth = 0
        while at < octets.count {
            switch octets[at] {
            case 0x5C: at += 1
            case 0x28: depth += 1
            case 0x29: depth -= 1
            default: break
            }
            at += 1
            if depth == 0 { return }
        }
        at = min(at, octets.count)  // a backslash may have been the last
    }

    /// RFC 2045 forbids specials in a token; boundaries without quotes hold them all the same, an equals sign among them.
    private mutating func token(isValue: Bool) -> [UInt8] {
        let start = at
        scan: while at < octets.count {
            switch octets[at] {
            case ...0x20, 0x7F..., 0x3B, 0x28, 0x29, 0x22: break scan
            case 0x3D where !isValue: break scan
            default: at += 1
            }
        }
        return Array(octets[start..<at])
    }

    private mutating func quoted() -> [UInt8] {
        var value: [UInt8] = []
        at += 1
        while at < octets.count, octets[at] != 0x22 {
            if octets[at] == 0x5C, at + 1 < octets.count { at += 1 }
            // Folding is none of the value.
            if octets[at] != Octet.lf, octets[at] != Octet.cr { value.append(octets[at]) }
            at += 1
        }
        at += 1
        return value
    }
}
