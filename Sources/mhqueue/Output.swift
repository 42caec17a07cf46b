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
    /// As ``text(_:)-([UInt8])``.
    static func text(_ text: String) -> String { text.utf8.allSatisfy(isPlain) ? text : self.text(Array(text.utf8)) }

    /// Nearly all of it is plain ASCII.
    private static func isPlain(_ octet: UInt8) -> Bool {
        octet >= 0x20 && octet < 0x7F || octet == Octet.lf || octet == Octet.tab
    }

    /// `octets` with their line ends and tabs, every other control character as `\xNN`.
    static func text(_ octets: [UInt8]) -> String {
        guard !octets.allSatisfy(isPlain) else { return String(decoding: octets, as: UTF8.self) }
        return octets.split(separator: Octet.lf, omittingEmptySubsequences: false)
            .map { line in
                line.split(separator: Octet.tab, omittingEmptySubsequences: false)
                    .map { printable(octets: $0, limit: .max) }.joined(separator: "\t")
            }
            .joined(separator: "\n")
    }
}
