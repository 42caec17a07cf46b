// The file name of a queued message: its id, then hints repeated from the journal (DECISIONS 3).

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
        guard let mark = octets.lastIndex(of: 0x6E), let number = Word.number(octets[(mark + 1)...]),
            let id = QueueID(String(decoding: octets[..<mark], as: UTF8.self))
        else { return nil }
        return (id, number)
    }

    public var description: String { text }
}

/// One message as a listing shows it, without opening it. The journal, read under the lock, knows better.
public struct QueueEntry: Sendable, Hashable {
    public let id: QueueID
    /// Octets of the file, envelope included.
    public let size: Int
    /// Not to be tried before this time, in seconds since 1970; 0: at once.
    public let notBefore: Int
    /// The next hop is at fault until then, as far as was known; 0: nothing is known. Without weight for the journal.
    public let hopNotBefore: Int
    public let isHeld: Bool
    public let hasJournal: Bool
    /// Whether it stands in `cur`: an attempt was begun.
    public let isTried: Bool
    /// The name of the file.
    public let name: String

    init(
        id: QueueID, size: Int, notBefore: Int, hopNotBefore: Int = 0, isHeld: Bool, hasJournal: Bool, isTried: Bool
    ) {
        self.id = id
        self.size = size
        self.notBefore = notBefore
        self.hopNotBefore = hopNotBefore
        self.isHeld = isHeld
        self.hasJournal = hasJournal
        self.isTried = isTried
        name =
            "\(id),S=\(size),R=\(notBefore)\(hopNotBefore > 0 ? ",P=\(hopNotBefore)" : "")"
            + "\(isHeld ? ",H" : "")\(hasJournal ? ",J" : "")"
    }

    /// Reads `<id>,S=n,R=t[,P=t][,H][,J]`; what a mail program added behind a colon is ignored, an unknown hint is not.
    init?(name: some Collection<UInt8>, isTried: Bool) {
        guard name.count <= 255, let end = name.firstIndex(of: 0x2C),
            let id = QueueID(String(decoding: name[..<end], as: UTF8.self))
        else { return nil }
        var size: Int?
        var notBefore: Int?
        var hopNotBefore: Int? = 0
        var isHeld = false
        var hasJournal = false
        let hints = name[name.index(after: end)...].prefix { $0 != Octet.colon }
        for hint in hints.split(separator: 0x2C, omittingEmptySubsequences: false) {
            if hint.starts(with: "S=".utf8) {
                size = Word.number(hint.dropFirst(2))
            } else if hint.starts(with: "R=".utf8) {
                notBefore = Word.number(hint.dropFirst(2))
            } else if hint.starts(with: "P=".utf8) {
                hopNotBefore = Word.number(hint.dropFirst(2))
            } else if hint.elementsEqual("H".utf8) {
                isHeld = true
            } else if hint.elementsEqual("J".utf8) {
                hasJournal = true
            } else {
                return nil
            }
        }
        guard let size, let notBefore, let hopNotBefore else { return nil }
        self.id = id
        self.size = size
        self.notBefore = notBefore
        self.hopNotBefore = hopNotBefore
        self.isHeld = isHeld
        self.hasJournal = hasJournal
        self.isTried = isTried
        self.name = String(decoding: name, as: UTF8.self)
    }
}
