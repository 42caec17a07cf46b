// Dates of header fields (RFC 5322 §3.3), made without Foundation.

import Glibc

/// A moment with the zone it is told in.
public struct MailDate: Sendable, Hashable, CustomStringConvertible {
    /// Seconds since 1970-01-01 00:00 UTC.
    public let seconds: Int
    /// Seconds east of UTC.
    public let offset: Int

    public init(seconds: Int, offset: Int = 0) {
        self.seconds = seconds
        self.offset = offset
    }

    /// This moment in the machine's zone.
    public static func now() -> MailDate {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        return MailDate(seconds: Int(now), offset: unsafe parts.tm_gmtoff)
    }

    /// `Sat, 21 Nov 2026 09:00:00 +0000`
    public var description: String {
        let (clock, zone) = (civilClock, abs(offset) / 60)
        return "\(clock.weekday), \(clock.day) \(clock.month) \(clock.year) \(clock.time) "
            + "\(offset < 0 ? "-" : "+")\(two(zone / 60))\(two(zone % 60))"
    }

    /// `Sat Nov 21 09:00:00 2026`, as asctime(3) has it: the date of the line that begins a message in an mbox.
    public var inMbox: String {
        let clock = civilClock
        return "\(clock.weekday) \(clock.month) \(clock.day < 10 ? " " : "")\(clock.day) \(clock.time) \(clock.year)"
    }

    private var civilClock: (weekday: String, day: Int, month: String, year: Int, time: String) {
        let local = seconds + offset
        let day = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
        let second = local - day * 86_400
        let (year, month, dayOfMonth) = Self.civil(fromDays: day)
        let weekday = Self.weekdays[((day + 4) % 7 + 7) % 7]
        let time = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        return (weekday, dayOfMonth, Self.months[month - 1], year, time)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Year, month (1-12) and day (1-31) of the day that lies `days` after 1970-01-01, in the Gregorian calendar.
    static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        // Counted in eras of 400 years that begin on 1 March 0000, so that leap days end their year.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
