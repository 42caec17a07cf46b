// Aliases that cannot be followed: the postmaster hears why mail waits for them.

import Reporting
import SpoolQueue
import Synchronization

/// Why recipients could not be replaced in this run: an aliases file with a mistake, a program that failed.
final class AliasFaults: Sendable {
    /// Faults that a letter names.
    private static let named = 20

    private let faults = Mutex<Set<String>>([])

    /// Notes that mail waits because of this.
    func note(_ fault: String) {
        faults.withLock { faults in
            guard faults.count <= Self.named else { return }
            faults.insert(fault)
        }
    }

    /// Tells the postmaster, unless he was told within a day.
    func tell(by hub: CarrierHub) {
        let faults = faults.withLock { $0.sorted() }
        do {
            try DailyLetter("aliases-told", of: hub).send(isOwed: !faults.isEmpty) { _, id, date in
                // What was seen in an earlier run is seen again as long as mail waits for it.
                guard !faults.isEmpty else { return nil }
                let lines = faults.prefix(Self.named) + (faults.count > Self.named ? ["…"] : [])
                return try hub.notices.write(notFollowed: Array(lines), id: id, at: date)
            }
        } catch {
            hub.log.write(.error, "aliases", [("error", sentence(error))])
        }
    }
}
