// Dates of messages as IMAP has them.

import IMAPProtocol
import Testing

@Suite("An internal date")
struct InternalDateTests {
    @Test(
        "is a moment, whatever its zone",
        arguments: [
            ("17-Jul-1996 02:44:25 -0700", 837_596_665), (" 1-Jan-1970 00:00:00 +0000", 0),
            ("01-jan-1970 01:00:00 +0100", 0), ("29-FEB-2024 12:00:00 +0000", 1_709_208_000),
            ("31-Dec-1969 23:59:59 +0000", -1), ("01-Mar-2100 00:00:00 +0530", 4_107_522_600),
        ])
    func moment(text: String, seconds: Int) {
        #expect(InternalDate.seconds(text.utf8) == seconds)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "17-Jul-1996 02:44:25", "17-Jul-1996 02:44:25 0700 ", "17-Jux-1996 02:44:25 -0700",
            "00-Jul-1996 02:44:25 -0700", "17-Jul-1996 24:44:25 -0700", "17-Jul-1996 02:60:25 -0700",
            "17-Jul-1996 02:44:61 -0700", "17-Jul-19x6 02:44:25 -0700", "17/Jul/1996 02:44:25 -0700",
            "+1-Jul-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 -2400", "17-Jul-1996 02:44:25 -07000",
        ])
    func none(text: String) { #expect(InternalDate.seconds(text.utf8) == nil) }
}
