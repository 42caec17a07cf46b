// Standard output: gathered for long lists, harmless on a terminal.

import Octets
import Reporting

/// Gathers text and writes it in large pieces.
struct Output {
    private var text = ""

    mutating func add(_ more: String) throws(OutputError) {
        text += more
        if text.utf8.count > 65_536 { try flush() }
    }

    mutating func flush() throws(OutputError) {
        try writeToStandardOutput(text)
        text = ""
    }
}

/// Foreign octets for a terminal.
enum Harmless {
    /// `octets` with their line ends and tabs, every other control character as `\xNN`.
    static func text(_ octets: [UInt8]) -> String {
        octets.split(separator: Octet.lf, omittingEmptySubsequences: false)
            .map { line in
                line.split(separator: Octet.tab, omittingEmptySubsequences: false)
                    .map { printable(octets: $0, limit: .max) }.joined(separator: "\t")
            }
            .joined(separator: "\n")
    }
}

/// People put the rc before the verb, as with other commands of the family; the parser wants it behind.
enum VerbFirst {
    /// `arguments` with `-C RC` or `--file RC` moved from the front to behind the verb.
    static func ordered(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var moved: [String] = []
        while let word = rest.first {
            if word == "-C" || word == "--file", rest.count > 1 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if word.hasPrefix("--file=") || word.hasPrefix("-C") && word != "-C" {
                moved.append(word)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard let verb = rest.first else { return moved }
        // Right behind the verb: an id of -- or - may stand at the end. The list is what is meant without a verb.
        return verb.hasPrefix("-") ? Array(rest) + moved : [verb] + moved + rest.dropFirst()
    }
}
