// What an IMAP client awaits, what brings it on, and what its events mean to a session that begins.

import Octets
import Testing

@testable import IMAPProtocol

/// A client after its greeting, and what it makes of words.
private struct Hearing {
    var client = IMAPClient()

    init(greeting: String = "* OK [CAPABILITY IMAP4rev1 UIDPLUS] hi") throws {
        _ = try hear(greeting)
    }

    /// What `line` is to the client: how much progress, and what it awaits then.
    mutating func hear(_ line: String) throws -> Heard {
        let before = client.progress
        client.receive([UInt8]("\(line)\r\n".utf8))
        while try client.nextEvent() != nil {}
        return Heard(progress: client.progress - before, awaits: client.awaits)
    }

    mutating func logIn() throws {
        _ = client.send(.login(user: "a", password: "b"))
        #expect(try hear("a1 OK [CAPABILITY IMAP4rev1 UIDPLUS] in") == Heard(progress: 1, awaits: .nothing))
    }
}

private struct Heard: Equatable {
    let progress: Int
    let awaits: Awaited
}

@Suite("What an IMAP client awaits")
struct IMAPProgressTests {
    @Test("words that nothing asked for are no progress, and a message told twice is told once")
    func listing() throws {
        #expect(IMAPClient().awaits == .reply, "the greeting")
        var hearing = try Hearing()
        #expect(hearing.client.awaits == .nothing)
        try hearing.logIn()
        _ = hearing.client.send(.uidFetch(.from(1), .size))
        #expect(try hearing.hear("* OK still here") == Heard(progress: 0, awaits: .reply))
        #expect(try hearing.hear("* 3 EXISTS") == Heard(progress: 0, awaits: .reply))
        #expect(try hearing.hear("* 2 FETCH (UID 9 RFC822.SIZE 1)") == Heard(progress: 1, awaits: .listing))
        #expect(try hearing.hear("* 2 FETCH (UID 9 RFC822.SIZE 1)") == Heard(progress: 0, awaits: .listing))
        #expect(try hearing.hear("* 1 FETCH (UID 4 RFC822.SIZE 1)") == Heard(progress: 1, awaits: .listing))
        #expect(
            try hearing.hear("* 4000000000 FETCH (UID 5 RFC822.SIZE 1)") == Heard(progress: 0, awaits: .listing),
            "no mailbox is so large, and no memory is spent on it")
        #expect(try hearing.hear("a2 OK done") == Heard(progress: 1, awaits: .nothing))
        // The next listing begins anew.
        _ = hearing.client.send(.uidFetch(.from(1), .size))
        #expect(try hearing.hear("* 2 FETCH (UID 9 RFC822.SIZE 1)") == Heard(progress: 1, awaits: .listing))
    }

    @Test("each piece of content is progress, and from the first on content is awaited to the end of the answer")
    func content() throws {
        var hearing = try Hearing()
        try hearing.logIn()
        _ = hearing.client.send(.uidFetch(.from(1), .body))
        #expect(try hearing.hear("* 1 FETCH (FLAGS ())") == Heard(progress: 0, awaits: .reply))
        // Ten octets, line ends included.
        #expect(try hearing.hear("* 1 FETCH (UID 4 BODY[] {10}") == Heard(progress: 1, awaits: .content))
        #expect(try hearing.hear("abc") == Heard(progress: 1, awaits: .content))
        #expect(try hearing.hear("def") == Heard(progress: 1, awaits: .content))
        #expect(try hearing.hear(")") == Heard(progress: 1, awaits: .content))
        #expect(try hearing.hear("* 2 FETCH (UID 5 BODY[] NIL)") == Heard(progress: 1, awaits: .content))
        #expect(try hearing.hear("* 2 FETCH (UID 5 BODY[] NIL)") == Heard(progress: 0, awaits: .content))
        #expect(try hearing.hear("a2 OK done") == Heard(progress: 1, awaits: .nothing))
    }

    @Test("what costs the server work comes in parts without a floor: LIST, UID EXPUNGE")
    func parts() throws {
        var hearing = try Hearing()
        try hearing.logIn()
        _ = hearing.client.send(.list(reference: IMAPMailboxName(""), pattern: IMAPMailboxName("*")))
        #expect(try hearing.hear("* 1 EXPUNGE") == Heard(progress: 0, awaits: .reply))
        #expect(try hearing.hear("* LIST () \"/\" a") == Heard(progress: 1, awaits: .parts))
        #expect(try hearing.hear("a2 OK done") == Heard(progress: 1, awaits: .nothing))
        _ = hearing.client.send(.uidExpunge(.from(1)))
        #expect(try hearing.hear("* 1 EXPUNGE") == Heard(progress: 1, awaits: .parts))
    }

    @Test("refusals of a login: the credentials', the mechanism's, or trouble of the server's")
    func refusals() throws {
        func refusal(_ line: String) throws -> LoginRefusal? {
            var hearing = try Hearing()
            _ = hearing.client.send(.login(user: "a", password: "b"))
            hearing.client.receive([UInt8]("a1 \(line)\r\n".utf8))
            guard let event = try hearing.client.nextEvent() else { return nil }
            guard case .refused(let refusal) = IMAPClient.meaning(of: event) else { return nil }
            return refusal
        }
        let no = [UInt8]("no".utf8)
        for word in [
            "NO no", "BAD no", "NO [AUTHENTICATIONFAILED] no", "NO [AUTHORIZATIONFAILED] no", "NO [EXPIRED] no",
        ] {
            #expect(try refusal(word) == .init(.credentials, words: no), "\(word)")
        }
        for code in ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"] {
            #expect(try refusal("NO [\(code)] no") == .init(.server, isTemporary: true, words: no), "\(code)")
        }
        #expect(try refusal("NO [CONTACTADMIN] no") == .init(.server, words: no))
        #expect(try refusal("NO [PRIVACYREQUIRED] no") == .init(.mechanism, words: no))
    }
}
