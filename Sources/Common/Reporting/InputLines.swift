// Standard input line by line, bounded, whoever is at its other end.

import Glibc

/// Reads lines from a descriptor, a piece at a time.
public struct InputLines {
    public enum Line: Sendable, Hashable {
        /// Without its LF.
        case whole([UInt8])
        /// More octets than the limit; nothing more is read.
        case tooLong
    }

    private let descriptor: Int32
    private let limit: Int
    private var unread: ArraySlice<UInt8> = []
    private var isOver = false

    /// - Parameter limit: the most octets of a line, its LF not counted.
    public init(of descriptor: Int32 = 0, limit: Int) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// The next line, the last one also without LF; `nil` at the end, or where reading fails.
    public mutating func next() -> Line? {
        var line: [UInt8] = []
        while true {
            if let end = unread.firstIndex(of: 0x0A) {
                line += unread[..<end]
                guard line.count <= limit else { return giveUp() }
                unread = unread[(end + 1)...]
                return .whole(line)
            }
            line += unread
            unread = []
            guard line.count <= limit else { return giveUp() }
            if isOver || !readOn() {
                isOver = true
                return line.isEmpty ? nil : .whole(line)
            }
        }
    }

    private mutating func giveUp() -> Line {
        isOver = true
        unread = []
        return .tooLong
    }

    private mutating func readOn() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            unread = chunk[..<count]
            return true
        }
    }
}
