// What stays in folders for a time only: copies of what was sent, of all mail, what was thrown away.

import Delivery
import DurableFiles
import MaildirStore
import Reporting
import RunControl
import SpoolQueue

/// The file `<state>/expiry`: when it was last looked which messages have stayed long enough.
struct ExpiryRecord: KeptState {
    /// A look is due after this time, in seconds.
    static let interval = 86_400
    /// When nobody has looked for longer, the clock may have been set.
    static let longestGap = 8 * 86_400
    /// How many looks in a row, at such distances, show that the clock goes as time does.
    static let looks = 3

    /// In seconds since 1970.
    var last = 0
    var inARow = 0

    static let kind = "mailhub-expiry"
    static let fileName = "expiry"
    static let isDurable = false

    var lines: [(keyword: String, value: String)] {
        [("last", "\(max(0, last))"), ("looks", "\(max(0, inARow))")]
    }

    mutating func take(_ keyword: String, _ value: String) -> Bool {
        guard let number = JournalWord.number(value.utf8) else { return false }
        switch keyword {
        case "last": last = number
        case "looks": inARow = number
        default: return false
        }
        return true
    }

    /// Notes that somebody looks.
    /// - Returns: whether the clock can be believed when it says that messages are old. Age alone never deletes: a clock
    ///   that jumps makes everything old.
    mutating func look(now: Int) -> Bool {
        inARow = (Self.interval...Self.longestGap).contains(now - last) ? min(inARow + 1, Self.looks) : 1
        last = now
        return inARow >= Self.looks
    }

    /// Whether it is time to look.
    func isDue(now: Int) -> Bool { !(last..<last + Self.interval).contains(now) }
}

/// Removes what has stayed in folders for as long as the rc says, once a day.
struct Expiry {
    let hub: CarrierHub

    /// Looks, if it is time, and removes.
    /// - Parameter now: seconds since 1970.
    func run(now: Int = Clock.seconds()) {
        let mailboxes = hub.settings.mailboxes.filter { !$0.expiry.isEmpty }
        guard !mailboxes.isEmpty, ClockSanity.trusts(now) else { return }
        var mayRemove = false
        do throws(StateFileError) {
            let files = StateFiles<ExpiryRecord>(in: hub.queue.state)
            guard try files.read(ExpiryRecord.fileName).isDue(now: now) else { return }
            try files.change(ExpiryRecord.fileName) { mayRemove = $0.isDue(now: now) && $0.look(now: now) }
        } catch {
            return hub.log.write(.warning, "expiry", [("error", sentence(error))])
        }
        guard mayRemove else { return }
        for mailbox in mailboxes {
            for line in mailbox.expiry {
                do {
                    let count = try remove(line, from: mailbox, now)
                    guard count > 0 else { continue }
                    hub.log.write(
                        .info, "expiry",
                        [("mailbox", mailbox.name), ("folder", line.folder), ("removed", "\(count)")])
                } catch {
                    hub.log.write(
                        .warning, "expiry",
                        [("mailbox", mailbox.name), ("folder", line.folder), ("error", sentence(error))])
                }
            }
        }
    }

    private func remove(_ line: FolderExpiry, from mailbox: MailboxSettings, _ now: Int) throws -> Int {
        guard try FileStatus.at(mailbox.maildir) != nil else { return 0 }
        var maildir = try Maildir(path: mailbox.maildir, making: false)
        if let name = try FolderName.named(line.folder) {
            guard let folder = try maildir.folder(name) else { return 0 }
            maildir = folder
        }
        return try maildir.removeMessages(untouchedFor: line.time.wholeSeconds, now: now)
    }
}
