// Logins step by step: what is asked of whom, in what order, and what comes of it. Time is moved by hand.

import AccessControl
import InternetAddress
import MailFormat
import RunControl
import SASLMechanisms
import Synchronization
import Testing

@testable import MailboxLogins

/// A hub with two mailboxes, a clock moved by hand, and a count of the questions that blocked.
private final class Desk {
    let logins: Logins
    private(set) var questions = 0
    private let time = Time()

    private final class Time: Sendable {
        let now = Mutex(Duration.zero)
    }

    init(failures: Int = 3) throws {
        let rc = """
            mailbox alice
              password tea
              address alice@example.org
              address info@example.org
            mailbox bob
              password cake
            mailbox silent
            account elsewhere
              owner alice
              user a
              password secret
              address alice@provider.example
              fetch pop3s pop.provider.example
            domain example.org

            """
        let settings = try HubSettings.read(
            Array(rc.utf8), source: "rc", context: ProcessContext(environment: ["HOME": "/home/alice"]))
        let limits = LoginThrottle.Limits(failures: failures, pause: .seconds(1200))
        logins = try Logins(settings, throttle: LoginThrottle(address: limits, login: limits)) { [time] in
            time.now.withLock { $0 }
        }
    }

    func pass(_ duration: Duration) { time.now.withLock { $0 += duration } }

    func exchange(from address: String = "192.0.2.1") throws -> LoginExchange {
        LoginExchange(logins, from: try #require(IPAddress(address)))
    }

    /// Goes on to the end, with `responses` to the challenges.
    /// - Returns: the outcome in short; of an accepted one, whose it is.
    func end(_ step: LoginExchange.Step?, of exchange: inout LoginExchange, _ responses: [String] = []) -> String {
        guard var step else { return "no such mechanism" }
        var responses = responses[...]
        while true {
            switch step {
            case .challenge:
                guard let response = responses.popFirst() else { return "waits for a response" }
                step = exchange.respond(Array(response.utf8))
            case .ask(let question):
                questions += 1
                step = exchange.resume(question.answer())
            case .failed(let error): return "\(error)"
            case .end(.accepted(let login)): return login.mailbox
            case .end(let outcome): return outcome.word
            }
        }
    }

    func logIn(_ name: String, _ password: String, from address: String = "192.0.2.1") throws -> String {
        var exchange = try exchange(from: address)
        return end(exchange.start(user: Array(name.utf8), password: Array(password.utf8)), of: &exchange)
    }
}

@Suite struct LoginExchangeTests {
    @Test("every way of saying a password comes to the same login")
    func ways() throws {
        let desk = try Desk()
        let plain = Array("\0alice\0tea".utf8)
        #expect(try desk.logIn("alice", "tea") == "alice")
        for (mechanism, initial, responses) in [
            ("PLAIN", plain, []), ("plain", nil, ["\0alice\0tea"]), ("LOGIN", nil, ["alice", "tea"]),
            ("LOGIN", Array("alice".utf8), ["tea"]),
        ] {
            var exchange = try desk.exchange()
            let step = exchange.start(mechanism, initialResponse: initial)
            #expect(desk.end(step, of: &exchange, responses) == "alice", "\(mechanism)")
            #expect(exchange.name == "alice")
        }
        var exchange = try desk.exchange()
        #expect(desk.end(exchange.start("CRAM-MD5", initialResponse: nil), of: &exchange) == "no such mechanism")
        #expect(exchange.name == nil)
    }

    @Test("a mailbox logs in by its name and by each of its addresses, in any case, and by no other's password")
    func names() throws {
        let desk = try Desk(failures: 100)
        for name in ["alice", "Alice", "alice@example.org", "INFO@example.org", "alice@provider.example"] {
            #expect(try desk.logIn(name, "tea") == "alice", "\(name)")
        }
        #expect(try desk.logIn("bob", "cake") == "bob")
        for (name, password) in [("bob", "tea"), ("nobody", "tea"), ("silent", "tea"), ("alice", "Tea")] {
            #expect(try desk.logIn(name, password) == "refused", "\(name)")
        }
    }

    @Test("whoever logs in owns the addresses of its mailbox, and no others")
    func owner() throws {
        let desk = try Desk()
        var exchange = try desk.exchange()
        guard case .ask(let question) = exchange.start(user: Array("alice".utf8), password: Array("tea".utf8)),
            case .end(.accepted(let login)) = exchange.resume(question.answer())
        else {
            Issue.record("not accepted")
            return
        }
        #expect(login.owns(try Address("info@example.org")))
        #expect(login.owns(try Address("alice@provider.example")))
        #expect(!login.owns(try Address("bob@example.org")))
    }

    @Test("what is no login is told apart, asks nothing and counts as no failure")
    func failed() throws {
        let desk = try Desk(failures: 1)
        for _ in 1...3 {
            var exchange = try desk.exchange()
            let step = exchange.start("PLAIN", initialResponse: Array("nonsense".utf8))
            #expect(desk.end(step, of: &exchange) == "\(SASLError.malformed(.plain))")
            #expect(desk.end(exchange.respond([]), of: &exchange) == "\(SASLError.notStarted)")
            #expect(try desk.logIn("alice", "a\0b") == "\(SASLError.malformed(.plain))")
        }
        #expect(desk.questions == 0)
        #expect(try desk.logIn("alice", "tea") == "alice")
    }

    @Test("a name that is none costs the same question as one that is")
    func unknownName() throws {
        let desk = try Desk()
        #expect(try desk.logIn("nobody", "tea") == "refused")
        #expect(try desk.logIn("silent", "tea") == "refused")
        #expect(desk.questions == 2)
    }

    @Test("a login that was right within ten minutes asks nothing, whichever of its names is said")
    func remembered() throws {
        let desk = try Desk()
        #expect(try desk.logIn("alice", "tea") == "alice")
        desk.pass(.seconds(599))
        #expect(try desk.logIn("info@example.org", "tea", from: "198.51.100.7") == "alice")
        #expect(desk.questions == 1)
        #expect(try desk.logIn("alice", "coffee") == "refused")
        #expect(desk.questions == 2)
        desk.pass(.seconds(1))
        #expect(try desk.logIn("alice", "tea") == "alice")
        #expect(desk.questions == 3)
    }

    @Test("an address that failed too often is paused before anything is asked, and only for its time")
    func pausedAddress() throws {
        let desk = try Desk()
        for name in ["alice", "bob", "carol"] { #expect(try desk.logIn(name, "guess") == "refused") }
        #expect(try desk.logIn("alice", "tea") == "paused")
        #expect(desk.questions == 3)
        #expect(try desk.logIn("alice", "tea", from: "198.51.100.7") == "alice")
        #expect(try desk.logIn("alice", "tea") == "paused")
        desk.pass(.seconds(1200))
        #expect(try desk.logIn("bob", "cake") == "bob")
    }

    @Test("strangers who guess at a mailbox by all its names pause it for each other, and not for its owner's address")
    func guessing() throws {
        let desk = try Desk()
        #expect(try desk.logIn("alice", "tea") == "alice")
        desk.pass(.seconds(600))
        let names = ["alice", "alice@example.org", "info@example.org"]
        for (number, name) in names.enumerated() {
            #expect(try desk.logIn(name, "guess", from: "203.0.113.\(number)") == "refused")
        }
        #expect(try desk.logIn("alice", "tea", from: "203.0.113.9") == "paused")
        #expect(try desk.logIn("alice", "tea") == "alice")
    }

    @Test("a question that nobody had time for is no failure")
    func nobodyToAsk() throws {
        let desk = try Desk(failures: 1)
        for _ in 1...3 {
            var exchange = try desk.exchange()
            guard case .ask = exchange.start(user: Array("alice".utf8), password: Array("tea".utf8)),
                case .end(.busy) = exchange.resume(.unknown)
            else {
                Issue.record("not busy")
                return
            }
        }
        #expect(try desk.logIn("alice", "tea") == "alice")
    }

    @Test("a guess counts from its question on: who asks many at once gets no more than one after the other")
    func atOnce() throws {
        let desk = try Desk(failures: 2)
        let steps = try (0..<3).map { _ in
            var exchange = try desk.exchange()
            return exchange.start(user: Array("alice".utf8), password: Array("guess".utf8))
        }
        let words = steps.map { step in
            if case .ask(let question) = step { question.answer().outcome.word } else { "not asked" }
        }
        #expect(words == ["refused", "refused", "paused"])
    }

    @Test("a mailbox with a password that nobody can say is told by its name")
    func unusable() throws {
        let settings = try HubSettings.read(
            Array("mailbox alice\n  passwordhash $mh-scrypt$nonsense\n".utf8), source: "rc",
            context: ProcessContext(environment: ["HOME": "/home/alice"]))
        let fault = #expect(throws: LoginFault.self) { try Logins(settings) }
        #expect(
            fault?.description
                == "mailbox alice: not a password hash of ours; make one with: mhserve passwd")
        #expect(fault?.exitStatus == .configuration)
    }
}
