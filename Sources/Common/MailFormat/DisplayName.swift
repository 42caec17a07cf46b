// A person's name as a header field may hold it (RFC 5322 §3.2.5, RFC 2047).

import Octets

/// Makes display names of text.
public enum DisplayName {
    /// The most octets of a name that are used.
    public static let limit = 256

    /// `name` as a phrase: plain words, a quoted string, or encoded words in UTF-8. Control characters are left out.
    /// - Returns: `nil` when nothing is left of `name`.
    public static func encoded(_ name: String) -> String? {
        var clean = ""
        for scalar in name.unicodeScalars
        where scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
            && clean.utf8.count + UTF8.width(scalar) <= limit
        {
            clean.unicodeScalars.append(scalar)
        }
        while clean.unicodeScalars.last == " " { clean.unicodeScalars.removeLast() }
        clean = String(clean.drop { $0 == " " })
        guard !clean.isEmpty else { return nil }
        if clean.utf8.contains(where: { $0 >= 0x80 }) || clean.contains("=?") { return encodedWords(clean) }
        if clean.utf8.allSatisfy({ Address.isAtomText($0) || $0 == Octet.space }) { return clean }
        var quoted = "\""
        for scalar in clean.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    /// encoded-word = "=?" charset "?" encoding "?" encoded-text "?=", at most 75 octets each, folded between them.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var part: [UInt8] = []
        func word() -> String { "=?UTF-8?B?" + String(decoding: Base64.encode(part), as: UTF8.self) + "?=" }
        for scalar in text.unicodeScalars {
            let octets = Array(String(scalar).utf8)
            if part.count + octets.count > 42 {  // 56 octets of base64 and 12 of frame
                words.append(word())
                part = []
            }
            part += octets
        }
        words.append(word())
        return words.joined(separator: "\n ")
    }
}
