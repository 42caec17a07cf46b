// Mail that goes straight to the hosts of its recipients' domains.

import Glibc
import MailTestKit
import Synchronization
import Testing

@Suite("Straight to the domain")
struct DirectTests {
    /// A hub whose mail goes by MX, as `dns` says, to hosts that listen on this port.
    private func hub(
        _ dns: FakeDNS, port: UInt16, route: [String] = [], routes: [String] = [], top: [String] = [],
        account: [String] = []
    ) -> SendHub {
        SendHub(
            account: account,
            top: [
                "retry 60 600", "resolver 127.0.0.1:\(dns.port)", "dnssec off", "private-domain house.example",
            ] + top,
            routes: ["route direct", "    mx", "    smtp-port \(port)"] + route.map { "    \($0)" } + routes)
    }

    @Test("SE7: each domain has its mail at its best host that answers, all of a domain in one session, each once")
    func straight() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dns = try FakeDNS(
                exchangers: ["one.far.example": ["20 mx.house.example", "10 dead.house.example"]],
                hosts: [
                    "mx.house.example": ["127.0.0.1"], "dead.house.example": ["127.0.0.77"],
                    "house.example": ["127.0.0.1"],
                ])
            let hub = hub(dns, port: sink.port)
            for number in 0..<3 {
                try hub.queue(
                    "Subject: \(number)\n\nx\n",
                    to: ["a@one.far.example", "b@one.far.example", "c@house.example", "bob@home.example"])
            }
            #expect(try hub.run().status == 0)
            let taken = sink.messages.map { $0.forwardPaths.joined(separator: " ") }.sorted()
            let ways = ["<a@one.far.example> <b@one.far.example>", "<c@house.example>"]
            #expect(taken == ways.flatMap { [$0, $0, $0] }.sorted(), "\(hub.log)")
            #expect(sink.messages.allSatisfy { $0.client == "hub.example" && $0.user == nil })
            #expect(sink.commands.count == 2, "a session for each domain")
            #expect(hub.mail(of: "bob").count == 3)
            let left = try hub.listed
            #expect(left.isEmpty, "\(left)")
            #expect(hub.log.contains("to=<a@one.far.example> route=direct host=mx.house.example"), "\(hub.log)")
            #expect(hub.log.count(of: "host fault host=dead.house.example") == 1)
        }
    }

    @Test("SE7: a domain without mail, a loop and a name that is not there come back; what DNS cannot say waits")
    func nowhere() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dns = try FakeDNS(
                exchangers: [
                    "null.example": ["0 "], "loop.example": ["5 hub.example"], "lan.example": ["5 lan.far.example"],
                ],
                hosts: ["lan.far.example": ["192.168.0.1"]], others: ["broken.example 15": .code(2)])
            let hub = hub(dns, port: sink.port)
            func told(_ domain: String) throws -> (notices: [String], listed: [String]) {
                try hub.queue(to: ["x@\(domain)"])
                #expect(try hub.run().status == 0)
                #expect(try hub.run().status == 0)
                return (hub.mail(of: "alice").filter { $0.contains("<x@\(domain)>\n") }, try hub.listed)
            }
            for (domain, words, status) in [
                ("null.example", "takes no mail", "5.1.10"), ("loop.example", "leads back to this hub", "5.4.6"),
            ] {
                let (notices, listed) = try told(domain)
                #expect(notices.count == 1 && listed.isEmpty, "\(domain): \(notices) \(listed)")
                let notice = notices.first ?? ""
                #expect(notice.contains(words) && notice.contains("Status: \(status)"), "\(notice)")
            }
            for (domain, words) in [
                ("gone.example", "there is no such domain"),
                ("lan.example", "192.168.0.1, which is not for the internet"),
                ("broken.example", "SERVFAIL"),
            ] {
                let (notices, listed) = try told(domain)
                let mine = listed.first { $0.contains("x@\(domain)") } ?? ""
                #expect(notices.isEmpty && mine.contains(words) && mine.contains("\"tries\":1"), "\(domain): \(listed)")
            }
            // DNS says so for more than an hour by now.
            for domain in ["gone%2Eexample", "lan%2Eexample"] {
                let path = "state/hop/domain-\(domain)"
                let text = String(decoding: ScratchDirectory.read(hub.scratch.file(path)) ?? [], as: UTF8.self)
                #expect(text.contains("\nmissing "), "\(text)")
                let old = text.split(separator: "\n").map {
                    $0.hasPrefix("missing ") ? "missing \(time(nil) - 3700)" : $0
                }
                hub.scratch.write(old.joined(separator: "\n") + "\n", to: path)
            }
            _ = try hub.mhqueue(["try", "ALL"])
            let (all, left) = (hub.mail(of: "alice"), try hub.listed)
            #expect(left.count == 1 && left[0].contains("broken.example"), "\(left)")
            for domain in ["gone.example", "lan.example"] {
                #expect(all.contains { $0.contains("<x@\(domain)>\n") && $0.contains("Status: 5.1.2") }, "\(all)")
            }
            #expect(sink.commands.isEmpty)
        }
    }

    @Test("SE7: this hub's own listener is no host of others; /etc/hosts is not asked for it either")
    func ownListener() async throws {
        try await onThread {
            let dns = try FakeDNS(
                exchangers: ["loop.example": ["5 mx.house.example"]], hosts: ["mx.house.example": ["127.0.0.1"]])
            let port = try Loopback.freePort()
            let hub = hub(dns, port: port, routes: ["listen smtp 127.0.0.1:\(port)"])
            try hub.queue(to: ["x@loop.example"])
            #expect(try hub.run().status == 0)
            let (notices, left) = (hub.mail(of: "alice"), try hub.listed)
            #expect(left.isEmpty && notices.count == 1 && notices[0].contains("5.4.6"), "\(notices) \(left)")
        }
    }

    @Test(
        "SE7: a stranger's refusals are about this mail: the sender it does not want comes back, its trouble counts tries"
    )
    func strangersRefuse() async throws {
        try await onThread {
            let sink = try SinkServer { moment, words in
                guard moment == .mail else { return nil }
                return words.contains("alice@") ? .reply("550 5.7.1 blocked") : .reply("530 5.7.0 log in first")
            }
            let dns = try FakeDNS(exchangers: [:], hosts: ["house.example": ["127.0.0.1"]])
            let hub = hub(dns, port: sink.port)
            try hub.queue(to: ["x@house.example"])
            try hub.queue(from: "other@one.example", to: ["y@house.example"])
            #expect(try hub.run().status == 0)
            let (notices, left) = (hub.mail(of: "alice"), try hub.listed)
            #expect(notices.contains { $0.contains("blocked") && $0.contains("Action: failed") }, "\(notices)")
            #expect(left.count == 1 && left[0].contains("\"tries\":1") && left[0].contains("y@house"), "\(left)")
        }
    }

    @Test(
        "SE7, SE5: what a domain's hosts put off, or cannot take, goes by the next route; a dead host is asked once for all"
    )
    func elsewhere() async throws {
        try await onThread {
            let (sink, provider) = (
                try SinkServer { $0 == .recipient && $1.contains("late@") ? .reply("450 later") : nil },
                try SinkServer()
            )
            let dns = try FakeDNS(
                exchangers: ["dead.example": ["5 dead.house.example"], "also.example": ["5 dead.house.example"]],
                hosts: ["house.example": ["127.0.0.1"], "dead.house.example": ["127.0.0.77"]])
            let hub = hub(
                dns, port: sink.port, route: ["connections 1"], routes: ["route then", "    use one"],
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(provider.port)"])
            try hub.queue(to: ["late@house.example", "good@house.example", "x@dead.example", "y@also.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<good@house.example>"], "\(hub.log)")
            #expect(
                provider.messages.flatMap(\.forwardPaths).sorted() == [
                    "<late@house.example>", "<x@dead.example>", "<y@also.example>",
                ], "\(hub.log)")
            #expect(hub.log.count(of: "host fault host=dead.house.example") == 1, "\(hub.log)")
            let left = try hub.listed
            #expect(left.isEmpty, "\(left)")
        }
    }

    @Test(
        "SE7: TLS where a stranger offers it, whoever it is; with `tls required` only with a certificate for its name",
        .needs(.postfix))
    func tls() async throws {
        try await onThread {
            let postfix = try PostfixPeer(settings: "smtpd_tls_loglevel = 1\n")
            let dns = try FakeDNS(
                exchangers: ["far.example": ["5 mx.house.example"]], hosts: ["mx.house.example": ["127.0.0.1"]])
            let open = hub(dns, port: postfix.port)
            try open.queue(to: ["x@far.example"])
            #expect(try open.run().status == 0)
            let left = try open.listed
            #expect(left.isEmpty && postfix.logs.contains("TLS connection established"), "\(open.log) \(postfix.logs)")
            let strict = hub(dns, port: postfix.port, route: ["tls required"])
            try strict.queue(to: ["x@far.example"])
            #expect(try strict.run().status == 0)
            let waiting = try strict.listed
            #expect(waiting.count == 1 && waiting[0].contains("certificate"), "\(waiting)")
        }
    }

    @Test("SE7: a stranger whose TLS does not work has its mail in clear, as one that offers none")
    func brokenTLS() async throws {
        try await onThread {
            let sink = try SinkServer { moment, _ in
                moment == .hello ? .reply("250-mx\r\n250 STARTTLS") : nil
            }
            let dns = try FakeDNS(exchangers: [:], hosts: ["house.example": ["127.0.0.1"]])
            let hub = hub(dns, port: sink.port)
            try hub.queue(to: ["x@house.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 1 && hub.log.contains("sent=\"in clear\""), "\(hub.log)")
        }
    }

    @Test("SE19: a route has as many sessions with strangers as it may, whatever domains there are")
    func seats() async throws {
        try await onThread {
            let now = Mutex((open: 0, most: 0))
            let sink = try SinkServer { moment, _ in
                now.withLock { now in
                    if moment == .greeting { now.open += 1 }
                    if moment == .quit { now.open -= 1 }
                    now.most = max(now.most, now.open)
                }
                return nil
            }
            var hosts: [String: [String]] = [:]
            for number in 0..<40 { hosts["d\(number).house.example"] = ["127.0.0.1"] }
            let dns = try FakeDNS(exchangers: [:], hosts: hosts)
            let hub = hub(dns, port: sink.port, route: ["connections 3"])
            try hub.queue(to: (0..<40).map { "x@d\($0).house.example" })
            #expect(try hub.run(deadline: .seconds(120)).status == 0)
            let left = try hub.listed
            #expect(left.isEmpty && sink.messages.count == 40, "\(hub.log)")
            #expect(now.withLock { $0.most } == 3, "\(now.withLock { $0.most })")
        }
    }
}
