// The known word that a person most likely meant.

/// Finds the word that was meant by a misspelt one.
public enum Nearest {
    /// The nearest of `candidates`, if it is near enough to be meant: a third of its letters wrong at most, and no more
    /// than three. Of two equally near, the one that shares the longer beginning, then the one closer in length.
    public static func word(to text: String, among candidates: [String]) -> String? {
        let given = Array(Word.key(text).lowercased().unicodeScalars.prefix(64))
        var best: (word: String, score: (Int, Int, Int))?
        for candidate in candidates {
            let wanted = Array(Word.key(candidate).lowercased().unicodeScalars)
            for (cost, reading) in readings(of: given) where abs(wanted.count - reading.count) <= 3 {
                let distance = Self.distance(reading, wanted)
                guard distance <= max(1, min(3, wanted.count / 3)) else { continue }
                let alike = zip(given, wanted).prefix { $0 == $1 }.count
                let score = (distance + cost, -alike, abs(wanted.count - given.count))
                if best.map({ score < $0.score }) ?? true { best = (candidate, score) }
            }
        }
        return best?.word
    }

    /// `given` as it is, without an English ending (`fetched`, `mailboxes`), and with its parts swapped (`user-unix`);
    /// with the cost of each reading.
    private static func readings(of given: [Unicode.Scalar]) -> [(cost: Int, word: [Unicode.Scalar])] {
        var readings = [(cost: 0, word: given)]
        for ending in ["s", "es", "ed", "ing"] where given.count > ending.unicodeScalars.count + 2 {
            if given.suffix(ending.unicodeScalars.count).elementsEqual(ending.unicodeScalars) {
                readings.append((1, given.dropLast(ending.unicodeScalars.count)))
            }
        }
        for hyphen in given.indices where given[hyphen] == "-" {
            readings.append((1, given[(hyphen + 1)...] + ["-"] + given[..<hyphen]))
        }
        return readings
    }

    /// `; did you mean "x"?`, or nothing.
    public static func hint(to text: String, among candidates: [String]) -> String {
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
