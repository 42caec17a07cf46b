// Words of a command line that a message tells a person to type.

/// `word` as a shell reads it back: in quotes where it must be.
public func shellQuoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { octet in
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F, 0x7E: true
        default: false
        }
    }
    return plain
        ? word : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
}
