// Days as people write them.

import Testing

@testable import mhfetch

@Suite("A day of the calendar")
struct CalendarDayTests {
    @Test("is written by year, month and day, and said as IMAP has it")
    func day() {
        #expect(CalendarDay("2026-01-31")?.imap == "31-Jan-2026" && CalendarDay("2024-02-29")?.imap == "29-Feb-2024")
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "2026-1-31", "2026-13-01", "2026-02-29", "31-01-2026", "2026-01-00", "2026-01-31x", "+026-01-31",
            "1969-12-31",
        ])
    func none(_ text: String) { #expect(CalendarDay(text) == nil) }
}
