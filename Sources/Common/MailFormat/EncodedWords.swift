// Text beyond ASCII in header fields (RFC 2047).

import Octets

/// Makes encoded words from text.
public enum EncodedWords {
    /// Octets of text in one word: as 48 of base64 and 12 around them they are below the 75 of a word, and leave room
    /// for a field's name within the 76 of a line (RFC 2047 §2).
    private static let share = 36

    /// Whether `text` cannot stand in a header as it is: it has more than printable ASCII, or looks like encoded words.
    public static func areNeeded(for text: String) -> Bool {
        !text.utf8.allSatisfy { (0x20...0x7E).contains($0) } || text.contains("=?")
    }

    /// `text` as encoded words in UTF-8, folded between them; no character is split. All octets of it are encoded, so
    /// nothing in it ends the field.
    ///
    /// encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
    public static func encode(_ text: String) -> String {
        var words: [String] = []
        var part: [UInt8] = []
        func word() -> String { "=?UTF-8?B?" + String(decoding: Base64.encode(part), as: UTF8.self) + "?=" }
        for scalar in text.unicodeScalars {
            let octets = Array(String(scalar).utf8)
            if part.count + octets.count > share {
                words.append(word())
                part = []
            }
            part += octets
        }
        words.append(word())
        return words.joined(separator: "\n ")
    }
}
