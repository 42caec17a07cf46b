// Mail of users without a mailbox here that is held by rule: the postmaster hears of all of it in one letter.

import DurableFiles
import MailFormat
import Octets
import Reporting
import SpoolQueue

/// What the postmaster is told of held mail that is nobody's here. A program that sends a thousand messages makes one letter,
/// not a thousand notices.
struct UnownedMail {
    /// Messages that a letter names.
    private static let named = 20
    private static let day = 86_400

    let hub: CarrierHub

    /// Tells the postmaster of what was held since the last letter, if that is a day old.
    func tell() {
        do {
            let (now, records) = (Clock.seconds(), StateFiles<UnownedRecord>(in: hub.queue.state))
            var record = try records.read(UnownedRecord.fileName)
            if hub.hasHeldUnowned, !record.isOwed {
                record = try records.change(UnownedRecord.fileName) { $0.isOwed = true }
            }
            guard record.isOwed, !(record.told..<record.told + Self.day).contains(now) else { return }
            var (lines, count): ([String], Int) = ([], 0)
            for entry in try hub.queue.list().entries {
                guard let message = try hub.queue.peek(entry), message.acceptance.isUnowned(message.envelope),
                    let held = message.state.recipients.first(where: { $0.isHeld })
                else { continue }
                count += 1
                guard lines.count < Self.named else { continue }
                let why = held.verdict?.text ?? ""
                lines.append("\(entry.id) from \(message.envelope.reversePath) to <\(held.destination)>: \(why)")
            }
            if count > 0 {
                let date = MailDate.now()
                let id = hub.queue.makeID(seconds: date.seconds)
                let named = lines.sorted() + (count > lines.count ? ["…"] : [])
                try hub.queue.add(try hub.notices.write(unowned: named, count: count, id: id, at: date), id: id)
            }
            try records.change(UnownedRecord.fileName) { record in
                record.isOwed = false
                if count > 0 { record.told = now }
            }
        } catch {
            hub.log.write(.error, "held mail", [("error", sentence(error))])
        }
    }
}

/// The file `<state>/unowned`. A power cut may take it: the postmaster is told once more.
struct UnownedRecord: KeptState {
    /// When the postmaster had the last letter, in seconds since 1970.
    var told = 0
    /// Whether mail was held since.
    var isOwed = false

    static let kind = "mailhub-unowned"
    static let fileName = "unowned"
    static let isDurable = false

    var lines: [(keyword: String, value: String)] { [("told", "\(max(0, told))"), ("owed", isOwed ? "1" : "0")] }

    mutating func take(_ keyword: String, _ value: String) -> Bool {
        guard let number = JournalWord.number(value.utf8) else { return false }
        switch keyword {
        case "told": told = number
        case "owed": isOwed = number > 0
        default: return false
        }
        return true
    }
}
