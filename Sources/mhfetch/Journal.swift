// A file of lines, each with a checksum: appended to, read whole, and replaced when it is mostly history.

import DurableFiles
import Octets

/// The file behind a fetch state. Whatever cuts a write short, the next reader finds whole lines only.
///
/// One writer at a time, under the account's lock; a reader without the lock changes nothing.
final class Journal {
    static let name = "journal"
    /// Octets of disk room kept free behind the end for the words that close a batch: 64 numbers, a complaint or two.
    static let room = 8_192

    let path: String
    /// Lines in the file.
    private(set) var lines = 0
    private let directory: Directory
    private var file: File?
    /// Octets of the file's good lines.
    private(set) var size = 0
    /// Why nothing more is written: a failed write that could not be taken back, or a failed synchronization. Both are
    /// final, since what the file holds is unknown from then on.
    private var fault: DurableError?

    /// Reads the journal of `directory` line by line. A torn tail is cut off: nobody was told of what it said.
    /// - Parameters:
    ///   - canWrite: `false` for a look that changes nothing, not even a torn tail.
    ///   - apply: takes a line's text; `false` when it makes no sense.
    /// - Throws: ``FetchError/stateDamaged(path:line:)`` for damage before the tail.
    init(in directory: Directory, canWrite: Bool, apply: (ArraySlice<UInt8>, Int) throws -> Bool) throws {
        self.directory = directory
        path = "\(directory.path)/\(Self.name)"
        // Before it is opened, which a directory does not let us do, and a pipe does as if it were a file.
        if let status = try directory.status(of: Self.name), !status.isRegular {
            throw FetchError.stateNoFile(path: path)
        }
        file = try directory.open(Self.name, for: canWrite ? .appending : .reading)
        guard let file else { return }
        if let fault = try file.ownershipFault() { throw fault }
        let octets = try Self.content(of: file)
        size = try replay(octets, apply)
        guard canWrite, size < octets.count else { return }
        try file.truncate(to: size)
        try file.synchronize()
    }

    private static func content(of file: File) throws(DurableError) -> [UInt8] {
        let expected = try file.status().size
        var octets: [UInt8] = []
        octets.reserveCapacity(expected)
        while octets.count < expected {
            let part = try file.read(atMost: 1 << 20, at: octets.count)
            if part.isEmpty { break }
            octets += part
        }
        return octets
    }

    /// - Returns: octets up to the end of the last good line.
    private func replay(_ octets: [UInt8], _ apply: (ArraySlice<UInt8>, Int) throws -> Bool) throws -> Int {
        var good = 0
        var at = 0
        var number = 0
        var firstBad: Int?
        while at < octets.count {
            let end = octets.firstIndex(of: Octet.lf, in: at..<octets.count)
            number += 1
            if let end, let text = Self.checked(octets[at..<end]) {
                if let firstBad { throw FetchError.stateDamaged(path: path, line: firstBad) }
                // A whole line that says nothing we know is no torn tail: cutting it off would forget what it said.
                guard try apply(text, number) else { throw FetchError.stateDamaged(path: path, line: number) }
                good = end + 1
                lines = number
            } else if firstBad == nil {
                firstBad = number
            }
            at = end.map { $0 + 1 } ?? octets.count
        }
        return good
    }

    /// The text of a line whose checksum holds.
    private static func checked(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard line.count > 9, line[line.endIndex - 9] == Octet.space else { return nil }
        let text = line.dropLast(9)
        return line.suffix(8).elementsEqual(CRC32C.hex(text).utf8) ? text : nil
    }

    private static func line(_ text: String) -> [UInt8] {
        let octets = Array(text.utf8)
        return octets + [Octet.space] + Array(CRC32C.hex(octets).utf8) + [Octet.lf]
    }

    /// Appends a line for each of `texts`, in one write: all of them or, after an error, none.
    func append(_ texts: [String]) throws(DurableError) {
        guard !texts.isEmpty else { return }
        let file = try writable()
        let octets = texts.flatMap(Self.line)
        do throws(DurableError) {
            try file.write(octets)
        } catch {
            // Half a line in the middle would make everything behind it unreadable.
            do throws(DurableError) { try file.truncate(to: size) } catch _ { fault = error }
            throw error
        }
        size += octets.count
        lines += texts.count
    }

    /// Makes what was appended durable.
    func synchronize() throws(DurableError) {
        let file = try writable()
        do throws(DurableError) {
            try file.synchronizeContent()
        } catch {
            fault = error
            throw error
        }
    }

    /// Makes a new file's name durable.
    func synchronizeName() throws(DurableError) { try directory.synchronize() }

    /// Sets disk room aside for `texts` and what ends the batch that they begin, so that a full disk does not keep us
    /// from writing it down.
    func reserveRoom(behind texts: [String]) throws(DurableError) {
        try writable().reserve(texts.reduce(Self.room) { $0 + $1.utf8.count })
    }

    /// Replaces the whole file by `texts`; readers see the old one or the new.
    func replace(with texts: [String]) throws(DurableError) {
        _ = try writable()
        let octets = texts.flatMap(Self.line)
        try directory.replace(Self.name, with: octets)
        file = try directory.open(Self.name, for: .appending)
        size = octets.count
        lines = texts.count
    }

    private func writable() throws(DurableError) -> File {
        if let fault { throw fault }
        guard let file else { throw DurableError(operation: "open", path: path, code: DurableError.inputOutput) }
        return file
    }
}
