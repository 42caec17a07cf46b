// Who may connect.

import InternetAddress
import Testing

@testable import AccessControl

struct AccessRulesTests {
    private func networks(_ texts: String...) throws -> [Network] { try texts.map { try #require(Network($0)) } }

    @Test("deny beats allow; without allow all others may come")
    func decide() throws {
        let inside = try #require(IPAddress("192.168.1.7"))
        let denied = try #require(IPAddress("192.168.1.66"))
        let outside = try #require(IPAddress("203.0.113.1"))
        #expect(AccessRules().decide(outside) == .allowed)
        let rules = AccessRules(
            allow: try networks("192.168.0.0/16", "fd00::/8"), deny: try networks("192.168.1.64/26"))
        #expect(rules.decide(inside) == .allowed)
        #expect(rules.decide(denied) == .refused("deny 192.168.1.64/26"))
        #expect(rules.decide(outside) == .refused("not in allow 192.168.0.0/16 fd00::/8"))
        #expect(AccessRules(deny: try networks("192.168.1.64/26")).decide(outside) == .allowed)
    }

    @Test("an IPv4 client on an IPv6 socket meets the IPv4 rule")
    func mapped() throws {
        let rules = AccessRules(deny: try networks("192.0.2.0/24"))
        #expect(rules.decide(try #require(IPAddress("::ffff:192.0.2.9"))) == .refused("deny 192.0.2.0/24"))
    }

    @Test("a private listener is one that names private networks only")
    func privateOnly() throws {
        #expect(!AccessRules().isPrivateOnly)
        #expect(AccessRules(allow: try networks("10.0.0.0/8", "fd00::/8")).isPrivateOnly)
        #expect(!AccessRules(allow: try networks("10.0.0.0/8", "0.0.0.0/0")).isPrivateOnly)
    }
}
