// Letters to the postmaster about what may go on for long: at most one a day of each.

import DurableFiles
import MailFormat
import Octets
import SpoolQueue

/// A letter of one kind, and when it was sent last.
struct DailyLetter {
    private static let day = 86_400

    private let hub: CarrierHub
    private let fileName: String
    private let records: StateFiles<LetterRecord>

    /// - Parameter fileName: of its state, in the hub's state directory.
    init(_ fileName: String, of hub: CarrierHub) {
        (self.hub, self.fileName) = (hub, fileName)
        records = StateFiles(in: hub.queue.state)
    }

    /// Sends the letter, where there is something to tell and the last one is a day old; else it is sent later.
    /// - Parameters:
    ///   - isOwed: whether there may be something to tell since this was asked last.
    ///   - write: makes the letter, given when the last one was sent, in seconds since 1970; `nil` for nothing to tell.
    func send(
        isOwed: Bool, write: (_ last: Int, QueueID, MailDate) throws -> LockedMessage.Notice?
    ) throws {
        let now = Clock.seconds()
        var record = try records.read(fileName)
        if isOwed, !record.isOwed { record = try records.change(fileName) { $0.isOwed = true } }
        guard record.isOwed, !(record.last..<record.last + Self.day).contains(now) else { return }
        let date = MailDate.now()
        let id = hub.queue.makeID(seconds: date.seconds)
        let letter = try write(record.last, id, date)
        if let letter { try hub.queue.add(letter, id: id) }
        try records.change(fileName) { record in
            record.isOwed = false
            if letter != nil { record.last = now }
        }
    }
}

/// A power cut may take it: the postmaster is told once more.
struct LetterRecord: KeptState {
    /// When the last letter was sent, in seconds since 1970.
    var last = 0
    /// Whether there may be something to tell since.
    var isOwed = false

    static let kind = "mailhub-letter"
    static let isDurable = false

    var lines: [(keyword: String, value: String)] { [("last", "\(max(0, last))"), ("owed", isOwed ? "1" : "0")] }

    mutating func take(_ keyword: String, _ value: String) -> Bool {
        guard let number = JournalWord.number(value.utf8) else { return false }
        switch keyword {
        case "last": last = number
        case "owed": isOwed = number > 0
        default: return false
        }
        return true
    }
}
