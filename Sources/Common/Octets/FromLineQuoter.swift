// Lines that an mbox would take for the beginning of a message.

/// Puts a `>` before `From ` where that begins a line, or has nothing but `>` before it on the line (mboxrd): so that it
/// can be taken away again, whatever the line was. Octets in file form, in pieces of any size.
public struct FromLineQuoter: Sendable {
    private static let word = Array("From ".utf8)

    private enum State {
        /// At the beginning of a line, or behind its `>`s; so many octets of ``word`` were held back.
        case start(held: Int)
        case middle
    }

    private var state = State.start(held: 0)

    public init() {}

    /// What `chunk` becomes; up to four octets may be held back until it is known how the line goes on.
    public mutating func quote(_ chunk: [UInt8]) -> [UInt8] {
        var quoted: [UInt8] = []
        quoted.reserveCapacity(chunk.count + 64)
        var at = 0
        while at < chunk.count {
            switch state {
            case .middle:
                let end = chunk.firstIndex(of: Octet.lf, in: at..<chunk.count).map { $0 + 1 } ?? chunk.count
                quoted.append(contentsOf: chunk[at..<end])
                if chunk[end - 1] == Octet.lf { state = .start(held: 0) }
                at = end
            case .start(let held):
                if chunk[at] == Self.word[held] {
                    at += 1
                    guard held + 1 == Self.word.count else {
                        state = .start(held: held + 1)
                        continue
                    }
                    quoted.append(Octet.greaterThan)
                    quoted.append(contentsOf: Self.word)
                    state = .middle
                } else if held == 0, chunk[at] == Octet.greaterThan {
                    quoted.append(Octet.greaterThan)
                    at += 1
                } else {
                    quoted.append(contentsOf: Self.word[..<held])
                    state = .middle
                }
            }
        }
        return quoted
    }

    /// What was held back, at the end of the content.
    public mutating func finish() -> [UInt8] {
        guard case .start(let held) = state else { return [] }
        state = .middle
        return Array(Self.word[..<held])
    }
}
