// Where a session of `mhfetch --idle` waits for news.

import Testing

@testable import RunControl

@Suite struct IdleFolderTests {
    @Test(
        "FE6: news is waited for in the inbox where that is fetched, else in the first folder that has a name",
        arguments: [
            ("# all by itself", "INBOX"), ("folders *", "INBOX"), ("folders IN*X, Work", "INBOX"),
            ("folders Work, INBOX", "INBOX"), ("folders Lists.*, Work, Home", "Work"), ("folders *, !INBOX", nil),
            ("folders *, !IN*", nil), ("folders Lists.%", nil), ("folders Work\n  idle off", nil),
            ("folders *, Work\n  idle Work", "Work"), ("idle inbox", "INBOX"),
        ] as [(String, String?)])
    func idleFolder(_ lines: String, _ folder: String?) throws {
        let head = "mailbox m\naccount a\n  user u\n  password p\n  fetch imaps i.test\n  "
        #expect(try Fixture.read(head + lines).account("a")?.idleFolder == folder, "\(lines)")
    }

    @Test("FE6: a folder that is left out, or that no line names, is none to wait in")
    func noIdleFolder() {
        for lines in ["folders *, !INBOX\n  idle INBOX", "folders Lists.*\n  idle Work", "idle Work"] {
            let listing = Fixture.listing(
                "mailbox m\naccount a\n  user u\n  password p\n  fetch imaps i.test\n  \(lines)")
            #expect(listing.contains { $0.contains("is not fetched; name it with \"folders\", too") }, "\(listing)")
        }
    }
}
