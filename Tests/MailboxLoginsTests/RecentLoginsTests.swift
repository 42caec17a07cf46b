// What is remembered of logins that were right, for how long, and how many of them.

import Credentials
import InternetAddress
import SASLMechanisms
import Testing

@testable import MailboxLogins

@Suite struct RecentLoginsTests {
    private let home: IPAddress
    private let week = Duration.seconds(7 * 86_400)

    init() throws { home = try #require(IPAddress("2001:db8::1")) }

    @Test("a login is known for ten minutes by its own password and to nobody else")
    func password() {
        var recent = RecentLogins()
        recent.remember("alice", Secret("tea"), from: home, at: .seconds(5))
        #expect(recent.knows("alice", Secret("tea"), at: .seconds(604)))
        #expect(!recent.knows("alice", Secret("te"), at: .seconds(604)))
        #expect(!recent.knows("bob", Secret("tea"), at: .seconds(604)))
        #expect(!recent.knows("alice", Secret("tea"), at: .seconds(605)))
        recent.remember("alice", Secret("coffee"), from: home, at: .seconds(10))
        #expect(!recent.knows("alice", Secret("tea"), at: .seconds(10)))
    }

    @Test("a home is known for a week, as a whole network, and for that login alone")
    func place() throws {
        var recent = RecentLogins()
        recent.remember("alice", Secret("tea"), from: home, at: .zero)
        let neighbour = try #require(IPAddress("2001:db8::ffff"))
        #expect(recent.hasSeen("alice", from: neighbour, at: week - .seconds(1)))
        #expect(!recent.hasSeen("alice", from: home, at: week))
        #expect(!recent.hasSeen("bob", from: home, at: .zero))
        #expect(!recent.hasSeen("alice", from: try #require(IPAddress("2001:db8:0:1::1")), at: .zero))
    }

    @Test("a thousand logins and places are remembered, and one more once the old are past")
    func bounds() throws {
        var recent = RecentLogins()
        for number in 0...1000 {
            recent.remember("login \(number)", Secret("tea"), from: home, at: .zero)
        }
        #expect(recent.knows("login 999", Secret("tea"), at: .zero))
        #expect(recent.hasSeen("login 999", from: home, at: .zero))
        #expect(!recent.knows("login 1000", Secret("tea"), at: .zero))
        #expect(!recent.hasSeen("login 1000", from: home, at: .zero))
        // Who is remembered stays so, however full it is.
        recent.remember("login 0", Secret("coffee"), from: home, at: .seconds(599))
        #expect(recent.knows("login 0", Secret("coffee"), at: .seconds(600)))
        recent.remember("login 1000", Secret("tea"), from: home, at: week)
        #expect(recent.knows("login 1000", Secret("tea"), at: week))
        #expect(recent.hasSeen("login 1000", from: home, at: week))
    }
}
