// What a person hears who mistyped: one complaint, at its place, with the word that was meant.

import MailTestKit
import Testing

@testable import RunControl

@Suite struct HintTests {
    @Test(
        "each mistake has one complaint, and the complaint says what was meant",
        arguments: [
            // In a block `account a` of a good rc, in the place of its `fetch` line.
            ("feched imaps i.example", "unknown word \"feched\" in an account block; did you mean \"fetch\"?"),
            ("fetch imaps://i.example/", "write \"fetch imaps i.example\", without ://"),
            ("fetch imaps imaps://i.example", "the server is written without ://; write \"i.example\""),
            ("fetch i.example imaps", "write it the other way about: \"fetch imaps i.example\""),
            (
                "fetch imasp i.example",
                "the service is one of pop3, imap, pop3s, imaps, not \"imasp\"; did you mean \"imaps\"?"
            ),
            ("fetch odrm i.example", "the service is one of pop3, imap, pop3s, imaps, not \"odrm\""),
            ("protocol imap", "write \"fetch\" for \"protocol\""),
            ("ssl on", "the service says it: pop3s and imaps begin with TLS, pop3 and imap with STARTTLS"),
            ("nokeep", "write \"keep off\""),
            ("keep of", "keep is on, off or a time such as 30d, not \"of\"; did you mean \"off\"?"),
            ("keep forever", "keep is on, off or a time such as 30d, not \"forever\""),
            (
                "trust-file_tls /x",
                "unknown word \"trust-file_tls\" in an account block; did you mean \"tls_trust_file\"?"
            ),
            ("folders INBOX, Sent, inbox", "the folder \"INBOX\" is fetched already; name it once"),
            (
                "folders “Sent Mail”",
                "“ is no quote here; write \" in its place, or put the word in \" if it begins with “"
            ),
            ("timeout 2h", "the time is from 1 second to 1 hour, so it cannot be \"2h\""),
            ("via abroad", "this release cannot connect over a chain yet; remove the line"),
            ("show INBOX", "\"show\" does not belong to an account block; it stands indented, in a mailbox block"),
            (
                "postmaster m",
                "\"postmaster\" does not belong to an account block; it stands at the beginning of a line"
            ),
        ])
    func account(_ line: String, _ complaint: String) {
        let listing = Fixture.listing(
            "mailbox m\naccount a\n  owner m\n  address a@x.org\n  password x\n  \(line)\n  send smtp s.example")
        #expect(listing.count == 1 || line.hasPrefix("via"), "\(listing)")
        #expect(
            listing.first.map { String($0.drop { $0 != " " }.dropFirst()) }?.hasPrefix(complaint) == true, "\(listing)")
    }

    @Test(
        "a mistyped word leaves nothing missing, and a mistyped block leaves its lines and its name",
        arguments: [
            "  adress a@x.org\n  password x\n  fetch imaps i.example",
            "  address a@@x.org\n  password x\n  fetch imaps i.example",
            "  address alice\n  password x\n  fetch imaps i.example",
            "  address a@x.org\n  pasword x\n  fetch imaps i.example",
            "  address a@x.org\n  pass x\n  fetch imaps i.example",
            "  address a@x.org\n  password #x\n  fetch imaps i.example",
            "  address a@x.org\n  passwordfile x\n  fetch imaps i.example",
            "  address a@x.org\n  usr u\n  fetch imaps i.example\n  password x",
        ])
    func oneComplaint(_ block: String) {
        for head in ["mailbox m\naccount a", "mailbox m\nmailbox n\naccount a\n  owner m"] {
            let listing = Fixture.listing("\(head)\n\(block)")
            #expect(listing.count == 1, "\(listing)")
        }
        let good = "  address a@x.org\n  password x\n  fetch imaps i.example"
        for text in [
            "mailbx m\n  address m@x.org\nmailbox n\naccount a\n  owner m\n\(good)",
            "mailbox m/m\nmailbox n\naccount a\n  owner m/m\n\(good)",
            "mailbox m\nmailbox n\naccount a\n  onwer m\n\(good)",
            "mailbox m\nacount a\n\(good)\n  send smtp x.example\nroute r\n  use a",
            "mailbox m\naccount a!\n\(good)\n  send smtp x.example\nroute r\n  use a!",
            "mailbox m\naccount a : b\n  fetch imaps i.example\n  keep off",
            "mailbox m\naccount a\n\(good)\n  snd smtp x.example\nroute r\n  use a",
            "poll pop.example proto pop3\n  user a\n  pass b\nmailbox m", "hostname a.example\n  user a\n  pass b",
        ] {
            let listing = Fixture.listing(text)
            #expect(listing.count == 1, "\(text)\n\(listing)")
        }
    }

    @Test("a # that begins a comment is told where a word is missing")
    func comment() {
        #expect(
            Fixture.listing("mailbox m\n  password #abc") == [
                "rc:2:12: password: the password is missing; # begins a comment, so put quotes around a word that begins "
                    + "with it"
            ])
        #expect(Fixture.listing("mailbox m\n  password") == ["rc:2:11: password: the password is missing"])
        #expect(Fixture.listing("mailbox m\n  password abc#def # a comment").isEmpty)
        #expect(Fixture.listing("mailbox m\n  password \"“abc\"").isEmpty)
    }

    @Test("fetchmail's poll is known for what it is")
    func poll() {
        #expect(
            Fixture.listing("poll pop.example.org protocol pop3 username a password b") == [
                "rc:1:1: that is fetchmail's; write \"account NAME\", and indented below it \"fetch imaps HOST\", \"user "
                    + "LOGIN\", \"password TEXT\""
            ])
        #expect(
            Fixture.listing("listen [::]:995 pop3s").first
                == "rc:1:8: write it the other way about: \"listen pop3s [::]:995\"")
    }

    @Test("names of accounts and mailboxes have their hint, too")
    func names() {
        let listing = Fixture.listing(
            "mailbox m\naccount gmail\n  owner m\n  send smtp x.example\nroute r\n  use gmial")
        #expect(listing == ["rc:6:7: there is no account \"gmial\"; did you mean \"gmail\"?"])
    }

    @Test("no hint leads to a word that is then refused")
    func hintsLead() {
        let later = Scope.allCases.flatMap { Vocabulary.words(in: $0) }.filter { $0.deed != nil }.map(\.key)
        #expect(later.count > 10)
        for refused in later + ["chain"] {
            for near in [
                refused + "s", refused + "x", "x" + refused, String(refused.dropLast()), String(refused.dropFirst()),
            ] {
                guard !near.isEmpty else { continue }
                let position = SourcePosition(file: "rc", line: 1, column: 1)
                for scope in Scope.allCases where Vocabulary.deed(of: refused, in: scope) != nil {
                    let complaint = Vocabulary.unknown(Word(text: near, position: position), in: scope)
                    #expect(!complaint.contains("did you mean \"\(refused)\""), "\(complaint)")
                }
            }
        }
    }

    @Test("an address of an account has a domain; a mailbox may leave it to qualify")
    func addresses() {
        #expect(
            Fixture.listing("account a\n  address alice") == [
                "rc:2:11: \"alice\" has no domain; an account's address is whole, as in alice@example.org"
            ])
        #expect(Fixture.listing("account a\n  from alice").count == 1)
        #expect(Fixture.listing("mailbox m\n  address alice").isEmpty)
    }

    @Test("bounds and counts are said as people say them")
    func quantities() {
        #expect(
            [1, 60, 3600, 86_400, 315_360_000, 90].map { Quantity.words(seconds: $0) } == [
                "1 second", "1 minute", "1 hour", "1 day", "10 years", "90 seconds",
            ])
        #expect(
            [0, 999, 1000, 10_000, 1_002_003].map(Quantity.grouped) == ["0", "999", "1,000", "10,000", "1,002,003"])
        #expect(
            Fixture.listing("max-recipients 10001") == [
                "rc:1:16: the number of recipients is a number from 1 to 10,000, not \"10001\""
            ])
    }
}
