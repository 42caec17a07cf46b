// Which way a message takes, and the reasons told.

import MailFormat
import MailRouting
import Testing

@Suite struct RoutingTableTests {
    private func pattern(_ text: String) throws -> AddressPattern { try AddressPattern(parsing: text) }

    private func table(_ routes: [Route], accounts: [String] = ["gmail", "work"]) throws -> RoutingTable {
        try RoutingTable(
            routes: routes,
            accounts: accounts.map { SendingAccount(name: $0, addresses: [try pattern("alice@\($0).example")]) })
    }

    private func decide(
        _ table: RoutingTable, from: String = "alice@gmail.example", to: String = "bob@x.org", author: String? = nil
    ) throws -> RouteDecision {
        let path: ReversePath = try from == "<>" ? .null : .address(Address(from))
        return try table.decide(reversePath: path, recipient: Address(to), headerFrom: author.map { try Address($0) })
    }

    @Test("denied beats allowed, and no allowed ones allow all")
    func denyBeatsAllow() throws {
        let route = Route(
            name: "r", to: AddressConditions(allow: [try pattern("*@x.org")], deny: [try pattern("bob@x.org")]),
            accounts: ["work"])
        let table = try table([route])
        #expect(try decide(table, to: "eve@x.org").steps.map(\.route) == ["r"])
        let denied = try decide(table, to: "bob@x.org")
        #expect(denied.account == "gmail")
        #expect(
            denied.reasons == [
                "route r: passed over, not-to bob@x.org matches bob@x.org",
                "account gmail: alice@gmail.example is an address of it",
            ])
        #expect(try decide(table, to: "bob@y.org").reasons.first == "route r: passed over, to does not match bob@y.org")
        let open = Route(name: "open", from: AddressConditions(deny: [try pattern("<>")]), accounts: ["work"])
        #expect(try decide(self.table([open])).account == "work")
        #expect(try decide(self.table([open]), from: "<>").steps.isEmpty)
    }

    @Test("all matching routes count in order, until one is last")
    func order() throws {
        let first = Route(name: "first", accounts: ["gmail"])
        let last = Route(name: "last", accounts: ["work", "gmail"], isLast: true, onConnectFailure: .bounce)
        let never = Route(name: "never", accounts: ["gmail"])
        let decision = try decide(table([first, last, never]))
        #expect(decision.steps.map(\.route) == ["first", "last"])
        #expect(decision.accounts == ["gmail", "work"])
        #expect(decision.steps.last?.onConnectFailure == .bounce)
        #expect(decision.reasons.last == "route last: matches, use work gmail; last, so no later route is asked")
    }

    @Test("mail from an account's address leaves through that account, whatever its case")
    func bySender() throws {
        #expect(try decide(table([]), from: "Alice@WORK.example").account == "work")
        #expect(try decide(table([]), from: "<>", author: "alice@work.example").account == "work")
    }

    @Test("other mail takes the only account, and with several is held")
    func byDefault() throws {
        #expect(try decide(table([], accounts: ["gmail"]), from: "root@hub.example").account == "gmail")
        let held = try decide(table([]), from: "root@hub.example")
        #expect(held.isHeld && held.account == nil)
        #expect(held.reasons.last?.contains("several accounts can send (gmail work)") == true)
        #expect(try decide(table([], accounts: [])).isHeld)
    }

    @Test("a message without From field is in no header-from, and denied by no not-header-from")
    func withoutAuthor() throws {
        let wanted = Route(name: "a", headerFrom: .init(allow: [try pattern("*")]), accounts: ["work"])
        let unwanted = Route(name: "b", headerFrom: .init(deny: [try pattern("*")]), accounts: ["work"])
        #expect(try decide(table([wanted, unwanted])).steps.map(\.route) == ["b"])
        #expect(try decide(table([wanted, unwanted]), author: "x@y.org").steps.map(\.route) == ["a"])
    }

    @Test("a route whose accounts cannot send is passed over, not followed into nowhere")
    func unusable() throws {
        let decision = try decide(table([Route(name: "r", accounts: ["gone"])]))
        #expect(decision.account == "gmail")
        #expect(decision.reasons.first == "route r: passed over, none of its accounts can send")
    }
}
