// What a run is for, besides fetching: to take mail as known, to delete what is known, to tell what would be done.

import Delivery
import FetchLedger
import Glibc
import Reporting

/// What a run does at the source.
enum Errand: Equatable {
    /// Fetches what is new, and deletes what may go.
    case fetch
    /// Takes what is there as known, without fetching it; where there is a date, only what came before that day.
    case markSeen(before: CalendarDay?)
    /// Deletes all that was fetched, whatever `keep` says, and fetches nothing.
    case flush
}

/// A day of the calendar, as `2026-11-22`.
struct CalendarDay: Equatable, CustomStringConvertible {
    let year: Int
    let month: Int
    let day: Int

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// - Returns: `nil` for what is no such day.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.count) == [4, 2, 2],
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }), let year = Int(parts[0]),
            let month = Int(parts[1]), let day = Int(parts[2]), year >= 1970, (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(day) else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The local day of a moment in seconds since 1970.
    init(of moment: Int) {
        var seconds = time_t(moment)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        unsafe (year, month, day) = (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
    }

    /// `2026-11-22`
    var description: String { "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)" }

    /// `date-text` of RFC 3501 §9.
    var imap: String { "\(day)-\(Self.months[month - 1])-\(year)" }
}

extension AccountRun {
    /// Tells, in a dry run, what would be fetched.
    /// - Parameter folder: where from; `nil` for a maildrop.
    func announce(fetching messages: [Pending], from folder: String? = nil, to destination: Destination) {
        let octets = messages.reduce(0) { $0.adding(told: $1.isHeaderOnly ? 0 : $1.size ?? 0) }
        let place = folder.map { " in \(printable($0))" } ?? ""
        guard !messages.isEmpty else { return say("nothing new\(place)") }
        let from = folder.map { " from \(printable($0))" } ?? ""
        var line =
            "\(counted(messages.count, "message")) would be fetched\(from), \(counted(octets, "octet")), into "
            + printable(account.placesText(destination))
        if account.keep == .off {
            let fate = account.moveTarget.map { "go to \(printable($0))" } ?? "are deleted"
            line += "; at the server they \(fate)"
        }
        let headers = messages.count(where: \.isHeaderOnly)
        if headers > 0 { line += "; of \(headers == messages.count ? "each" : "\(headers)") only the header" }
        if !account.filter.isEmpty { line += ", if the filter lets them pass" }
        say(line)
        guard isVerbose else { return }
        for message in messages {
            let size = message.size.map { counted($0, "octet") } ?? "size unknown"
            let part = message.isHeaderOnly ? ", the header only" : ""
            say("  \(printable(message.key.uniqueID ?? "UID \(message.number)")), \(size)\(part)")
        }
    }

    /// Tells what is taken as known without being fetched, or, in a dry run, would be.
    func announce(passing count: Int, from folder: String? = nil) {
        let place = folder.map { " in \(printable($0))" } ?? ""
        guard isDry else { return tell("\(counted(count, "message"))\(place) taken as known") }
        say("\(counted(count, "message"))\(place) would be taken as known")
    }

    /// Tells, in a dry run, what would become of fetched mail at the source.
    func announce(deleting count: Int, from folder: String? = nil) {
        guard count > 0 || errand == .flush else { return }
        let from = folder.map { " from \(printable($0))" } ?? ""
        let deed = account.moveTarget.map { "moved\(from) to \(printable($0))" } ?? "deleted\(from)"
        say("\(counted(count, "message")) would be \(deed)")
    }
}
