// Which address becomes which.

import MailFormat
import MailRouting
import Testing

@Suite("The rewriting rules of a route")
struct RewriteRulesTests {
    private func rule(_ place: RewritePlace?, _ pattern: String, _ new: String, name: String? = nil) throws
        -> RewriteRule
    {
        let replacement: RewriteRule.Replacement =
            new.hasPrefix("*@") ? .domain(String(new.dropFirst(2))) : .mailbox(try Address(new), displayName: name)
        return RewriteRule(place: place, pattern: try AddressPattern(parsing: pattern), replacement: replacement)
    }

    private func rules(_ rules: [RewriteRule]) -> RewriteRules {
        RewriteRules(
            rules,
            locals: LocalAddresses(
                hostname: "hub.example", qualify: "home.example", mailboxes: [], domains: [.init(name: "own.example")]))
    }

    private func new(_ rules: RewriteRules, _ address: String, in place: RewritePlace = .from) throws -> String? {
        rules.replacement(of: try Address(address), in: place).map {
            "\($0.displayName.map { "\($0) " } ?? "")\($0.address)"
        }
    }

    @Test("SE8: a pattern without @ is for bare names and our own domains, one with @ for the whole address")
    func patterns() throws {
        let some = rules([
            try rule(.from, "alice", "alice@gmail.example", name: "Alice"), try rule(.from, "b*", "bees@gmail.example"),
            try rule(.from, "*@old.example", "*@new.example"), try rule(.from, "*", "*@own.example"),
        ])
        let cases: [(String, String?)] = [
            ("alice", "Alice alice@gmail.example"), ("Alice@home.example", "Alice alice@gmail.example"),
            ("alice@HUB.example", "Alice alice@gmail.example"), ("alice@localhost", "Alice alice@gmail.example"),
            ("alice@own.example", "Alice alice@gmail.example"), ("alice@gmail.example", nil),
            ("bob@home.example", "bees@gmail.example"), ("bob@far.example", nil),
            ("x@old.example", "x@new.example"), ("carol", "carol@own.example"),
            ("carol@own.example", "carol@own.example"),
            ("carol@far.example", nil),
        ]
        for (old, wanted) in cases { #expect(try new(some, old) == wanted, "\(old)") }
    }

    @Test("SE8: the first rule of a place counts, and one for all places where none of that place matches")
    func places() throws {
        let some = rules([
            try rule(nil, "*", "all@isp.example"), try rule(.sender, "root", "daemon@isp.example"),
            try rule(.sender, "r*", "second@isp.example"),
        ])
        #expect(try new(some, "root", in: .sender) == "daemon@isp.example")
        #expect(try new(some, "ruth", in: .sender) == "second@isp.example")
        for place in RewritePlace.allCases where place != .sender {
            #expect(try new(some, "root", in: place) == "all@isp.example" && some.concern(place))
        }
        let one = rules([try rule(.cc, "*", "x@isp.example")])
        #expect(try new(one, "root", in: .to) == nil)
        #expect(!one.concern(.to) && one.concern(.cc))
    }

    @Test("what would be too long for an address stays what it is")
    func tooLong() throws {
        let domain = (0..<4).map { _ in String(repeating: "d", count: 62) }.joined(separator: ".")
        let some = rules([try rule(nil, "*", "*@\(domain).example")])
        #expect(try new(some, "root") == nil)
    }
}
