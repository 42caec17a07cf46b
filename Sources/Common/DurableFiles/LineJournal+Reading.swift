// How a journal is read: whole lines are taken, a torn tail is told from damage.

import Octets

extension LineJournal {
    static func open(
        _ name: String, in directory: Directory, for access: File.Access
    ) throws(JournalError) -> File? {
        let status = try readably { () throws(DurableError) in try directory.status(of: name) }
        guard let status else { return nil }
        // Checked before it is opened: a directory cannot be opened for writing, and a fifo would pass for a file.
        guard status.isRegular else { throw .noPlainFile(path: directory.pathOf(name)) }
        let file = try readably { () throws(DurableError) in try directory.open(name, for: access) }
        let fault = try readably { () throws(DurableError) in try file?.ownershipFault() }
        if let fault { throw .notOurs(fault) }
        return file
    }

    static func content(of file: File, _ limit: Int) throws(JournalError) -> [UInt8] {
        try readably { () throws(DurableError) in
            let size = try file.status().size
            guard size <= limit else {
                throw DurableError(operation: "read", path: file.path, code: DurableError.tooLarge)
            }
            return try file.read(atMost: size, at: 0)
        }
    }

    /// Hands the lines of `octets` to `take`.
    /// - Returns: the extent of the whole ones; what follows is a torn tail.
    static func replay(
        _ octets: [UInt8], _ path: String, _ heading: [UInt8], _ take: (ArraySlice<UInt8>) -> Reading
    ) throws(JournalError) -> Extent {
        var good = Extent()
        var at = 0
        var number = 0
        var firstBad: Int?
        while at < octets.count, let end = octets.firstIndex(of: Octet.lf, in: at..<octets.count) {
            number += 1
            if let text = JournalLine.text(of: octets[at..<end]) {
                if let firstBad { throw .damaged(path: path, line: firstBad) }
                // A whole line that we do not understand is no torn tail: cutting it off would lose what it says.
                switch number == 1 ? reading(text, as: heading) : take(text) {
                case .taken: good = Extent(octets: end + 1, lines: number)
                case .impossible: throw .damaged(path: path, line: number)
                case .newer: throw .newerVersion(path: path)
                }
            } else if firstBad == nil {
                firstBad = number
            }
            at = end + 1
        }
        return good
    }

    /// Another version of the same kind comes from a later release: this one is the first.
    private static func reading(_ text: ArraySlice<UInt8>, as heading: [UInt8]) -> Reading {
        if text.elementsEqual(heading) { return .taken }
        let found = text.split(separator: Octet.space, maxSplits: 2, omittingEmptySubsequences: false)
        let ours = heading.split(separator: Octet.space, maxSplits: 2, omittingEmptySubsequences: false)
        return found.count > 1 && found[0] == ours[0] && found[1] != ours[1] ? .newer : .impossible
    }
}

/// Runs `body`; its failure becomes ``JournalError/disk(_:)``.
func readably<T>(_ body: () throws(DurableError) -> T) throws(JournalError) -> T {
    do { return try body() } catch { throw .disk(error) }
}
