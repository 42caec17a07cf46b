// Whole listings of what is wrong, as a person sees them.

import Testing

@testable import RunControl

@Suite struct FaultListingTests {
    @Test("every fault is told at once, at its position, with the nearest word")
    func golden() {
        let listing = Fixture.listing(
            """
            hostnme hub.example
            hostname hub.example extra
            size-limit big
            postmaster bbo
            warn-after 4x
              address nobody@example.org
            mailbox bob
              adress bob@example.org
              password one
              passwordfile ~/two
              password three
              maildir Mail/bob
              use gmail
            mailbox bob
            account gmail
              owner bbo
              fetch imap4 imap.gmail.com
              keep 12h
              tls_fingerprint 0123
              host imap.gmail.com
            account more : gmial
            route out
              use gmail nothing
              on-connect-failure bonce
            listen pop3s localhost
            listen pop3 127.0.0.1 alow 10.0.0.0/8
            listen smtp [::]:25 allow 10.0.0.1/8
            """)
        #expect(
            listing == [
                "rc:1:1: unknown word \"hostnme\"; did you mean \"hostname\"?",
                "rc:2:22: hostname: nothing may follow here, yet \"extra\" does",
                "rc:3:12: the message size is a size such as 10m, from 64k to 2g, not \"big\"",
                "rc:4:12: there is no mailbox \"bbo\"; did you mean \"bob\"?",
                "rc:5:12: the time is a time in w, d, h, m and s, such as 90s, 15m or 1d12h, not \"4x\"",
                "rc:6:3: an indented line belongs to a block, and none has begun here",
                "rc:8:3: unknown word \"adress\" in a mailbox block; did you mean \"address\"?",
                "rc:10:3: \"passwordfile\" contradicts \"password\" at rc:9:3",
                "rc:11:3: \"password\" is already given at rc:9:3",
                "rc:12:11: the Maildir must begin with / or ~/, since commands run from any directory, unlike \"Mail/bob\"",
                "rc:13:3: \"use\" does not belong to a mailbox block; it stands indented, in a route block",
                "rc:14:9: mailbox bob is already defined at rc:7:9",
                "rc:16:9: there is no mailbox \"bbo\"; did you mean \"bob\"?",
                "rc:17:9: the service is one of pop3, imap, pop3s, imaps, not \"imap4\"; did you mean \"imaps\"?",
                "rc:18:8: the time of keep is from 1 day to 10 years, so it cannot be \"12h\"",
                "rc:19:19: a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits with or without colons, or that of its key: sha256//BASE64",
                "rc:20:3: write \"send submission HOST:PORT\" or \"fetch pop3s HOST:PORT\" instead of \"host\"",
                "rc:21:16: no account \"gmial\" stands above this one; did you mean \"gmail\"?",
                "rc:23:7: account gmail has no \"send\" line, so nothing leaves through it",
                "rc:23:13: there is no account \"nothing\"",
                "rc:24:22: what to do is one of defer, bounce, not \"bonce\"; did you mean \"bounce\"?",
                "rc:25:14: the address is one of this machine with a port, such as 127.0.0.1:995, [::]:995 or *:995, "
                    + "not \"localhost\"",
                "rc:26:23: unknown word \"alow\" in a listen block; did you mean \"allow\"?",
                "rc:27:27: \"10.0.0.1/8\" has bits set after its first 8",
            ])
    }

    @Test("a route leads to accounts or to a program; sockets speak LMTP")
    func targets() {
        #expect(
            Fixture.listing(
                """
                account a
                  send submission /run/a
                account b
                  send lmtp run/a
                route r
                  pipe /usr/bin/uux %nobody
                route s
                  use a
                  pipe /usr/bin/uux
                route t
                  pipe "%"
                """) == [
                    "rc:2:19: a socket speaks LMTP; write \"send lmtp /run/a\"",
                    "rc:4:13: a socket is named by its whole path, which begins with /, unlike \"run/a\"",
                    "rc:6:21: %nobody stands for nothing; there are %recipient %user %domain %sender %mailbox",
                    "rc:9:3: route s: \"use\" and \"pipe\" lead to different places; make a route of its own for each: all that "
                        + "match count, in order",
                    "rc:11:8: a percent sign by itself is written as %%",
                ])
    }

    @Test("whom an account is for: mailboxes that there are, or everyone and nobody beside")
    func guests() throws {
        #expect(
            Fixture.listing(
                """
                mailbox alice
                mailbox everyone
                account a
                  for everyone alice
                account b
                  for alice bob
                account c
                  for
                account d
                  for alice everyone
                """) == [
                    "rc:2:9: no mailbox can be called everyone, which \"for\" takes for all",
                    "rc:4:16: for: nothing may follow here, yet \"alice\" does",
                    "rc:6:13: there is no mailbox \"bob\"",
                    "rc:8:6: for: the mailbox, or everyone, is missing",
                    "rc:10:13: everyone is for all mailboxes, and stands alone",
                ])
        let both = "mailbox alice\naccount a\n  for everyone\n  for alice\n"
        #expect(try Fixture.read(both).accounts.map(\.guests) == [.everyone])
    }

    @Test("lines that contradict each other are told at the one to change")
    func contradictions() {
        #expect(
            Fixture.listing(
                """
                mailbox alice
                  address both@example.org
                mailbox bob
                  address both@EXAMPLE.org *@*
                  maildir ~/Mail/alice
                account a
                  user u
                  send submissions smtp.example
                  tls off
                  tls_trust_file /x
                account b
                  fetch pop3s pop.example
                  folders INBOX
                  inet 4
                  source-ip ::1
                account c
                  fetch imaps imap.example
                  owner alice
                  address *@c.example
                  password x
                  auth off
                route r
                domain d.example
                  block postmaster x@e.example
                listen pop3s [::]
                listen submission [::]:995
                """) == [
                    "rc:4:28: \"*@*\" would take addresses of other people's domains; name the domain",
                    "rc:5:3: mailbox alice has the Maildir /home/alice/Mail/alice already",
                    "rc:7:3: account a: there is a login and no password; add one, or say \"auth off\"",
                    "rc:8:3: account a: submissions is TLS, and \"tls off\" forbids it",
                    "rc:10:3: account a: \"tls off\" leaves nothing to check",
                    "rc:12:3: account b: \"owner MAILBOX\" must say whose mail it is",
                    "rc:12:3: account b: \"user LOGIN\" is missing, and no address stands in for it",
                    "rc:12:3: account b: \"passwordeval\", \"passwordfile\", \"password\" or \"tokeneval\" is missing",
                    "rc:13:3: account b: POP3 knows no folders; fetch by IMAP or remove the line",
                    "rc:15:3: account b: ::1 is no address of \"inet 4\"",
                    "rc:17:3: account c: \"user LOGIN\" is missing, and no address stands in for it",
                    "rc:21:3: account c: nothing can be fetched without a login",
                    "rc:22:7: route r: no \"use ACCOUNT\", \"mx\" or \"pipe PROGRAM\" says where mail goes",
                    "rc:24:9: mail for the postmaster of a domain must be accepted (RFC 5321, 4.5.1)",
                    "rc:25:8: pop3s is TLS and needs \"tls_certificate FILE key FILE\"",
                    "rc:26:8: another listener has this address and port, at rc:25:8",
                ])
        #expect(
            Fixture.listing("mailbox a\n  address x@y.org\nmailbox b\n  address X@Y.org") == [
                "rc:4:3: X@y.org is an address of mailbox a already"
            ])
    }

    @Test(
        "folders need commas and names",
        arguments: ["a b", "a,,b", ",a", "a ->", "-> a", "a -> b -> c", "a->b", "\"\"", "a \"\""])
    func folders(_ text: String) {
        let listing = Fixture.listing("account a\n  folders \(text)")
        #expect(listing.count == 1 && listing[0].hasPrefix("rc:2:"), "\(listing)")
    }

    @Test("who meets strangers' servers must have a name; providers and mail programs need none")
    func hostname() {
        #expect(
            Fixture.listing("mailbox a\nlisten smtp [::]:25") == [
                "rc:2:8: listen smtp talks to other servers and needs the line \"hostname NAME\", the name they know this hub by"
            ])
        #expect(Fixture.listing("hostname hub.example\nmailbox a\nlisten smtp [::]:25") == [])
        #expect(Fixture.listing("mailbox a\nlisten submission [::]:587") == [])
        // One mistake is told once.
        #expect(
            Fixture.listing("hostnme hub.example\nlisten smtp [::]:25") == [
                "rc:1:1: unknown word \"hostnme\"; did you mean \"hostname\"?"
            ])
    }

    @Test("folders, patterns and where mail is moved to do not contradict each other")
    func folderRules() {
        func listing(_ lines: String..., fetch: String = "imaps") -> [String] {
            let rc = "mailbox m\naccount a\n  owner m\n  user u\n  password x\n  fetch \(fetch) mail.example\n"
            return Fixture.listing(rc + lines.map { "  \($0)\n" }.joined())
        }
        #expect(listing("folders *, !Trash", "move Done", "search UNSEEN", "mark-seen") == [])
        #expect(listing("folders INBOX, Done/*", "move Done", "keep 3d") == [])
        let told: [([String], String)] = [
            (["folders !Trash"], "\"!Trash\" only leaves out; to fetch all else write \"folders *, !Trash\""),
            (
                ["folders INBOX, !Trash"],
                "\"!Trash\" leaves nothing out, since there is no pattern such as \"*\""
            ),
            (["folders Lists/*, a/%, !Lists/*, !a*"], "all that is named is left out by \"!\", too"),
            (["folders INBOX, inbox"], "the folder \"INBOX\" is fetched already; name it once"),
            (["folders *, !a -> b"], "\"!\" leaves a folder out, so that no mail of it goes anywhere"),
            (["folders a -> b/*"], "\"*\" stands for what a pattern matched, and \"a\" is none"),
            (["folders a/* -> %"], "\"%\" is for patterns; write \"*\" for what one matched"),
            (["folders a, !"], "the name of a folder is missing"),
            (["folders -> b"], "the folder before -> is missing"),
            (["move Done*"], "mail is moved to one folder, and \"Done*\" is a pattern"),
            (["keep on", "move Done"], "\"keep on\" leaves mail where it is; remove one of the two lines"),
            (
                ["folders INBOX", "move inbox"],
                "\"inbox\" is fetched from, so that its mail would be fetched and moved for ever"
            ),
            (["search \"BODY {5}\""], "a search is in printable ASCII without \"{\""),
        ]
        for (lines, words) in told {
            let listing = Fixture.listing(
                "mailbox m\naccount a\n  owner m\n  user u\n  password x\n  fetch imaps mail.example\n"
                    + lines.map { "  \($0)\n" }.joined())
            #expect(listing.count == 1 && listing.first?.hasSuffix(words) == true, "\(lines): \(listing)")
        }
        #expect(listing("folders Lists/*, !Lists/%") == [], "what is deeper is left")
        for line in ["folders A", "search UNSEEN", "move Done", "mark-seen", "flags off"] {
            #expect(listing(line, fetch: "pop3s").first?.contains("POP3 knows no ") == true, "\(line)")
        }
    }

    @Test("an account that fetches by POP3 inherits no words of IMAP")
    func inheritedByPOP3() {
        let base = """
            mailbox m
            account a
              owner m
              user u
              password x
              fetch imaps i.example
              compress
              idle on
              folders *, !Trash
              mark-seen

            """
        #expect(Fixture.listing(base + "account b : a\n  fetch pop3s p.example\n") == [])
        #expect(Fixture.listing(base + "account b : a\n  fetch pop3s p.example\naccount c : b\n") == [])
        #expect(
            Fixture.listing(base + "account b : a\n  fetch pop3s p.example\n  compress\n") == [
                "rc:13:3: account b: POP3 knows no compression; fetch by IMAP or remove the line"
            ])
    }

    @Test("what is off, and called by another name, is told by its own; so is what a server or a socket is not")
    func otherNames() {
        func listing(_ line: String) -> String? {
            Fixture.listing(
                "mailbox m\naccount a\n  owner m\n  user u\n  password x\n  fetch imaps h.example\n  \(line)\n"
            ).first
        }
        #expect(
            Fixture.listing("alert-after never\nmailbox m") == [
                "rc:1:13: alert-after is a time or off; write \"off\", not \"never\""
            ])
        for (line, told) in [
            ("idle no", "8: idle is on, off or a folder; write \"off\", or the name of a folder \"no\" in quotes"),
            ("deliver lmtp h.example:99999", "16: a port is a number from 1 to 65,535, not \"99999\""),
            ("deliver smtp [::1]:0", "16: a port is a number from 1 to 65,535, not \"0\""),
            (
                "deliver lmtp run/lmtp",
                "16: a socket is named by its whole path, which begins with /, unlike \"run/lmtp\""
            ),
            (
                "deliver smtp h.example tls off",
                "26: mail goes to another machine in clear only with \"tls off insecure\""
            ),
        ] {
            #expect(listing(line) == "rc:7:\(told)")
        }
        #expect(listing("folders *\n  idle \"no\"") == nil)
    }

    @Test("FE11: mail that is appended comes back by no account of the same mailbox, and is told at its line")
    func circles() {
        func listing(_ place: String, host: String = "I.example", more: String = "") -> [String] {
            Fixture.listing(
                """
                mailbox m
                account a
                  owner m
                  user u
                  password x
                  fetch imaps i.example
                \(more)
                account b
                  owner m
                  user u
                  password x
                  fetch pop3s \(host)
                  deliver maildir
                  deliver append \(place)
                """)
        }
        let told = "rc:14:3: account b: its mail would go round in a circle by way of account a"
        #expect(listing("a") == [told + "; both are fetched from one mailbox"])
        #expect(listing("a inbox") == [told + "; both are fetched from one mailbox"])
        #expect(listing("a Archive") == [], "from there it is not fetched")
        #expect(listing("a", host: "j.example") == [])
        #expect(
            listing("a", host: "j.example", more: "  deliver append b").contains {
                $0.hasPrefix("rc:7:3: account a: account b has no \"fetch imaps\"")
            })
        #expect(
            listing("a \"\"").first == "rc:14:20: mail is appended to one folder, and \"\" names none, or several")
        #expect(
            listing("a Lists/*").first
                == "rc:14:20: mail is appended to one folder, and \"Lists/*\" names none, or several")
    }

    @Test("FE11: each recipient at one server is another place, and the same place stands once")
    func samePlace() {
        func listing(_ lines: String...) -> [String] {
            Fixture.listing(
                "mailbox m\naccount a\n  owner m\n  user u\n  password x\n  fetch imaps h.example\n"
                    + lines.map { "  \($0)\n" }.joined())
        }
        #expect(listing("deliver lmtp /s", "deliver lmtp /s for bob") == [])
        let told = "rc:8:11: mail goes there already; name it once"
        #expect(listing("deliver lmtp /s for bob", "deliver lmtp /s for bob") == [told])
        #expect(listing("deliver lmtp localhost:24", "deliver lmtp LOCALHOST") == [told])
        #expect(
            listing("deliver smtp localhost tls off").first
                == "rc:7:26: what goes to localhost:25 never leaves this machine, and needs no such words")
    }

    @Test("FE11: programs whose words are other words are other places")
    func otherWords() {
        #expect(
            Fixture.listing(
                """
                mailbox m
                account a
                  owner m
                  user u
                  password x
                  fetch imaps h.example
                  deliver program /a "b c"
                  deliver program /a b c
                """) == [])
    }

    @Test("a method of login has what it needs, and nothing it is not for")
    func methods() {
        func listing(_ lines: String...) -> [String] {
            let rc = "mailbox m\naccount a\n  owner m\n  user u\n  fetch imaps mail.example\n"
            return Fixture.listing(rc + lines.map { "  \($0)\n" }.joined())
        }
        for good in [
            ["tokeneval get-token"], ["tokeneval get-token", "auth oauth"], ["tokeneval a", "auth oauthbearer"],
            ["tokeneval a", "auth xoauth2"], ["tls_cert_file /c.pem", "auth external"],
        ] {
            #expect(
                Fixture.listing(
                    "mailbox m\naccount a\n  owner m\n  user u\n  fetch imaps h.example\n"
                        + good.map { "  \($0)\n" }.joined()) == [])
        }
        #expect(
            Fixture.listing(
                "mailbox m\naccount a\n  owner m\n  fetch imaps h.example\n  auth external\n  tls_cert_file /c.pem")
                == [])
        #expect(
            listing("password x", "auth oauth") == ["rc:7:3: account a: \"auth oauth\" needs \"tokeneval COMMAND\""])
        #expect(
            listing("tokeneval t", "auth plain") == [
                "rc:7:3: account a: \"tokeneval\" writes a token, and \"auth plain\" is for a password"
            ])
        #expect(
            listing("auth external") == [
                "rc:6:3: account a: \"auth external\" needs \"tls_cert_file FILE\", the certificate to log in with"
            ])
        #expect(
            listing("password x", "auth apop") == [
                "rc:7:3: account a: \"auth apop\" is for \"fetch pop3s\" and \"fetch pop3\" alone"
            ])
        #expect(
            listing("password x", "tls_key_file /k.pem") == [
                "rc:7:3: account a: \"tls_cert_file FILE\" must name the certificate whose key it is"
            ])
        #expect(listing("password x", "tokeneval t").first?.hasPrefix("rc:7:3: ") == true)
    }

    @Test("what a later release will do is refused at its position, never passed over")
    func notYet() {
        let listing = Fixture.listing(
            """
            geoip ~/country.mmdb
            mailbox m
              show INBOX Sent
            account a
              owner m
              address a@x.org
              password x
              at 06:30
              fetch odmr odmr.example
              send lmtp /run/lmtp
              via abroad
              privacy anonymous
              folders INBOX
              deliver maildir
            route r
              mx
            chain abroad
              hop wireguard ~/wg.conf
            domain d.example
              dkim s ~/key
            listen lmtp [::]:24
            listen smtp [::]:25 allow country CH
            listen pop3 [::]:110
              deny mail.example.org
            """)
        func cannot(_ position: String, _ deed: String) -> String {
            "rc:\(position): this release cannot \(deed) yet; remove the line"
        }
        #expect(
            listing == [
                cannot("1:1", "tell the country of an address"), cannot("3:14", "show other folders than INBOX"),
                cannot("9:9", "fetch by ODMR"), cannot("11:3", "connect over a chain"),
                cannot("12:3", "make mail anonymous"),
                cannot("17:1", "connect over a chain"),
                cannot("20:3", "sign with DKIM, or check it"),
                cannot("21:8", "answer LMTP"), cannot("22:27", "tell the country of an address"),
                cannot("24:8", "refuse clients by host name"),
            ])
    }

    @Test("FE10: a field that does not say whom a message was sent to is none of an envelope, however it is written")
    func noEnvelope() {
        for name in ["To", "CC", "bcc", "Received"] {
            let listing = Fixture.listing("mailbox m\naccount a\n  fetch pop3s p.test\n  envelope \(name)")
            #expect(
                listing.contains {
                    $0.hasPrefix("rc:4:12: \(name) does not say whom a message was sent to")
                }, "\(listing)")
        }
    }

    @Test("hostile octets are told with their position and reach no terminal")
    func hostile() {
        var octets = Array("hostname a.b\r\nlog \u{1}\n".utf8)
        octets += [0x6C, 0x6F, 0x67, 0x20, 0xC3, 0xA9, 0xC3, 0x28, 0x0A]
        octets += Array("log \"x\nh\u{202E}x y\n".utf8)
        octets += Array(repeating: 0x61, count: 4097) + [0x0A]
        octets += Array(Array(repeating: "a", count: 257).joined(separator: " ").utf8)
        #expect(
            Fixture.listing(octets) == [
                "rc:1:13: a carriage return; save the file with Unix line endings",
                "rc:2:5: a control character", "rc:3:6: this is not UTF-8", "rc:4:5: this \" is not closed",
                "rc:5:1: unknown word; it is like none of the rc's words, and so it is not shown",
                "rc:6:1: the line is longer than 4,096 octets",
                "rc:7:513: more than 256 words in a line",
            ])
    }

    @Test("what an editor does to all lines is told once, and a line at fault makes no others wrong")
    func oneFaultEach() {
        let good = """
            hostname hub.example
            mailbox alice
              address alice@hub.example
              password secret
            """
        #expect(
            Fixture.listing(Array(good.replacing("\n", with: "\r\n").utf8) + [0x0D]) == [
                "rc:1:21: a carriage return, and at the end of 3 other lines; save the file with Unix line endings"
            ])
        #expect(
            Fixture.listing([0xEF, 0xBB, 0xBF] + Array(good.utf8)) == [
                "rc:1:1: the file begins with a byte order mark; save it as UTF-8 without one"
            ])
        #expect(
            Fixture.listing([0xFF, 0xFE] + good.utf8.flatMap { [$0, 0] }) == [
                "rc:1:1: the file is in UTF-16; save it as UTF-8"
            ])
        #expect(
            Fixture.listing(Array(good.replacing("\n  password secret", with: " password \"my secret\"").utf8)) == [
                "rc:3:29: password begins a line of its own"
            ])
        for name in ["m\u{FC}ller.example", "192.0.2.1", "::1"] {
            let listing = Fixture.listing(Array(good.replacing("hub.example", with: name).utf8))
            #expect(listing.first?.hasPrefix("rc:1:10: the host name is a") == true, "\(listing)")
        }
        #expect(
            Fixture.listing("account a\n  keep no").contains(
                "rc:2:8: keep is on, off or a time such as 30d, not \"no\"; did you mean \"off\"?"))
        #expect(
            Fixture.listing(Array(good.replacing("password ", with: "password\u{A0}").utf8)) == [
                "rc:4:3: a no-break space in a word; write a plain one, or put the word in \" if it has one"
            ])
        #expect(
            Fixture.listing(Array(good.replacing("secret", with: "********").utf8)) == [
                "rc:4:12: the password is masked, as --print-config shows it; write it as it is"
            ])
        #expect(Fixture.listing(Array(good.replacing("secret", with: "\"********\"").utf8)).isEmpty)
        let account = """

            account one
              owner alice
              address alice@x.example
              user alice
              password "secret
              fetch pop3s mail.x.example
              mailbox carl
            mailbox "carl
              address carl@hub.example
            """
        #expect(
            Fixture.listing(Array((good + account).utf8)) == [
                "rc:9:12: this \" is not closed",
                "rc:11:3: write \"folders\" for \"mailbox\", or leave out the indent where it begins a block",
                "rc:12:9: this \" is not closed",
            ])
    }

    @Test("no fault shows a line of a file that is no rc")
    func foreignFile() {
        let shadow = """
            root:$y$j9T$q0Ah$XYZ:19000:0:99999:7:::
            daemon:*:19000:0:99999:7:::
            hunter2
              hunter2
            mailbox x
              root:$y$j9T$q0Ah$XYZ:19000:0:99999:7:::
            "hunter2 \\x
            listen pop3s [::]:995 hunter2
            """
        let listing = Fixture.listing(shadow)
        #expect(listing.count >= 6)
        for secret in ["root", "$y$", "daemon", "hunter2"] {
            #expect(listing.allSatisfy { !$0.contains(secret) }, "\(listing)")
        }
    }

    @Test(
        "no fault shows what may be a password",
        arguments: ["password", "passwordfile", "passwordeval", "passwordhash"])
    func secrets(_ word: String) {
        for text in [
            "\(word) hunter2 hunter2", "\(word) hunter2; hunter2", "\(word) \"hunter2", "\(word)  a\n  \(word) hunter2",
        ] {
            let listing = Fixture.listing("mailbox m\n  \(text)\naccount a\n  \(text)")
            #expect(listing.allSatisfy { !$0.contains("hunter2") }, "\(listing)")
        }
    }

    @Test("a name is fit for a folder, a log line and a login", arguments: ["../x", ".x", "-x", "a/b", "a b", "é", ""])
    func names(_ name: String) {
        #expect(Fixture.listing("mailbox \"\(name)\"").count == 1)
        #expect(Fixture.listing("mailbox " + String(repeating: "a", count: 65)).count == 1)
    }

    @Test("a command means what it says, or is refused", arguments: ["a | b", "a > b", "a $HOME", "a `b`", "a 'b c'"])
    func commands(_ command: String) {
        for form in [command, "\"\(command)\""] {
            let listing = Fixture.listing("account a\n  passwordeval \(form)")
            #expect(listing.count == 1 && listing[0].contains("no shell is used"), "\(form) \(listing)")
        }
    }

    @Test(
        "times, sizes and distances", arguments: ["", "x", "1d1d", "1h1d", "1.5h", "-1", "99999999999", "1e3", "12 "])
    func quantities(_ text: String) {
        #expect(Quantity.seconds(text) == nil)
        #expect(Quantity.octets(text + "q") == nil)
        #expect(Quantity.seconds("1w2d3h4m5s") == 788_645 && Quantity.octets("3M") == 3 << 20)
        #expect(Nearest.distance(Array("abcd".unicodeScalars), Array("badc".unicodeScalars)) == 2)
    }
}
