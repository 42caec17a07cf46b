// Words for a person to type into a shell.

/// `word` as one word of a POSIX shell: as it is where that is safe, else in single quotes.
public func shellQuoted(_ word: String) -> String {
    let isSafe = word.utf8.allSatisfy { octet in
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "%+,-./:=@_".utf8.contains(octet)
        }
    }
    guard !isSafe || word.isEmpty else { return word }
    let pieces = word.split(separator: "'", omittingEmptySubsequences: false)
    return "'" + pieces.joined(separator: "'\\''") + "'"
}
