// Whom mail for a domain is handed to.

import Blocking
import InternetAddress
import MailExchange
import MailTestKit
import Resolver
import Testing

@Suite("The hosts of a domain")
struct MailExchangeTests {
    private let scratch = ScratchDirectory()
    private var deadline: Deadline { Deadline(after: .seconds(30)) }

    private func address(_ text: String) -> [UInt8] { IPAddress(text)?.octets ?? [] }

    /// A table: the MX records of domains as `10 a.example`, and the addresses of hosts.
    private func table(_ exchangers: [String: [String]], _ addresses: [String: [String]]) -> TableResolver {
        var table = TableResolver()
        table.mailExchangers = exchangers.mapValues { records in
            records.map { record in
                let words = record.split(separator: " ", omittingEmptySubsequences: false)
                return MailExchanger(preference: UInt16(words[0]) ?? 0, host: String(words[1]))
            }
        }
        table.addresses = addresses.mapValues { $0.map(address) }
        return table
    }

    /// All hosts of `domain`: `name=address,address`.
    private func hosts(
        of domain: String, by table: TableResolver, hosts: String = "", names: Set<String> = [],
        addresses: [String] = [], private privateDomains: [String] = [], family: AddressPreference = .any
    ) throws -> [String] {
        var here = MailExchange.Here()
        here.names = names
        here.addresses = Set(addresses.compactMap { IPAddress($0) })
        let exchange = MailExchange(
            asking: table, hosts: HostsFile(scratch.write(hosts, to: "hosts")), here: here,
            privateDomains: privateDomains, family: family)
        var list = try exchange.hosts(of: domain, until: deadline)
        var found: [String] = []
        while let host = try list.next(until: deadline) {
            found.append("\(host.name)=\(host.addresses.map(\.description).joined(separator: ","))")
        }
        return found
    }

    /// Why there is none.
    private func error(_ body: () throws -> [String]) -> MailHostError? {
        do {
            Issue.record("there are hosts: \(try body())")
            return nil
        } catch {
            return error as? MailHostError
        }
    }

    @Test("SE7: hosts in the order of preference, addresses of both families in turn")
    func order() throws {
        let table = table(
            ["x.example": ["20 b.example", "10 a.example", "30 c.example"]],
            ["a.example": ["2a00::1", "2a00::2", "8.8.0.1"], "b.example": ["8.8.0.2"], "c.example": []])
        #expect(
            try hosts(of: "x.example", by: table) == ["a.example=2a00::1,8.8.0.1,2a00::2", "b.example=8.8.0.2"])
        #expect(try hosts(of: "x.example", by: table, family: .only4) == ["a.example=8.8.0.1", "b.example=8.8.0.2"])
        #expect(
            try hosts(of: "x.example", by: table, family: .prefer4) == [
                "a.example=8.8.0.1,2a00::1,2a00::2", "b.example=8.8.0.2",
            ])
        #expect(try hosts(of: "x.example", by: table, family: .only6) == ["a.example=2a00::1,2a00::2"])
    }

    @Test("SE7: hosts of one preference come in an order of chance, each once")
    func shuffled() throws {
        let table = table(
            ["x.example": ["10 a.example", "10 b.example", "10 A.example", "20 c.example"]],
            ["a.example": ["8.8.0.1"], "b.example": ["8.8.0.2"], "c.example": ["8.8.0.3"]])
        var firsts: Set<String> = []
        for _ in 0..<200 {
            let found = try hosts(of: "x.example", by: table)
            #expect(found.count == 3 && found[2] == "c.example=8.8.0.3", "\(found)")
            firsts.insert(found[0].lowercased())
        }
        #expect(firsts.count == 2)
    }

    @Test("SE7: without MX records the domain itself; with a null MX nobody; with none of these nobody for now")
    func absent() throws {
        let table = table(
            ["null.example": ["0 "], "both.example": ["0 ", "10 a.example"], "bare.example": ["10 gone.example"]],
            ["x.example": ["8.8.0.1"], "a.example": ["8.8.0.2"], "empty.example": []])
        #expect(try hosts(of: "x.example", by: table) == ["x.example=8.8.0.1"])
        #expect(try hosts(of: "both.example", by: table) == ["a.example=8.8.0.2"])
        #expect(error { try hosts(of: "null.example", by: table) } == .takesNoMail(domain: "null.example"))
        #expect(error { try hosts(of: "no.example", by: table) } == .notFound(domain: "no.example", reasons: []))
        #expect(
            error { try hosts(of: "empty.example", by: table) }
                == .notFound(domain: "empty.example", reasons: ["empty.example has no address"]))
        #expect(
            error { try hosts(of: "bare.example", by: table) }
                == .notFound(domain: "bare.example", reasons: ["gone.example does not exist"]))
    }

    @Test("SE7: a name server that fails says nothing of the domain; one host without an answer is passed over")
    func unanswered() throws {
        var table = table(
            ["x.example": ["10 a.example", "20 b.example"]], ["b.example": ["8.8.0.2"], "c.example": ["8.8.0.3"]])
        let failure = ResolverError.timedOut(name: "a.example", type: "A")
        table.failures = ["a.example": failure, "y.example": .serverFailure(name: "y", type: "MX", reason: "SERVFAIL")]
        #expect(try hosts(of: "x.example", by: table) == ["b.example=8.8.0.2"])
        let silent = MailHostError.unanswered(
            domain: "y.example", .serverFailure(name: "y", type: "MX", reason: "SERVFAIL"))
        #expect(error { try hosts(of: "y.example", by: table) } == silent)
        table.mailExchangers["x.example"] = [
            MailExchanger(preference: 1, host: "a.example"), MailExchanger(preference: 1, host: "gone.example"),
        ]
        #expect(error { try hosts(of: "x.example", by: table) } == .unanswered(domain: "x.example", failure))
    }

    @Test("SE7: this hub's own rank and all behind it are dropped, by name or by address; alone they lead back here")
    func ourselves() throws {
        let table = table(
            [
                "x.example": ["10 a.example", "20 Hub.example", "20 c.example", "30 d.example"],
                "y.example": ["5 hub.example"],
            ],
            [
                "a.example": ["8.8.0.1"], "hub.example": ["8.8.4.4"], "c.example": ["8.8.0.3"],
                "d.example": ["8.8.0.4"],
            ])
        #expect(try hosts(of: "x.example", by: table, names: ["hub.example"]) == ["a.example=8.8.0.1"])
        #expect(try hosts(of: "x.example", by: table, addresses: ["8.8.4.4"]) == ["a.example=8.8.0.1"])
        let loop = MailHostError.leadsBackHere(domain: "y.example", host: "hub.example")
        #expect(error { try hosts(of: "y.example", by: table, names: ["hub.example"]) } == loop)
        #expect(error { try hosts(of: "y.example", by: table, addresses: ["8.8.4.4"]) } == loop)
        #expect(
            error { try hosts(of: "[127.0.0.1]", by: table, addresses: ["127.0.0.1"]) }
                == .leadsBackHere(domain: "[127.0.0.1]", host: "[127.0.0.1]"))
    }

    @Test(
        "SE7: addresses that are not for the internet are not dialled for strangers",
        arguments: ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "192.168.1.1", "169.254.169.254", "fe80::1", "::1"])
    func notForTheInternet(_ text: String) throws {
        let table = table(["x.example": ["10 a.example"]], ["a.example": [text], "b.example": [text, "8.8.0.2"]])
        guard case .notFound(_, let reasons)? = error({ try hosts(of: "x.example", by: table) }) else {
            Issue.record("no such error")
            return
        }
        #expect(reasons.count == 1 && reasons[0].contains("a.example has the address"), "\(reasons)")
        #expect(error { try hosts(of: "[\(IPAddress(text)?.literal ?? "")]", by: table) } != nil)
        #expect(try hosts(of: "b.example", by: table) == ["b.example=8.8.0.2"])
    }

    @Test("SE7: hosts of the house are: /etc/hosts counts before DNS, and for the rc's own domains any address does")
    func house() throws {
        let table = table(
            ["x.example": ["10 a.home.arpa"], "nas.home.arpa": ["10 far.example"]],
            ["a.home.arpa": ["192.168.1.7"], "far.example": ["8.8.0.1"], "evilhome.arpa": ["192.168.1.8"]])
        let file = "192.168.1.5 nas.home.arpa\nfd00::5 nas.home.arpa\n192.168.1.9 a.home.arpa\n0.0.0.0 far.example\n"
        #expect(try hosts(of: "nas.home.arpa", by: table, hosts: file) == ["nas.home.arpa=192.168.1.5,fd00::5"])
        #expect(try hosts(of: "x.example", by: table, hosts: file) == ["a.home.arpa=192.168.1.9"])
        #expect(try hosts(of: "x.example", by: table, private: ["Home.ARPA"]) == ["a.home.arpa=192.168.1.7"])
        #expect(error { try hosts(of: "evilhome.arpa", by: table, private: ["home.arpa"]) } != nil)
        #expect(
            error { try hosts(of: "far.example", by: table, hosts: file) }
                == .notFound(
                    domain: "far.example", reasons: ["far.example has no address in /etc/hosts, where it is named"]))
    }

    @Test("SE7: ten hosts and twenty addresses are the most, whatever a zone lists")
    func bounds() throws {
        let many = (0..<500).map { "\($0) h\($0).example" }
        var addresses: [String: [String]] = [:]
        for number in 0..<500 { addresses["h\(number).example"] = ["8.8.\(number / 250).\(number % 250)"] }
        let found = try hosts(of: "x.example", by: table(["x.example": many], addresses))
        #expect(found.count == 10 && found[0] == "h0.example=8.8.0.0" && found[9] == "h9.example=8.8.0.9")
        let wide = (0..<256).map { "8.8.9.\($0)" }
        let one = try hosts(
            of: "x.example",
            by: table(["x.example": ["1 a.example", "2 b.example"]], ["a.example": wide, "b.example": wide]))
        #expect(one.count == 1 && one[0].split(separator: ",").count == 20)
    }

    @Test("SE7: an address literal is its own host; what is no name is none")
    func literals() throws {
        #expect(try hosts(of: "[8.8.0.1]", by: table([:], [:])) == ["8.8.0.1=8.8.0.1"])
        #expect(try hosts(of: "[IPv6:2a00::1]", by: table([:], [:])) == ["2a00::1=2a00::1"])
        #expect(
            error { try hosts(of: "[nonsense]", by: table([:], [:])) } == .notFound(domain: "[nonsense]", reasons: []))
    }
}
