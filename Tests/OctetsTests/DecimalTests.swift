// Numbers from a peer.

import Octets
import Testing

@Suite("A decimal number")
struct DecimalTests {
    @Test("is read up to what an Int holds", arguments: [("0", 0), ("007", 7), ("9223372036854775807", Int.max)])
    func reads(_ text: String, _ number: Int) { #expect(Decimal.value(of: Array(text.utf8)) == number) }

    @Test(
        "is refused with a sign, a blank, nothing, or too many digits",
        arguments: ["", "+1", "-1", " 1", "1 ", "0x1", "9223372036854775808", "99999999999999999999999999", "١"])
    func refuses(_ text: String) { #expect(Decimal.value(of: Array(text.utf8)) == nil) }
}
