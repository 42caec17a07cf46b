// The id of a queued message.

import DurableFiles
import Octets

/// The id that a message keeps for life, never used again: `<sec>.<20 random>.hub`; a notice has that of the message it
/// is about, with `n<k>` added.
public struct QueueID: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// - Returns: `nil` unless `text` is 1 to 150 ASCII letters, digits, `.`, `-` and `_`, and begins with neither `.`
    ///   nor `-`.
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

    /// A new id.
    /// - Parameter seconds: the time of arrival, in seconds since 1970.
    static func make(seconds: Int) -> QueueID {
        QueueID(made: UniqueName.make(seconds: seconds))
    }

    /// When its message came in, in seconds since 1970, as far as the id tells.
    public var seconds: Int? { Int(String(decoding: text.utf8.prefix(while: Octet.isDigit), as: UTF8.self)) }

    /// The id of the notice about this message that has this number, counted from 1.
    public func notice(_ number: Int) -> QueueID { QueueID(made: "\(text)n\(number)") }

    /// The id of the message that a notice with this id is about; `nil` for an id that is no notice's.
    public var subject: QueueID? { parent?.id }

    /// The id of the message that a notice with this id is about, and the number of the notice; `nil` for an id that is
    /// no notice's.
    var parent: (id: QueueID, number: Int)? {
        let octets = Array(text.utf8)
        guard let mark = octets.lastIndex(of: 0x6E), let number = JournalWord.number(octets[(mark + 1)...]),
            let id = QueueID(String(decoding: octets[..<mark], as: UTF8.self))
        else { return nil }
        return (id, number)
    }

    public var description: String { text }
}
