// Writes the lines of an rc.

import Credentials

/// Lines of an rc as they grow; every argument is quoted where it must be.
struct Page {
    /// Which lines of a block are written.
    enum Extent {
        /// Those for what was said.
        case said
        /// Those for what is in force, defaults included.
        case inForce
        /// Of what is in force, those that mhserve's worker needs.
        case served
    }

    /// Whether secrets stand as `********`.
    let isMasked: Bool
    let extent: Extent
    private(set) var text = ""

    init(_ extent: Extent, isMasked: Bool) {
        self.extent = extent
        self.isMasked = isMasked
    }

    mutating func add<Settings: BlockSettings>(_ block: Settings) {
        if extent == .served, !Settings.words.contains(where: \.facts.isServed) { return }
        let head = block.head.map(rendered).joined(separator: " ")
        if !head.isEmpty { text += (text.isEmpty ? "" : "\n") + head + "\n" }
        let indent = head.isEmpty ? "" : "  "
        for word in Settings.words where extent != .served || word.facts.isServed {
            let isInForce = extent != .said && word.isMeant(block)
            for arguments in isInForce ? word.inForce(block) : word.said(block) {
                text += indent + ([word.facts.name] + arguments.map(rendered)).joined(separator: " ") + "\n"
            }
        }
    }

    /// The arguments of one line.
    func rendered(_ piece: Piece) -> String {
        switch piece {
        case .word(let word): Self.quoted(word)
        case .quoted(let word): Self.inQuotes(word)
        case .sign(let sign): sign
        case .secret(let secret): isMasked ? Secret.mask : Self.quoted(secret.revealedText)
        }
    }

    static func quoted(_ word: String) -> String {
        // Control characters, too: a tab would split the word, and in quotes a line feed is a fault, not a new line.
        let special = word.utf8.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x2C || $0 == 0x7F }
        let isOdd = word.hasPrefix("#") || word.contains("->") || LineSplitter.beginsWithTypographicQuote(word)
        return word.isEmpty || special || isOdd ? inQuotes(word) : word
    }

    private static func inQuotes(_ word: String) -> String {
        var text = ""
        for scalar in word.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        return "\"\(text)\""
    }
}
