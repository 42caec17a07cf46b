// Matching with `*` and `?`, in a time that no pattern can blow up.

/// Shell-like patterns without brackets and without an escape character.
enum Glob {
    /// Whether all of `text` matches `pattern`.
    ///
    /// Only the latest `*` is ever widened: widening an earlier one gains nothing, since the latest can absorb the same
    /// text. So the time is at most the product of both lengths, and both are bounded by those of an address.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        let text = Array(text.unicodeScalars)
        let pattern = Array(pattern.unicodeScalars)
        var at = 0
        var inPattern = 0
        var star: Int?
        var afterStar = 0
        while at < text.count {
            if inPattern < pattern.count, pattern[inPattern] == "*" {
                star = inPattern
                afterStar = at
                inPattern += 1
            } else if inPattern < pattern.count, pattern[inPattern] == "?" || pattern[inPattern] == text[at] {
                at += 1
                inPattern += 1
            } else if let latest = star {
                afterStar += 1
                at = afterStar
                inPattern = latest + 1
            } else {
                return false
            }
        }
        return pattern[inPattern...].allSatisfy { $0 == "*" }
    }
}
