// libunbound against a server of our own on loopback: every kind of answer, and none.

import Blocking
import MailTestKit
import Resolver
import Synchronization
import Testing

@Suite struct UnboundResolverTests {
    /// From the question on, however long the test waited for its turn.
    private var deadline: Deadline { Deadline(after: .seconds(30)) }

    private func resolver(
        _ server: FakeDNS, configure: (inout UnboundSettings) -> Void = { $0.validates = false }
    ) throws -> UnboundResolver {
        var settings = UnboundSettings(upstream: .forwarders(["127.0.0.1@\(server.port)"]))
        configure(&settings)
        return try UnboundResolver(settings)
    }

    @Test("every type is asked and read, MX in order of preference")
    func types() async throws {
        try await onThread { () throws in
            let server = try FakeDNS([
                "example.org 15": .records([[0, 20] + wire("b.example.org"), [0, 5] + wire("a.example.org")]),
                "a.example.org 1": .records([[1, 2, 3, 4]]),
                "a.example.org 28": .records([[UInt8](repeating: 7, count: 16)]),
                "example.org 16": .records([[2, 0x76, 0x3D, 1, 0x31]]),
                "4.3.2.1.in-addr.arpa 12": .records([wire("a.example.org")]),
                "_25._tcp.a.example.org 52": .records([[3, 1, 1, 0xAB]]),
                "null.example 15": .records([[0, 0, 0]]),
            ])
            let dns = try resolver(server)
            let mx = try dns.mailExchangers(of: "example.org", until: deadline)
            #expect(mx.records.map(\.host) == ["a.example.org", "b.example.org"])
            #expect(!mx.isSecure && !mx.noSuchName && mx.timeToLive == .seconds(300))
            #expect(
                try dns.addresses(of: "a.example.org.", until: deadline).records
                    == [[UInt8](repeating: 7, count: 16), [1, 2, 3, 4]])
            #expect(try dns.text(of: "Example.ORG", until: deadline).records == [Array("v=1".utf8)])
            #expect(try dns.pointers(of: [1, 2, 3, 4], until: deadline).records == ["a.example.org"])
            #expect(
                try dns.tlsa(of: "a.example.org", port: 25, until: deadline).records
                    == [TLSARecord(usage: 3, selector: 1, matching: 1, data: [0xAB])])
            #expect(try dns.mailExchangers(of: "null.example", until: deadline).records.first?.isNull == true)
        }
    }

    @Test("no such name, no such record and a failing server are three things")
    func negative() async throws {
        try await onThread { () throws in
            let server = try FakeDNS(["there.example 1": .records([[1, 2, 3, 4]]), "broken.example 15": .code(2)])
            let dns = try resolver(server)
            let missing = try dns.mailExchangers(of: "missing.invalid-tld", until: deadline)
            #expect(missing.noSuchName && !missing.noData && missing.records.isEmpty)
            let empty = try dns.mailExchangers(of: "there.example", until: deadline)
            #expect(empty.noData && !empty.noSuchName)
            #expect {
                try dns.mailExchangers(of: "broken.example", until: deadline)
            } throws: { error in
                guard case ResolverError.serverFailure = error else { return false }
                return (error as? ResolverError)?.isTemporary == true
            }
        }
    }

    @Test("a host whose server fails on AAAA has its other addresses, and nothing is proved by that")
    func partial() async throws {
        try await onThread { () throws in
            let server = try FakeDNS([
                "four.example 1": .records([[1, 2, 3, 4]]), "four.example 28": .code(2),
                "six.example 28": .records([[UInt8](repeating: 7, count: 16)]), "six.example 1": .code(2),
                "none.example 28": .code(2),
            ])
            let dns = try resolver(server)
            for (host, record) in [("four.example", [1, 2, 3, 4]), ("six.example", [UInt8](repeating: 7, count: 16))] {
                let answer = try dns.addresses(of: host, until: deadline)
                #expect(answer.records == [record] && answer.isPartial && !answer.isSecure)
            }
            #expect(throws: ResolverError.self) { try dns.addresses(of: "none.example", until: deadline) }
        }
    }

    @Test("a silent server is left at the deadline, and the resolver goes on")
    func silent() async throws {
        try await onThread { () throws in
            let server = try FakeDNS(["silent.example 15": .silence, "ok.example 16": .records([[1, 0x61]])])
            let dns = try resolver(server)
            #expect(throws: ResolverError.timedOut(name: "silent.example", type: "MX")) {
                try dns.mailExchangers(of: "silent.example", until: Deadline(after: .milliseconds(50)))
            }
            #expect(try dns.text(of: "ok.example", until: deadline).records == [[0x61]])
        }
    }

    @Test("an answer too large for UDP comes over TCP; a chain asks over TCP alone")
    func overTCP() async throws {
        try await onThread { () throws in
            let long = [[UInt8]](repeating: [200] + [UInt8](repeating: 0x61, count: 200), count: 20).flatMap { $0 }
            let server = try FakeDNS(["big.example 16": .overTCP([long])])
            #expect(try resolver(server).text(of: "big.example", until: deadline).records.first?.count == 4000)
            let chained = try resolver(server) {
                $0.validates = false
                $0.overTCP = true
            }
            #expect(try chained.text(of: "big.example", until: deadline).records.first?.count == 4000)
        }
    }

    @Test("an unsigned answer where a trust anchor demands signatures is an error, not an answer")
    func bogus() async throws {
        try await onThread { () throws in
            let server = try FakeDNS(["mail.signed.example 15": .records([[0, 1] + wire("evil.example")])])
            let dns = try resolver(server) {
                let digest = String(repeating: "AB", count: 32)
                $0.trustAnchors = ["signed.example. IN DS 12345 8 2 \(digest)"]
            }
            #expect {
                try dns.mailExchangers(of: "mail.signed.example", until: deadline)
            } throws: { error in
                guard case ResolverError.bogus(let name, let type, let reason) = error else { return false }
                return name == "mail.signed.example" && type == "MX" && !reason.isEmpty
            }
        }
    }

    @Test("malformed record data is an error")
    func malformed() async throws {
        try await onThread { () throws in
            let server = try FakeDNS(["_25._tcp.odd.example 52": .records([[3, 1, 1]])])
            #expect(throws: ResolverError.malformed(name: "_25._tcp.odd.example", type: "TLSA")) {
                try resolver(server).tlsa(of: "odd.example", port: 25, until: deadline)
            }
        }
    }

    @Test("many threads ask one resolver")
    func threads() async throws {
        try await onThread { () throws in
            var table: [String: FakeDNS.Reply] = [:]
            for index in 0..<200 { table["n\(index).example 16"] = .records([[1, UInt8(index)]]) }
            let server = try FakeDNS(table)
            let dns = try resolver(server)
            let counter = Counter()
            let failures = WorkerPool(threads: 8).run(count: 200) { [deadline] index in
                let answer = try dns.text(of: "n\(index).example", until: deadline)
                if answer.records == [[UInt8(index)]] { counter.add() }
            }
            #expect(failures.isEmpty)
            #expect(counter.value == 200)
        }
    }

    @Test(
        "what is no name is not asked",
        arguments: ["", ".", "a..b", "a b", "a\0b", "ü.example", "a\\046b", String(repeating: "a", count: 64), "a\n"])
    func names(name: String) throws {
        let dns = try UnboundResolver(UnboundSettings(upstream: .forwarders(["127.0.0.1@9"])))
        #expect(throws: ResolverError.badName(name)) { try dns.text(of: name, until: .now) }
    }

    @Test("impossible settings are told")
    func settings() {
        #expect(throws: ResolverError.self) {
            try UnboundResolver(UnboundSettings(upstream: .forwarders(["nonsense"])))
        }
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)
    func add() { count.wrappingAdd(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}
