// Splits the octets of an rc into lines of words with their places; hostile octets are faults here and get no further.

/// One word of a line.
struct Word: Sendable {
    /// Without quotes and escapes; UTF-8 without control characters.
    var text: String
    var position: SourcePosition
    /// Whether a part of it stood in quotes, so that it means just what it says.
    var isQuoted = false
    /// Where commas stand outside quotes, as offsets into the UTF-8 of `text`.
    var bareCommas: [Int] = []

    /// The word as keywords are compared: `-` and `_` are one.
    var key: String { Word.key(text) }

    static func key(_ text: String) -> String { String(decoding: text.utf8.map(folded), as: UTF8.self) }

    /// Whether `key` is the key of `name`.
    static func isKey(_ key: String, of name: String) -> Bool {
        key.utf8.elementsEqual(name.utf8) { $0 == folded($1) }
    }

    private static func folded(_ octet: UInt8) -> UInt8 { octet == 0x5F ? 0x2D : octet }
}

/// A line with at least one word.
struct RunControlLine: Sendable {
    var keyword: Word
    var arguments: [Word]
    var isIndented: Bool
    /// Just after its last word.
    var end: SourcePosition
    /// Whether a comment follows: an argument that is missing may stand in it.
    var endsInComment = false
}

/// The bounds of an rc; docs/limits.md has them all.
enum RunControlLimits {
    /// Octets of one file, and of all files together.
    static let fileSize = 1 << 20
    static let totalSize = 4 << 20
    /// Octets of one line without its end.
    static let line = 4096
    static let wordsPerLine = 256
    /// Includes within includes, and files in all.
    static let includeDepth = 8
    static let files = 256
    static let blocks = 4096
    static let name = 64
}

enum LineSplitter {
    /// The lines of `octets`, comments and empty ones left out. A bad line is a fault and is left out.
    static func lines(of octets: [UInt8], file: String, faults: inout FaultList) -> [RunControlLine] {
        var lines: [RunControlLine] = []
        for (index, line) in octets.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            guard !faults.isFull else { break }
            do throws(RunControlFault) {
                if let line = try Self.line(of: line, number: index + 1, file: file) { lines.append(line) }
            } catch {
                faults.add(error)
            }
        }
        return lines
    }

    /// What word processors and web pages make of quotes. A word begins with one only in plain quotes.
    static func beginsWithTypographicQuote(_ word: String) -> Bool {
        guard let first = word.unicodeScalars.first else { return false }
        return ["“", "”", "„", "‟", "«", "»", "‘", "’", "‚", "‛", "‹", "›"].contains(first)
    }

    private static func line(of octets: ArraySlice<UInt8>, number: Int, file: String) throws(RunControlFault)
        -> RunControlLine?
    {
        guard octets.count <= RunControlLimits.line else {
            throw RunControlFault(
                SourcePosition(file: file, line: number, column: 1),
                "the line is longer than \(Quantity.grouped(RunControlLimits.line)) octets")
        }
        var reader = LineReader(octets: Array(octets), number: number, file: file)
        try reader.refuseHostileOctets()
        return try reader.read()
    }
}

/// Reads one line.
private struct LineReader {
    let octets: [UInt8]
    let number: Int
    let file: String
    var at = 0

    init(octets: [UInt8], number: Int, file: String) {
        self.octets = octets
        self.number = number
        self.file = file
    }

    /// The place of `offset`; columns count characters, not octets.
    private func position(_ offset: Int) -> SourcePosition {
        let column = octets[..<min(offset, octets.count)].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
        return SourcePosition(file: file, line: number, column: column)
    }

    func refuseHostileOctets() throws(RunControlFault) {
        for (index, octet) in octets.enumerated() {
            switch octet {
            case 0x09: continue
            case 0x0D:
                throw RunControlFault(position(index), "a carriage return; save the file with Unix line endings")
            case 0x00...0x1F, 0x7F: throw RunControlFault(position(index), "a control character")
            default: continue
            }
        }
        var decoder = UTF8()
        var source = octets.makeIterator()
        var good = 0
        while true {
            switch decoder.decode(&source) {
            case .scalarValue(let scalar): good += UTF8.width(scalar)
            case .emptyInput: return
            case .error: throw RunControlFault(position(good), "this is not UTF-8")
            }
        }
    }

    mutating func read() throws(RunControlFault) -> RunControlLine? {
        let isIndented = octets.first == 0x20 || octets.first == 0x09
        var words: [Word] = []
        while true {
            while at < octets.count, octets[at] == 0x20 || octets[at] == 0x09 { at += 1 }
            guard at < octets.count, octets[at] != 0x23 else { break }
            guard words.count < RunControlLimits.wordsPerLine else {
                throw RunControlFault(position(at), "more than \(RunControlLimits.wordsPerLine) words in a line")
            }
            words.append(try word())
        }
        guard let keyword = words.first else { return nil }
        return RunControlLine(
            keyword: keyword, arguments: Array(words.dropFirst()), isIndented: isIndented, end: position(at),
            endsInComment: at < octets.count)
    }

    /// word = 1*(plain / DQUOTE *(any / "\" ( DQUOTE / "\" )) DQUOTE)
    private mutating func word() throws(RunControlFault) -> Word {
        let start = at
        var text: [UInt8] = []
        var word = Word(text: "", position: position(start))
        while at < octets.count, octets[at] != 0x20, octets[at] != 0x09 {
            if octets[at] == 0x22 {
                word.isQuoted = true
                try quoted(into: &text)
            } else {
                if octets[at] == 0x2C { word.bareCommas.append(text.count) }
                text.append(octets[at])
                at += 1
            }
        }
        word.text = String(decoding: text, as: UTF8.self)
        if octets[start] != 0x22, LineSplitter.beginsWithTypographicQuote(word.text), let first = word.text.first {
            throw RunControlFault(
                word.position,
                "\(first) is no quote here; write \" in its place, or put the word in \" if it begins with \(first)")
        }
        return word
    }

    private mutating func quoted(into text: inout [UInt8]) throws(RunControlFault) {
        let opening = at
        at += 1
        while at < octets.count, octets[at] != 0x22 {
            // A backslash before anything but a quote or a backslash stands for itself.
            if octets[at] == 0x5C, at + 1 < octets.count, octets[at + 1] == 0x22 || octets[at + 1] == 0x5C { at += 1 }
            text.append(octets[at])
            at += 1
        }
        guard at < octets.count else { throw RunControlFault(position(opening), "this \" is not closed") }
        at += 1
    }
}
