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
        _ table: RoutingTable, for submitter: Submitter = .hubUser, from: String = "alice@gmail.example",
        to: String = "bob@x.org", author: String? = nil
    ) throws -> RouteDecision {
        let path: ReversePath = try from == "<>" ? .null : .address(Address(from))
        return try table.decide(
            for: submitter, reversePath: path, recipient: Address(to), headerFrom: author.map { try Address($0) })
    }

    /// Alice has gmail, carol has work and lets bob use it.
    private func shared(_ routes: [Route] = [], open: Bool = false) throws -> RoutingTable {
        var table = try table(routes)
        table.accounts[0].owner = "alice"
        table.accounts[1].owner = "carol"
        table.accounts[1].guests = .mailboxes(["bob"])
        if open { table.accounts.append(SendingAccount(name: "open", addresses: [], guests: .everyone)) }
        return table
    }

    @Test("SE6: a route for another connection makes its mail wait, and go no other way but by a later route")
    func connections() throws {
        let home = Route(name: "home", target: .accounts(["gmail"]), online: ["home", "dsl?"])
        func decide(_ routes: [Route], _ connectivity: Connectivity, chosen: String? = nil) throws -> RouteDecision {
            try table(routes).decide(
                for: .hubUser, reversePath: .address(Address("alice@work.example")), recipient: Address("bob@x.org"),
                headerFrom: nil, chosen: chosen, connectivity: connectivity)
        }
        for way in [Connectivity.offline, .online("away"), .announced("away")] {
            let waiting = try decide([home], way)
            #expect(waiting.steps.isEmpty && waiting.awaitsConnection && !waiting.isHeld, "\(way)")
        }
        for way in [Connectivity.online("home"), .online("dsl1"), .announced("home")] {
            #expect(try decide([home], way).ways.map(\.name) == ["gmail"], "\(way)")
        }
        let later = Route(name: "later", target: .accounts(["work"]))
        #expect(try decide([home, later], .offline).ways.map(\.name) == ["work"])
        #expect(
            try decide([home, later], .announced("home")).ways.map(\.name) == ["gmail"],
            "what is announced, and no other")
        #expect(try decide([later], .announced("home")).awaitsConnection)
        var last = home
        last.isLast = true
        let stopped = try decide([last, later], .offline)
        #expect(stopped.steps.isEmpty && stopped.awaitsConnection)
        // Without a route mail goes by its sender's account, and not when something else is announced.
        #expect(try decide([], .offline).ways.map(\.name) == ["work"])
        #expect(try decide([], .announced("home")).awaitsConnection)
        #expect(try decide([home], .offline, chosen: "work").ways.map(\.name) == ["work"])
        #expect(try decide([home], .announced("home"), chosen: "work").awaitsConnection)
        // An account that is closed opens with no connection.
        let closed = try shared([home]).decide(
            for: .mailbox("bob"), reversePath: .null, recipient: Address("bob@x.org"), headerFrom: nil)
        #expect(closed.ways.map(\.name) == ["work"] && !closed.awaitsConnection)
    }

    @Test("an account carries its owner's mail and its guests', whatever address stands in it")
    func ownersAndGuests() throws {
        let table = try shared()
        let both = ["alice@gmail.example", "alice@work.example", "root@hub.example", "<>"]
        for from in both {
            #expect(try decide(table, for: .mailbox("alice"), from: from).ways.map(\.name) == ["gmail"])
            #expect(try decide(table, for: .mailbox("bob"), from: from).ways.map(\.name) == ["work"])
            #expect(try decide(table, for: .mailbox("carol"), from: from).ways.map(\.name) == ["work"])
            #expect(try decide(table, for: .mailbox("eve"), from: from).isHeld)
            #expect(try decide(table, for: .unknown, from: from).isHeld)
            #expect(try decide(shared(open: true), for: .unknown, from: from).ways.map(\.name) == ["open"])
            #expect(try decide(shared(open: true), for: .mailbox("eve"), from: from).ways.map(\.name) == ["open"])
        }
        #expect(
            try decide(table, for: .mailbox("bob")).reasons == [
                "account gmail: has the address alice@gmail.example, and is not open to bob",
                "account work: the only account that is open",
            ])
        #expect(
            try decide(table, for: .mailbox("eve"), from: "<>").reasons == [
                "no account is open to eve: gmail serves alice, work serves carol and bob; open one with the line "
                    + "\"for eve\" in its block; held until then"
            ])
        #expect(
            try decide(table, for: .unknown, from: "<>").reasons.last?.contains("\"for everyone\" in its block") == true
        )
        #expect(try decide(table, for: .hubUser, from: "alice@work.example").ways.map(\.name) == ["work"])
    }

    @Test("a route chooses among the accounts that are open, and opens none")
    func routeOpensNothing() throws {
        let table = try shared([Route(name: "all", target: .accounts(["gmail", "work"]), isLast: true)])
        #expect(try decide(table, for: .hubUser).ways.map(\.name) == ["gmail", "work"])
        let bob = try decide(table, for: .mailbox("bob"))
        #expect(bob.ways.map(\.name) == ["work"])
        #expect(
            bob.reasons == [
                "route all: matches, use work; not open to bob: gmail serves alice; last, so no later route is asked"
            ])
        let eve = try decide(table, for: .mailbox("eve"))
        #expect(eve.isHeld)
        #expect(
            eve.reasons.first
                == "route all: passed over, not open to eve: gmail serves alice, work serves carol and bob")
    }

    @Test("SE5: a notice leaves by a route that takes <>, never by an account of its own finding")
    func notices() throws {
        #expect(try decide(table([], accounts: ["gmail"]), for: .notice, from: "<>").isHeld)
        #expect(
            try decide(table([]), for: .notice, from: "<>", author: "alice@work.example").reasons == [
                "a notice leaves by a route that takes <>, and none does"
            ])
        let route = Route(name: "notices", from: .init(allow: [try pattern("<>")]), target: .accounts(["work"]))
        #expect(try decide(shared([route]), for: .notice, from: "<>").ways.map(\.name) == ["work"])
    }

    @Test("SE5: denied beats allowed, and no allowed ones allow all")
    func denyBeatsAllow() throws {
        let route = Route(
            name: "r", to: AddressConditions(allow: [try pattern("*@x.org")], deny: [try pattern("bob@x.org")]),
            target: .accounts(["work"]))
        let table = try table([route])
        #expect(try decide(table, to: "eve@x.org").steps.map(\.route) == ["r"])
        let denied = try decide(table, to: "bob@x.org")
        #expect(denied.way?.name == "gmail")
        #expect(
            denied.reasons == [
                "route r: passed over, not-to bob@x.org matches bob@x.org",
                "account gmail: alice@gmail.example is one of its addresses",
            ])
        #expect(try decide(table, to: "bob@y.org").reasons.first == "route r: passed over, to does not match bob@y.org")
        let open = Route(name: "open", from: AddressConditions(deny: [try pattern("<>")]), target: .accounts(["work"]))
        #expect(try decide(self.table([open])).way?.name == "work")
        #expect(try decide(self.table([open]), from: "<>").steps.isEmpty)
    }

    @Test("SE5: all matching routes count in order, until one is last")
    func order() throws {
        let first = Route(name: "first", target: .accounts(["gmail"]))
        let last = Route(name: "last", target: .accounts(["work", "gmail"]), isLast: true, onConnectFailure: .bounce)
        let never = Route(name: "never", target: .accounts(["gmail"]))
        let decision = try decide(table([first, last, never]))
        #expect(decision.steps.map(\.route) == ["first", "last"])
        #expect(decision.ways.map(\.name) == ["gmail", "work"])
        #expect(decision.steps.last?.onConnectFailure == .bounce)
        #expect(decision.reasons.last == "route last: matches, use work gmail; last, so no later route is asked")
    }

    @Test("mail from an account's address leaves through that account, whatever its case")
    func bySender() throws {
        #expect(try decide(table([]), from: "Alice@WORK.example").way?.name == "work")
        #expect(try decide(table([]), from: "<>", author: "alice@work.example").way?.name == "work")
    }

    @Test("other mail takes the only account, and with several is held")
    func byDefault() throws {
        #expect(try decide(table([], accounts: ["gmail"]), from: "root@hub.example").way?.name == "gmail")
        let held = try decide(table([]), from: "root@hub.example")
        #expect(held.isHeld && held.way?.name == nil)
        #expect(held.reasons.last?.contains("several accounts can send (gmail work)") == true)
        #expect(try decide(table([], accounts: [])).isHeld)
    }

    @Test("SE5: a message without From field is in no header-from, and denied by no not-header-from")
    func withoutAuthor() throws {
        let wanted = Route(name: "a", headerFrom: .init(allow: [try pattern("*")]), target: .accounts(["work"]))
        let unwanted = Route(name: "b", headerFrom: .init(deny: [try pattern("*")]), target: .accounts(["work"]))
        #expect(try decide(table([wanted, unwanted])).steps.map(\.route) == ["b"])
        #expect(try decide(table([wanted, unwanted]), author: "x@y.org").steps.map(\.route) == ["a"])
    }

    @Test("a route whose accounts cannot send is passed over, not followed into nowhere")
    func unusable() throws {
        let decision = try decide(table([Route(name: "r", target: .accounts(["gone"]))]))
        #expect(decision.way?.name == "gmail")
        #expect(decision.reasons.first == "route r: passed over, none of its accounts can send")
    }
}
