// Encoded words of others, made text for a person (RFC 2047).

import Octets

extension EncodedWords {
    /// The text of an unfolded field body in which encoded words may stand. What cannot be decoded, as with a charset that
    /// is neither ASCII, ISO 8859-1 nor UTF-8, stays as it is. Octets that are no UTF-8 become U+FFFD; control characters
    /// are the caller's to print safely.
    public static func decode(_ body: [UInt8]) -> String {
        var text = ""
        var pending: [UInt8] = []  // octets of words in UTF-8: a character may be split between two
        var blanks: [UInt8] = []
        var wasWord = false
        func flush() {
            text += String(decoding: pending, as: UTF8.self)
            pending = []
        }
        for (word, isBlank) in runs(of: body) {
            guard !isBlank else {
                blanks += word
                continue
            }
            if let octets = decoded(word) {
                // Blanks between two encoded words are there to part them, and mean nothing (§6.2).
                if !wasWord {
                    flush()
                    text += String(decoding: blanks, as: UTF8.self)
                }
                pending += octets
                wasWord = true
            } else {
                flush()
                text += String(decoding: blanks + word, as: UTF8.self)
                wasWord = false
            }
            blanks = []
        }
        flush()
        return text + String(decoding: blanks, as: UTF8.self)
    }

    /// The runs of blanks and of other octets.
    private static func runs(of body: [UInt8]) -> [(word: [UInt8], isBlank: Bool)] {
        var runs: [([UInt8], Bool)] = []
        for octet in body {
            let isBlank = [Octet.space, Octet.tab, Octet.lf, Octet.cr].contains(octet)
            if runs.last?.1 == isBlank { runs[runs.count - 1].0.append(octet) } else { runs.append(([octet], isBlank)) }
        }
        return runs
    }

    /// The octets of an encoded word, in UTF-8; `nil` for what is none.
    private static func decoded(_ word: [UInt8]) -> [UInt8]? {
        guard word.count <= 1000, word.starts(with: "=?".utf8), word.suffix(2).elementsEqual("?=".utf8), word.count > 6
        else { return nil }
        let parts = word.dropFirst(2).dropLast(2).split(separator: 0x3F, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].count == 1, let encoding = parts[1].first else { return nil }
        // A language may stand behind the charset (RFC 2231 §5).
        let charset = String(decoding: parts[0].prefix { $0 != 0x2A }, as: UTF8.self).lowercased()
        let octets: [UInt8]? =
            switch encoding | 0x20 {
            case 0x62: Base64.decode(parts[2])
            case 0x71: unquoted(parts[2])
            default: nil
            }
        guard let octets else { return nil }
        switch charset {
        case "utf-8", "utf8", "us-ascii", "ascii": return octets
        case "iso-8859-1", "latin1": return octets.flatMap { Array(String(Unicode.Scalar($0)).utf8) }
        default: return nil
        }
    }

    /// The `Q` encoding (§4.2).
    private static func unquoted(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var octets: [UInt8] = []
        var rest = text
        while let octet = rest.popFirst() {
            switch octet {
            case 0x5F: octets.append(Octet.space)
            case 0x3D:
                guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
                else { return nil }
                octets.append(high << 4 | low)
            default: octets.append(octet)
            }
        }
        return octets
    }

    private static func hexadecimal(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x37
        case 0x61...0x66: octet - 0x57
        default: nil
        }
    }
}
