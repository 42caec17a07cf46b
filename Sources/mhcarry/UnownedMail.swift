// Mail of senders without a mailbox here that is held by rule: the postmaster hears of all of it in one letter.

import MailEnvelope
import Reporting
import SpoolQueue

/// What the postmaster is told of held mail that is nobody's here. A program that sends a thousand messages makes one letter,
/// not a thousand notices.
struct UnownedMail {
    /// Messages that a letter names.
    private static let named = 20

    let hub: CarrierHub

    /// Tells the postmaster of what is held, if some was in this run, or since the last letter.
    func tell() {
        do {
            try DailyLetter("unowned", of: hub).send(isOwed: hub.hasHeldUnowned) { _, id, date in
                let (lines, count) = try held()
                guard count > 0 else { return nil }
                let named = lines.sorted() + (count > lines.count ? ["…"] : [])
                return try hub.notices.write(unowned: named, count: count, id: id, at: date)
            }
        } catch {
            hub.log.write(.error, "held mail", [("error", sentence(error))])
        }
    }

    /// A line for each of some of the messages, and the number of all of them.
    private func held() throws -> (lines: [String], count: Int) {
        var (lines, count): ([String], Int) = ([], 0)
        for entry in try hub.queue.list().entries {
            do {
                guard let message = try hub.queue.peek(entry), message.acceptance.isUnowned(message.envelope),
                    let held = message.state.recipients.first(where: { $0.isHeld })
                else { continue }
                count += 1
                guard lines.count < Self.named else { continue }
                let why = held.verdict?.text ?? ""
                lines.append("\(entry.id) from \(message.envelope.reversePath) to <\(held.destination)>: \(why)")
            } catch {
                // One that cannot be read keeps nobody from hearing of the others.
                hub.note(error, of: entry.id)
            }
        }
        return (lines, count)
    }
}
