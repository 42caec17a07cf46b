// A person's name as a header field may hold it (RFC 5322 §3.2.5, RFC 2047).

import Octets

/// Makes display names from text.
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
        if EncodedWords.areNeeded(for: clean) { return EncodedWords.encode(clean) }
        if clean.utf8.allSatisfy({ Address.isAtomText($0) || $0 == Octet.space }) { return clean }
        var quoted = "\""
        for scalar in clean.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
