// Mailbox names, for the wire and for a person.

import IMAPProtocol
import Testing

@Suite struct IMAPMailboxNameTests {
    @Test("a name is modified UTF-7 on the wire, and one that is not keeps its octets")
    func both() {
        let name = IMAPMailboxName("Entwürfe")
        #expect(name.encoded == Array("Entw&APw-rfe".utf8))
        #expect(name.decoded == "Entwürfe")
        let odd = IMAPMailboxName(encoded: Array("Entw&APw".utf8))
        #expect(odd.decoded == nil)
        #expect(odd.encoded == Array("Entw&APw".utf8))
    }
}
