// Foreign text that may stand in an envelope or a journal: it cannot hold what ends a line.

/// Text of at most ``limit`` octets without control characters; whoever holds one may write it on a line.
public struct EnvelopeText: Sendable, Hashable, CustomStringConvertible {
    /// RFC 3461 §5.4 bounds ENVID and ORCPT by 500 characters of xtext; ours is wider.
    public static let limit = 1000

    public let description: String

    /// - Throws: ``QueueError/textRefused(what:why:)`` for CR, LF, NUL, any other control character, or undue length.
    public init(_ text: String) throws(QueueError) {
        guard text.utf8.count <= Self.limit else {
            throw .textRefused(what: "a text", why: "it is longer than \(Self.limit) octets")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw .textRefused(what: "a text", why: "it holds a control character")
        }
        description = text
    }

    /// `text` with each control character as a blank, cut to the limit: for replies of peers.
    public init(cleaning text: String, limit: Int = EnvelopeText.limit) {
        let limit = min(limit, Self.limit)
        var clean = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let control = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            let width = control ? 1 : UTF8.width(scalar)
            guard count + width <= limit else { break }
            count += width
            clean.unicodeScalars.append(control ? " " : scalar)
        }
        description = clean
    }
}

/// Words of our own lines: anything but printable ASCII stands as `+XX` (the xtext of RFC 3461 §4, made stricter).
enum Word {
    /// `text` as one word without blank, `+`, `=`, `<`, `,` and `:`; nothing at all stands as `+`.
    static func encode(_ text: String) -> String {
        if text.isEmpty { return "+" }
        if text == "-" { return "+2D" }  // by itself it says that there is no word
        let digits = Array("0123456789ABCDEF".utf8)
        var octets: [UInt8] = []
        octets.reserveCapacity(text.utf8.count)
        for octet in text.utf8 {
            switch octet {
            case 0x2B, 0x3D, 0x3C, 0x2C, 0x3A, 0...0x20, 0x7F...0xFF:
                octets += [0x2B, digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            default:
                octets.append(octet)
            }
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The text that `word` stands for; `nil` when it is none of ours.
    static func decode(_ word: some Collection<UInt8>) -> String? {
        let word = Array(word)
        if word == [0x2B] { return "" }
        guard !word.isEmpty else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(word.count)
        var at = 0
        while at < word.count {
            guard word[at] == 0x2B else {
                octets.append(word[at])
                at += 1
                continue
            }
            guard at + 2 < word.count, let high = digit(word[at + 1]), let low = digit(word[at + 2]) else { return nil }
            octets.append(high << 4 | low)
            at += 3
        }
        return String(validating: octets, as: UTF8.self)
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x37
        default: nil
        }
    }

    /// A decimal number of at most 18 digits, without sign.
    static func number(_ word: some Collection<UInt8>) -> Int? {
        guard !word.isEmpty, word.count <= 18, word.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return word.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
