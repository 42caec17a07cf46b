// Splits the octets of an rc into lines of words with their places; hostile octets are faults here and get no further.

import Octets

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
    /// Whether it could not be read, and a fault says so: only the keyword and the indentation count.
    var isBroken = false
}

/// The bounds of an rc; docs/limits.md has them all.
package enum RunControlLimits {
    /// Octets of one file, and of all files together.
    package static let fileSize = 1 << 20
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
    /// The lines of `octets`, comments and empty ones left out. A bad line is a fault; of it only the keyword is left.
    static func lines(of octets: [UInt8], file: String, faults: inout FaultList) -> [RunControlLine] {
        guard !octets.starts(with: [0xFF, 0xFE]), !octets.starts(with: [0xFE, 0xFF]) else {
            faults.add(SourcePosition(file: file, line: 1, column: 1), "the file is in UTF-16; save it as UTF-8")
            return []
        }
        var lines: [RunControlLine] = []
        var returns: (first: SourcePosition, count: Int)?
        for (index, line) in withoutMark(octets, file, &faults)
            .split(separator: Octet.lf, omittingEmptySubsequences: false).enumerated()
        {
            guard !faults.isFull else { break }
            var reader = LineReader(octets: Array(line), number: index + 1, file: file)
            if let end = reader.dropReturn() { returns = (returns?.first ?? end, (returns?.count ?? 0) + 1) }
            do throws(RunControlFault) {
                if let line = try reader.read() { lines.append(line) }
            } catch {
                faults.add(error)
                if let line = reader.broken { lines.append(line) }
            }
        }
        if let (first, count) = returns {
            let others = count > 1 ? ", and at the end of \(Quantity.grouped(count - 1)) other lines" : ""
            faults.add(first, "a carriage return\(others); save the file with Unix line endings")
        }
        return lines
    }

    /// `octets` without the byte order mark that some editors put first, which is a fault.
    private static func withoutMark(_ octets: [UInt8], _ file: String, _ faults: inout FaultList) -> ArraySlice<UInt8> {
        guard octets.starts(with: [0xEF, 0xBB, 0xBF]) else { return octets[...] }
        faults.add(
            SourcePosition(file: file, line: 1, column: 1),
            "the file begins with a byte order mark; save it as UTF-8 without one")
        return octets[3...]
    }

    /// The name of a blank that is none of ours, which web pages and word processors put in place of one.
    static func foreignBlank(in word: String) -> String? {
        for scalar in word.unicodeScalars {
            switch scalar.value {
            case 0xA0, 0x202F: return "a no-break space"
            case 0x2000...0x200B, 0x205F, 0x3000, 0xFEFF:
                return "the blank U+" + String(scalar.value, radix: 16, uppercase: true)
            default: continue
            }
        }
        return nil
    }

    /// What word processors and web pages make of quotes. A word begins with one only in plain quotes.
    static func beginsWithTypographicQuote(_ word: String) -> Bool {
        guard let first = word.unicodeScalars.first else { return false }
        return ["“", "”", "„", "‟", "«", "»", "‘", "’", "‚", "‛", "‹", "›"].contains(first)
    }
}

/// Reads one line.
private struct LineReader {
    private(set) var octets: [UInt8]
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

    private var isIndented: Bool { octets.first == Octet.space || octets.first == Octet.tab }

    /// Takes the carriage return from the end of the line, if there is one.
    /// - Returns: where it stood.
    mutating func dropReturn() -> SourcePosition? {
        guard octets.last == Octet.cr else { return nil }
        octets.removeLast()
        return position(octets.count)
    }

    /// What is left of the line when it cannot be read.
    var broken: RunControlLine? {
        let start = octets.prefix { $0 == Octet.space || $0 == Octet.tab }.count
        let keyword = octets[start...].prefix { Octet.isLetter($0) || $0 == 0x2D || $0 == 0x5F }
        guard !keyword.isEmpty else { return nil }
        return RunControlLine(
            keyword: Word(text: String(decoding: keyword, as: UTF8.self), position: position(start)), arguments: [],
            isIndented: isIndented, end: position(octets.count), isBroken: true)
    }

    private func refuseHostileOctets() throws(RunControlFault) {
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
        guard octets.count <= RunControlLimits.line else {
            throw RunControlFault(
                position(0), "the line is longer than \(Quantity.grouped(RunControlLimits.line)) octets")
        }
        try refuseHostileOctets()
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
        if !word.isQuoted, let blank = LineSplitter.foreignBlank(in: word.text) {
            throw RunControlFault(
                word.position, "\(blank) in a word; write a plain one, or put the word in \" if it has one")
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
