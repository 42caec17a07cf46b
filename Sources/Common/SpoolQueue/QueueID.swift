// The id of a queued message.

import DurableFiles
import Octets

/// The name of a message for life, never used again: `<sec>.<20 random>.hub`; a notice adds `n<k>` to its parent's.
public struct QueueID: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// - Returns: `nil` unless `text` is 1 to 150 letters, digits, `.`, `-` and `_`, and begins with a digit or letter.
    public init?(_ text: String) {
        let octets = text.utf8
        guard (1...150).contains(octets.count), octets.first != 0x2E, octets.first != 0x2D,
            octets.allSatisfy({
                Octet.isDigit($0) || (0x61...0x7A).contains(Octet.lowercased($0)) || $0 == 0x2E || $0 == 0x2D
                    || $0 == 0x5F
            })
        else { return nil }
        self.text = text
    }

    private init(made text: String) { self.text = text }

    /// A new id. - Parameter seconds: the time of arrival since 1970.
    static func make(seconds: Int) -> QueueID {
        QueueID(made: UniqueName.make(seconds: seconds))
    }

    /// The id of the k-th notice about this message.
    public func notice(_ number: Int) -> QueueID { QueueID(made: "\(text)n\(number)") }

    /// The message that this one, if it is a notice, is about.
    public var subject: QueueID? { parent?.id }

    /// The message a notice is about, and which notice it is; `nil` for what cannot be one.
    var parent: (id: QueueID, number: Int)? {
        let octets = Array(text.utf8)
        guard let mark = octets.lastIndex(of: 0x6E), let number = JournalWord.number(octets[(mark + 1)...]),
            let id = QueueID(String(decoding: octets[..<mark], as: UTF8.self))
        else { return nil }
        return (id, number)
    }

    public var description: String { text }
}
