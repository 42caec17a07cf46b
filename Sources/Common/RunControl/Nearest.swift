// The known word that a person most likely meant.

enum Nearest {
    /// The nearest of `candidates`, if it is near enough to be meant: a third of its letters wrong at most.
    static func word(to text: String, among candidates: [String]) -> String? {
        let given = Array(Word.key(text).lowercased().unicodeScalars.prefix(64))
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let wanted = Array(Word.key(candidate).lowercased().unicodeScalars)
            guard abs(wanted.count - given.count) <= 3 else { continue }
            let distance = Self.distance(given, wanted)
            guard distance <= max(1, min(3, wanted.count / 3)), distance < best?.distance ?? .max else { continue }
            best = (candidate, distance)
        }
        return best?.word
    }

    /// `; did you mean "x"?`, or nothing.
    static func hint(to text: String, among candidates: [String]) -> String {
        word(to: text, among: candidates).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// Damerau-Levenshtein with neighbours swapped (optimal string alignment).
    static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
        guard !one.isEmpty, !other.isEmpty else { return max(one.count, other.count) }
        var before: [Int] = []
        var above = Array(0...other.count)
        for row in 1...one.count {
            var current = [row]
            for column in 1...other.count {
                let cost = one[row - 1] == other[column - 1] ? 0 : 1
                var least = min(above[column] + 1, current[column - 1] + 1, above[column - 1] + cost)
                if row > 1, column > 1, one[row - 1] == other[column - 2], one[row - 2] == other[column - 1] {
                    least = min(least, before[column - 2] + 1)
                }
                current.append(least)
            }
            before = above
            above = current
        }
        return above[other.count]
    }
}
