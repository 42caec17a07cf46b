// Who may open which mailbox, what is shown of it, and what is deleted when: the policy of the POP3 listeners.

import MailTestKit
import NIOCore
import Testing

@testable import mhserve

private let stop = "-ERR [SYS/TEMP] the service is shutting down; nothing was deleted"
private let wrong = "-ERR [AUTH] the login or the password is wrong"
private let noTLS = "-ERR [AUTH] STLS first: no password in clear"

/// What CAPA shows in any case, but for its last line.
private let always = [
    "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8", "EXPIRE NEVER", "LOGIN-DELAY 0",
]

@Suite("A POP3 client in clear")
struct POP3InClearTests {
    private func open(_ words: String...) throws -> SessionRig {
        let rig = try SessionRig("pop3", words: words, blocks: HubInMemory.household)
        #expect(String(decoding: try rig.received(), as: UTF8.self) == "+OK hub.example.org mailhub ready\r\n")
        return rig
    }

    private func capabilities(_ rig: SessionRig) throws -> [String] {
        try rig.say("CAPA\n").split(separator: "\r\n").map(String.init)
    }

    @Test("cannot log in, by none of the ways, and is shown STLS alone")
    func noLogin() throws {
        let rig = try open()
        #expect(
            try capabilities(rig)
                == ["+OK what this server can do"] + always + ["STLS", "IMPLEMENTATION mailhub", "."])
        #expect(try rig.say("USER alice\n") == "\(noTLS)\r\n")
        #expect(try rig.say("PASS tea\n") == "-ERR USER first\r\n")
        #expect(try rig.say("AUTH PLAIN \(base64("\0alice\0tea"))\n") == "\(noTLS)\r\n")
        #expect(try rig.say("AUTH LOGIN\n") == "\(noTLS)\r\n")
        #expect(rig.hub.told("login").isEmpty, "nobody was asked")
        #expect(try rig.say("QUIT\n") == "+OK goodbye\r\n")
        #expect(!rig.isOpen)
    }

    @Test("that has not logged in gets at nothing of a mailbox")
    func notLoggedIn() throws {
        let rig = try open("errors-limit 100")
        for command in ["STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "NOOP", "RSET"] {
            #expect(try rig.say("\(command)\n") == "-ERR log in first\r\n", "\(command)")
        }
        #expect(try rig.say("UTF8\n").hasPrefix("+OK "))
    }

    @Test("is shown no STLS where there is no certificate, and cannot log in at all")
    func noCertificate() throws {
        let rig = try SessionRig(of: HubInMemory("pop3", blocks: HubInMemory.household, hasCertificate: false))
        _ = try rig.received()
        #expect(try Array(capabilities(rig).dropFirst()) == always + ["IMPLEMENTATION mailhub", "."])
        #expect(try rig.say("STLS\n") == "-ERR TLS is not available here\r\n")
        #expect(try rig.say("USER alice\n") == "\(noTLS)\r\n")
    }

    @Test("that says more behind STLS in clear is left without a word")
    func injection() throws {
        let rig = try open()
        #expect(try rig.say("STLS\nUSER alice\n") == "")
        #expect(!rig.isOpen)
    }

    @Test("is left after as many errors as errors-limit allows")
    func errors() throws {
        let rig = try open("errors-limit 2")
        #expect(try rig.say("FOO\n") == "-ERR unknown command\r\n")
        #expect(try rig.say("STAT\n") == "-ERR log in first\r\n")
        #expect(try rig.say("CAPA\nQUIT\n") == "-ERR too many errors\r\n")
        #expect(!rig.isOpen)
    }

    @Test("hears it when the service stops, also one that comes then")
    func stops() throws {
        let rig = try open()
        rig.stopService()
        #expect(String(decoding: try rig.received(), as: UTF8.self) == "\(stop)\r\n")
        #expect(!rig.isOpen)
        let late = try SessionRig(of: rig.hub)
        let said = String(decoding: try late.received(), as: UTF8.self)
        #expect(said == "+OK hub.example.org mailhub ready\r\n\(stop)\r\n")
        #expect(!late.isOpen)
    }
}

@Suite("A POP3 login", .serialized)
struct POP3LoginTests {
    private func open(_ hub: HubInMemory, from address: String = "192.0.2.1") async throws -> ThreadedRig {
        let rig = try await ThreadedRig(of: hub, from: address)
        #expect(try await rig.reply() == "+OK hub.example.org mailhub ready")
        return rig
    }

    private func home(_ words: String..., service: String = "pop3s") throws -> HubInMemory {
        try HubInMemory(service, words: words, blocks: HubInMemory.household)
    }

    @Test("can be made behind STLS, which forgets what was said before and is shown no more")
    func startTLS() async throws {
        let rig = try await open(home(service: "pop3"))
        #expect(try await rig.say("USER alice") == noTLS)
        #expect(try await rig.say("STLS") == "+OK begin TLS")
        try await rig.shakeHands()
        #expect(try await rig.say("PASS tea") == "-ERR USER first")
        #expect(try await rig.say("STLS") == "-ERR TLS is on already")
        #expect(try await rig.say("CAPA") == "+OK what this server can do")
        #expect(try await rig.listing() == always + ["USER", "SASL PLAIN LOGIN", "IMPLEMENTATION mailhub"])
        #expect(try await rig.say("USER alice") == "+OK and your password?")
        #expect(try await rig.say("PASS tea") == "+OK 0 messages")
    }

    @Test("is made by USER and PASS, by PLAIN or by LOGIN, by each name of the mailbox, in any case")
    func ways() async throws {
        let hub = try home()
        let words = base64("\0alice\0tea")
        let (user, password) = ("+ VXNlcm5hbWU6", "+ UGFzc3dvcmQ6")
        let cases: [(first: String, then: [(challenge: String, response: String)])] = [
            ("USER alice", [("+OK and your password?", "PASS tea")]),
            ("USER ALICE@example.org", [("+OK and your password?", "PASS tea")]),
            ("USER bob", [("+OK and your password?", "PASS two words")]), ("AUTH PLAIN \(words)", []),
            ("AUTH PLAIN", [("+ ", words)]),
            ("auth login", [(user, base64("alice")), (password, base64("tea"))]),
        ]
        for (first, then) in cases {
            let rig = try await open(hub)
            let said = try await rig.say(first, then)
            #expect(said == "+OK 0 messages", "\(first)")
            #expect(try await rig.say("STAT") == "+OK 0 0", "\(first)")
            for command in ["USER alice", "PASS tea", "AUTH LOGIN", "STLS", "UTF8"] {
                #expect(try await rig.say(command) == "-ERR already logged in", "\(first): \(command)")
            }
        }
        #expect(hub.told("login").count { $0.contains(" status=ok ") } == 6)
    }

    @Test("with a wrong password looks like one of nobody, and another may be tried")
    func wrongLogins() async throws {
        let hub = try home()
        let rig = try await open(hub)
        for (name, password) in [("alice", "Tea"), ("nobody", "tea"), ("carol", "tea")] {
            #expect(try await rig.say("USER \(name)") == "+OK and your password?")
            #expect(try await rig.say("PASS \(password)") == wrong, "\(name)")
            #expect(try await rig.say("PASS \(password)") == "-ERR USER first", "\(name)")
        }
        #expect(try await rig.say("STAT") == "-ERR log in first")
        #expect(try await rig.say("AUTH PLAIN \(base64("\0bob\0tea"))") == wrong)
        #expect(try await rig.say("AUTH PLAIN \(base64("\0bob\0two words"))") == "+OK 0 messages")
        let lines = hub.told("login")
        #expect(lines.count { $0.contains(" status=refused ") } == 4 && lines.count == 5, "\(lines)")
        #expect(lines.first?.hasPrefix("login service=pop3s client=192.0.2.1 login=alice status=refused tls=") == true)
    }

    @Test("that is none is refused, and the session goes on")
    func noLogins() async throws {
        let rig = try await open(home())
        #expect(try await rig.say("AUTH LOGIN") == "+ VXNlcm5hbWU6")
        #expect(try await rig.say("*") == "-ERR cancelled")
        #expect(try await rig.say("AUTH PLAIN") == "+ ")
        #expect(try await rig.say("no base64") == "-ERR not base64")
        #expect(try await rig.say("AUTH CRAM-MD5") == "-ERR no such mechanism")
        let other = base64("bob\0alice\0tea")
        #expect(try await rig.say("AUTH PLAIN \(other)") == "-ERR [AUTH] the login was not understood")
        #expect(try await rig.say("STAT") == "-ERR log in first")
        #expect(try await rig.say("AUTH PLAIN \(base64("\0alice\0tea"))") == "+OK 0 messages")
    }

    @Test("guessed at ten times is answered no more, with the right password neither, to that address alone")
    func throttle() async throws {
        let hub = try home("errors-limit 100")
        let rig = try await open(hub)
        for number in 1...10 {
            let said = try await rig.say("AUTH PLAIN \(base64("\0alice\0guess \(number)"))")
            #expect(said == wrong, "\(number)")
        }
        let right = "AUTH PLAIN \(base64("\0alice\0tea"))"
        let paused = "-ERR [SYS/TEMP] too many failures; try again later"
        #expect(try await rig.say(right) == paused)
        await rig.settle()
        #expect(!rig.isOpen)
        #expect(try await open(hub).say(right) == paused)
        #expect(try await open(hub, from: "198.51.100.7").say(right) == "+OK 0 messages")
    }

    @Test("to a mailbox that cannot be opened is put off, and told to whoever reads the log")
    func noMaildir() async throws {
        let hub = try home()
        hub.scratch.makeFolder("Mail")
        hub.scratch.write("in the way", to: "Mail/alice")
        let rig = try await open(hub)
        #expect(try await rig.say("USER alice") == "+OK and your password?")
        #expect(try await rig.say("PASS tea") == "-ERR [SYS/TEMP] the mailbox cannot be opened now")
        #expect(try await rig.say("STAT") == "-ERR log in first")
        #expect(hub.told("mailbox").count { $0.hasPrefix("mailbox login=alice error=") } == 1)
        #expect(removeFile(hub.scratch.file("Mail/alice")))
        #expect(try await rig.say("USER alice") == "+OK and your password?")
        #expect(try await rig.say("PASS tea") == "+OK 0 messages")
    }

    @Test("is put off while the disk is behind")
    func diskIsBehind() async throws {
        let hub = try home()
        let rig = try await open(hub)
        let login = "AUTH PLAIN \(base64("\0alice\0tea"))"
        try await hub.whileTheDiskIsBehind { () async throws in
            #expect(try await rig.say(login) == "-ERR [SYS/TEMP] the disk is too busy; try again")
            #expect(try await rig.say("STAT") == "-ERR log in first")
        }
        #expect(try await rig.say(login) == "+OK 0 messages")
    }
}

/// Letters as other programs deliver them, in the order of their names.
private let letters: [(file: String, text: String)] = [
    ("1700000001.M1P1.other", "Subject: one\n\nfirst\nsecond\nthird\n"),
    ("1700000002.M1P1.other", "Subject: two\n\n.\n..\n.x\n\nno end of the line"),
    ("1700000003.M1P1.other", "Subject: three\n\n\u{E9}\n"),
]

/// `text` as it goes over the wire: each line ends in CRLF, the last one too.
private func wire(_ text: String) -> [UInt8] {
    let octets = Oddity.wire(fromFile: Array(text.utf8))
    return octets.isEmpty || octets.suffix(2).elementsEqual([0x0D, 0x0A]) ? octets : octets + [0x0D, 0x0A]
}

@Suite("A mailbox shown by POP3", .serialized)
struct POP3MaildropTests {
    /// A hub where alice has `letters`.
    private func home(_ words: String...) throws -> HubInMemory {
        let hub = try HubInMemory("pop3s", words: words, blocks: HubInMemory.household)
        for letter in letters { hub.deliver(Array(letter.text.utf8), to: "alice", as: letter.file) }
        return hub
    }

    /// Alice, who has logged in.
    private func alice(_ hub: HubInMemory) async throws -> ThreadedRig {
        let rig = try await ThreadedRig(of: hub)
        _ = try await rig.reply()
        let said = try await rig.say("AUTH PLAIN \(base64("\0alice\0tea"))")
        guard said.hasPrefix("+OK ") else { throw KitError("no login: \(said)") }
        return rig
    }

    private func all(in hub: HubInMemory) -> Bool { hub.files(of: "alice") == letters.map { "new/\($0.file)" } }

    @Test("has one number, one size and one name for each message, by all commands the same")
    func listings() async throws {
        let rig = try await alice(home())
        let sizes = letters.map { wire($0.text).count }
        #expect(try await rig.say("STAT") == "+OK 3 \(sizes.reduce(0, +))")
        #expect(try await rig.say("LIST") == "+OK 3 messages")
        #expect(try await rig.listing() == sizes.enumerated().map { "\($0.offset + 1) \($0.element)" })
        #expect(try await rig.say("UIDL").hasPrefix("+OK "))
        #expect(try await rig.listing() == letters.enumerated().map { "\($0.offset + 1) \($0.element.file)" })
        for (index, letter) in letters.enumerated() {
            let number = index + 1
            #expect(try await rig.say("LIST \(number)") == "+OK \(number) \(sizes[index])")
            #expect(try await rig.say("UIDL \(number)") == "+OK \(number) \(letter.file)")
            #expect(try await rig.say("RETR \(number)") == "+OK \(sizes[index]) octets")
            let content = try await rig.content()
            #expect(content.count == sizes[index])
            #expect(firstDifference(content, wire(letter.text)) == nil, "\(number)")
        }
        #expect(try await rig.say("NOOP") == "+OK")
        for command in ["LIST 4", "LIST 0", "UIDL 4", "RETR 4", "TOP 4 0", "DELE 4", "RETR x"] {
            #expect(try await rig.say(command) == "-ERR no such message", "\(command)")
        }
    }

    @Test("shows by TOP the header, the empty line, and as many lines of the body as were asked for")
    func top() async throws {
        let rig = try await alice(home())
        let lines = ["first", "second", "third"]
        for count in 0...4 {
            #expect(try await rig.say("TOP 1 \(count)").hasPrefix("+OK "))
            let wanted = wire("Subject: one\n\n" + lines.prefix(count).map { "\($0)\n" }.joined())
            #expect(firstDifference(try await rig.content(), wanted) == nil, "\(count)")
        }
        #expect(try await rig.say("TOP 2 2").hasPrefix("+OK "))
        #expect(firstDifference(try await rig.content(), wire("Subject: two\n\n.\n..\n")) == nil)
        #expect(try await rig.say("TOP 1") == "-ERR arguments are wrong or missing")
    }

    @Test("hides what is marked for deletion, renumbers nothing, and shows it again after RSET")
    func marks() async throws {
        let hub = try home()
        let rig = try await alice(hub)
        let sizes = letters.map { wire($0.text).count }
        #expect(try await rig.say("DELE 2").hasPrefix("+OK "))
        for command in ["DELE 2", "LIST 2", "UIDL 2", "RETR 2", "TOP 2 0"] {
            #expect(try await rig.say(command) == "-ERR no such message", "\(command)")
        }
        #expect(try await rig.say("STAT") == "+OK 2 \(sizes[0] + sizes[2])")
        #expect(try await rig.say("LIST") == "+OK 2 messages")
        #expect(try await rig.listing() == ["1 \(sizes[0])", "3 \(sizes[2])"])
        #expect(try await rig.say("UIDL").hasPrefix("+OK "))
        #expect(try await rig.listing() == ["1 \(letters[0].file)", "3 \(letters[2].file)"])
        #expect(try await rig.say("RSET") == "+OK 3 messages")
        #expect(try await rig.say("STAT") == "+OK 3 \(sizes.reduce(0, +))")
        #expect(try await rig.say("RETR 2") == "+OK \(sizes[1]) octets")
        _ = try await rig.content()
        #expect(try await rig.say("QUIT") == "+OK goodbye")
        #expect(all(in: hub))
    }

    @Test("loses at QUIT, and not before, what was marked, and nothing else")
    func update() async throws {
        let hub = try home()
        let rig = try await alice(hub)
        #expect(try await rig.say("DELE 1").hasPrefix("+OK "))
        #expect(try await rig.say("DELE 3").hasPrefix("+OK "))
        #expect(try await rig.say("NOOP") == "+OK")
        #expect(all(in: hub))
        #expect(try await rig.say("QUIT") == "+OK goodbye")
        #expect(hub.files(of: "alice") == ["new/\(letters[1].file)"])
        await rig.settle()
        #expect(!rig.isOpen)
        #expect(hub.told("deleted") == ["deleted login=alice messages=2"])
        #expect(hub.told("session ended").map { $0.contains(" login=alice ") } == [true])
    }

    enum End: CaseIterable {
        case leaves, shutsItsSide, saysNothing, serviceStops
    }

    @Test("loses nothing by a session that ends without QUIT", arguments: End.allCases)
    func noUpdate(_ end: End) async throws {
        let hub = try home()
        let rig = try await alice(hub)
        for number in 1...3 { #expect(try await rig.say("DELE \(number)").hasPrefix("+OK ")) }
        switch end {
        case .leaves: await rig.leave()
        case .shutsItsSide:
            try await rig.send(Array("QUI".utf8))
            await rig.shutSending()
        case .saysNothing:
            await rig.pass(.seconds(599))
            #expect(try await rig.rest() == "" && rig.isOpen)
            await rig.pass(.seconds(2))
        case .serviceStops: await rig.stopService()
        }
        #expect(!rig.isOpen)
        #expect(all(in: hub))
        // RFC 1939 §3: no response where time is up.
        #expect(try await rig.rest() == (end == .serviceStops ? "\(stop)\r\n" : ""))
        #expect(hub.told("deleted").isEmpty && hub.service.sessions.count == 0)
    }

    @Test("keeps everything when the disk is behind at QUIT, and says so")
    func diskIsBehind() async throws {
        let hub = try home()
        let rig = try await alice(hub)
        try await hub.whileTheDiskIsBehind { () async throws in
            #expect(try await rig.say("RETR 1") == "-ERR [SYS/TEMP] the disk is too busy; try again")
            #expect(try await rig.say("TOP 1 0") == "-ERR [SYS/TEMP] the disk is too busy; try again")
            #expect(try await rig.say("DELE 1").hasPrefix("+OK "))
            #expect(try await rig.say("QUIT") == "-ERR [SYS/TEMP] the disk is too busy; nothing was deleted")
            await rig.settle()
            #expect(!rig.isOpen)
        }
        #expect(all(in: hub))
    }

    @Test("that another program changes stays as it was shown; what is gone is an error, and counts as deleted")
    func changedMeanwhile() async throws {
        let hub = try home()
        let rig = try await alice(hub)
        let folder = hub.scratch.file("Mail/alice")
        hub.deliver(Array("Subject: late\n\n".utf8), to: "alice", as: "1600000000.M1P1.other")
        #expect(removeFile("\(folder)/new/\(letters[0].file)"))
        #expect(moveFile("\(folder)/new/\(letters[1].file)", to: "\(folder)/cur/\(letters[1].file):2,S"))
        #expect(try await rig.say("LIST") == "+OK 3 messages")
        #expect(try await rig.listing().count == 3)
        #expect(try await rig.say("RETR 1") == "-ERR another session has deleted this message")
        #expect(try await rig.say("TOP 1 0") == "-ERR another session has deleted this message")
        for (number, letter) in [(2, letters[1]), (3, letters[2])] {
            #expect(try await rig.say("RETR \(number)").hasPrefix("+OK "))
            #expect(firstDifference(try await rig.content(), wire(letter.text)) == nil, "\(number)")
        }
        for number in 1...2 { #expect(try await rig.say("DELE \(number)").hasPrefix("+OK ")) }
        #expect(try await rig.say("QUIT") == "+OK goodbye")
        #expect(hub.files(of: "alice") == ["new/1600000000.M1P1.other", "new/\(letters[2].file)"])
    }

    @Test("may be open twice: each session deletes its own, and neither is shown another message for a number")
    func twoSessions() async throws {
        let hub = try home()
        let (one, other) = (try await alice(hub), try await alice(hub))
        #expect(try await one.say("DELE 1").hasPrefix("+OK "))
        #expect(try await other.say("DELE 1").hasPrefix("+OK "))
        #expect(try await other.say("DELE 2").hasPrefix("+OK "))
        #expect(try await one.say("QUIT") == "+OK goodbye")
        #expect(try await other.say("RSET") == "+OK 3 messages")
        #expect(try await other.say("RETR 1") == "-ERR another session has deleted this message")
        #expect(try await other.say("RETR 2").hasPrefix("+OK "))
        #expect(firstDifference(try await other.content(), wire(letters[1].text)) == nil)
        #expect(try await other.say("QUIT") == "+OK goodbye")
        #expect(hub.files(of: "alice") == letters.dropFirst().map { "new/\($0.file)" })
    }

    @Test("comes whole though it is more than may be unsent at once, and pipelined commands wait behind it")
    func large() async throws {
        let hub = try HubInMemory("pop3s", blocks: HubInMemory.household)
        let tail = String(repeating: "x", count: 45)
        let names = (0..<1500).map { "\(1_700_000_000 + $0).M1P1.\(tail)" }
        for name in names { hub.deliver([0x78, 0x0A], to: "alice", as: name) }
        let text = String(repeating: ".\(tail)\(tail)\n", count: 5000)
        hub.deliver(Array(text.utf8), to: "alice", as: "1800000000.M1P1.other")
        let rig = try await alice(hub)
        try await rig.send(Array("UIDL\r\nLIST\r\nRETR 1501\r\nNOOP\r\n".utf8))
        #expect(try await rig.reply().hasPrefix("+OK "))
        let shown = try await rig.listing()
        #expect(Array(shown.dropLast()) == names.enumerated().map { "\($0.offset + 1) \($0.element)" })
        #expect(shown.last == "1501 1800000000.M1P1.other")
        #expect(try await rig.reply() == "+OK 1501 messages")
        #expect(try await rig.listing() == (1...1500).map { "\($0) 3" } + ["1501 \(wire(text).count)"])
        #expect(try await rig.reply() == "+OK \(wire(text).count) octets")
        #expect(firstDifference(try await rig.content(), wire(text)) == nil)
        #expect(try await rig.reply() == "+OK")
    }

    @Test("shows a file with the line ends of the wire, as some programs write it, octet for octet")
    func wireForm() async throws {
        let hub = try HubInMemory("pop3s", blocks: HubInMemory.household)
        let octets = Array("Subject: x\r\n\r\n.dot\r\nlast\r\n".utf8)
        hub.deliver(octets, to: "alice", as: "1700000001.M1P1.other")
        let rig = try await alice(hub)
        #expect(try await rig.say("STAT") == "+OK 1 \(octets.count)")
        #expect(try await rig.say("RETR 1") == "+OK \(octets.count) octets")
        #expect(firstDifference(try await rig.content(), octets) == nil)
    }
}
