// Standard input as file-form octets: line ends, and the lone dot that ends a message.

import Glibc
import Octets

/// Reads a message in chunks. Lines end in LF, and a CR before it belongs to the line end wherever it stands; elsewhere
/// a CR stays. Unless told to ignore dots, a line that holds nothing but a dot ends the message, as it always has for
/// sendmail. Where the chunks are cut never changes what comes out.
struct MessageInput {
    private enum Dot { case lineStart, dot, middle }

    private static let chunkSize = 65_536

    private let read: () throws -> [UInt8]
    private let ignoresDots: Bool
    private var decoder = LineEndDecoder()
    private var dot = Dot.lineStart
    private var isOver = false

    /// - Parameter read: the next octets as they come; none at the end.
    init(ignoresDots: Bool, read: @escaping () throws -> [UInt8]) {
        self.ignoresDots = ignoresDots
        self.read = read
    }

    init(descriptor: Int32, ignoresDots: Bool) {
        self.init(ignoresDots: ignoresDots) { try Self.chunk(of: descriptor) }
    }

    /// The next octets of the message, never empty; `nil` at its end.
    mutating func next() throws -> [UInt8]? {
        while !isOver {
            let raw = try read()
            if raw.isEmpty { isOver = true }
            var octets = raw.isEmpty ? rest() : fileForm(raw)
            if !ignoresDots { octets = upToDot(octets) }
            if !octets.isEmpty { return octets }
        }
        return nil
    }

    /// What the decoder held back until the end was known.
    private mutating func rest() -> [UInt8] {
        var octets: [UInt8] = []
        decoder.finish(into: &octets)
        return octets
    }

    private mutating func fileForm(_ raw: [UInt8]) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(raw.count)
        decoder.decode(raw, in: raw.indices, into: &octets)
        return octets
    }

    /// `octets` up to a lone dot. A dot that may be one is held back until the next octet tells; at the very end,
    /// without a line end behind it, it is one.
    private mutating func upToDot(_ octets: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        kept.reserveCapacity(octets.count + 1)
        var at = 0
        while at < octets.count {
            switch dot {
            case .lineStart where octets[at] == Octet.dot:
                dot = .dot
                at += 1
            case .dot where octets[at] == Octet.lf:
                isOver = true
                return kept
            case .dot:
                kept.append(Octet.dot)
                dot = .middle
            case .lineStart, .middle:
                let lf = octets.firstIndex(of: Octet.lf, in: at..<octets.count)
                let end = lf.map { $0 + 1 } ?? octets.count
                kept.append(contentsOf: octets[at..<end])
                dot = lf == nil ? .middle : .lineStart
                at = end
            }
        }
        return kept
    }

    static func chunk(of descriptor: Int32) throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw IntakeError.unreadable(code: errno) }
            chunk.removeSubrange(count...)
            return chunk
        }
    }
}
