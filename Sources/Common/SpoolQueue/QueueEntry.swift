// The file name of a queued message: its id, then hints repeated from the journal.

import DurableFiles
import Octets

/// One message as a listing shows it, without opening it. Where the journal, read under the lock, differs, the journal
/// is right.
public struct QueueEntry: Sendable, Hashable {
    public let id: QueueID
    /// Octets of the file, envelope included.
    public let size: Int
    /// Not to be tried before this time, in seconds since 1970; 0: at once.
    public let notBefore: Int
    /// Until when, in seconds since 1970, the next hop is at fault, as far as was known; 0: nothing is known. The
    /// journal does not have it.
    public let hopNotBefore: Int
    public let isHeld: Bool
    public let hasJournal: Bool
    /// Whether it stands in `cur`, as an attempt was begun.
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

    /// Reads `<id>,S=n,R=t[,P=t][,H][,J]`; what a mail program added behind a colon is ignored. `nil` for any other
    /// name, also for one with an unknown hint.
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
                size = JournalWord.number(hint.dropFirst(2))
            } else if hint.starts(with: "R=".utf8) {
                notBefore = JournalWord.number(hint.dropFirst(2))
            } else if hint.starts(with: "P=".utf8) {
                hopNotBefore = JournalWord.number(hint.dropFirst(2))
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
