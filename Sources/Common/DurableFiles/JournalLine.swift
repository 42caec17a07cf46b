// One line of a journal, `<crc32c> <text>`, and the words that foreign text becomes in it.

import Octets

/// A line with its checksum in front, so that a torn one can be told from a whole one.
public enum JournalLine {
    /// Octets that a line has besides its text: the checksum in eight hexadecimal digits, a blank, LF.
    public static let overhead = 10

    /// Appends the line that holds `text` to `octets`.
    /// - Parameter text: words without LF, at least one octet; ``JournalWord`` turns any text into such a word.
    public static func append(_ text: [UInt8], to octets: inout [UInt8]) {
        precondition(!text.isEmpty && text.firstIndex(of: Octet.lf) == nil, "a line of a journal that is none, or two")
        octets.append(contentsOf: CRC32C.hex(text).utf8)
        octets.append(Octet.space)
        octets.append(contentsOf: text)
        octets.append(Octet.lf)
    }

    /// The text of `line`, its LF left out; `nil` when the checksum does not fit.
    public static func text(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.count > 9, line[line.startIndex + 8] == Octet.space else { return nil }
        let text = line.dropFirst(9)
        return line.prefix(8).elementsEqual(CRC32C.hex(text).utf8) ? text : nil
    }
}

/// Words of our own lines: anything but printable ASCII stands as `+XX` (the xtext of RFC 3461 §4, made stricter).
public enum JournalWord {
    /// `text` as one word, with blank, `+`, `=`, `<`, `,` and `:` encoded, too; empty text stands as `+`.
    public static func encode(_ text: String) -> String {
        if text.isEmpty { return "+" }
        if text == "-" { return "+2D" }  // alone it stands for a missing word
        let digits = Array("0123456789ABCDEF".utf8)
        var octets: [UInt8] = []
        octets.reserveCapacity(text.utf8.count)
        for octet in text.utf8 {
            switch octet {
            case 0x2B, 0x3D, 0x3C, 0x2C, 0x3A, 0...0x20, 0x7F...0xFF:
                octets += [0x2B, digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            default:
                octets.append(octet)
            }
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The text that `word` stands for; `nil` when it is none of ours.
    public static func decode(_ word: some Collection<UInt8>) -> String? {
        let word = Array(word)
        if word == [0x2B] { return "" }
        guard !word.isEmpty else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(word.count)
        var at = 0
        while at < word.count {
            guard word[at] == 0x2B else {
                octets.append(word[at])
                at += 1
                continue
            }
            guard at + 2 < word.count, let high = digit(word[at + 1]), let low = digit(word[at + 2]) else { return nil }
            octets.append(high << 4 | low)
            at += 3
        }
        return String(validating: octets, as: UTF8.self)
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x37
        default: nil
        }
    }

    /// A decimal number of at most 18 digits, without sign, so that sums and differences of a few do not overflow;
    /// `nil` for anything else.
    @inlinable  // a listing of the queue reads two of every name
    public static func number(_ word: some Collection<UInt8>) -> Int? {
        guard !word.isEmpty, word.count <= 18, word.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return word.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
