// The table that stands for DNS in tests behaves like DNS.

import Blocking
import Resolver
import Testing

@Suite struct TableResolverTests {
    @Test("names match whatever their case and final dot; unknown ones do not exist; failures are thrown")
    func table() throws {
        var table = TableResolver()
        table.mailExchangers["a.test"] = [.init(preference: 20, host: "b"), .init(preference: 10, host: "a")]
        table.pointers["4.3.2.1.in-addr.arpa"] = ["a.test"]
        table.tlsa["_25._tcp.a.test"] = [TLSARecord(usage: 3, selector: 1, matching: 1, data: [1])]
        table.secure = ["a.test"]
        let bogus = ResolverError.bogus(name: "bad.test", type: "MX", reason: "test")
        table.failures["bad.test"] = bogus
        let answer = try table.mailExchangers(of: "A.test.", until: .never)
        #expect(answer.records.map(\.host) == ["a", "b"])
        #expect(answer.isSecure)
        #expect(try table.addresses(of: "a.test", until: .never).noData)
        #expect(try table.addresses(of: "c.test", until: .never).noSuchName)
        #expect(try table.pointers(of: [1, 2, 3, 4], until: .never).records == ["a.test"])
        #expect(try table.tlsa(of: "a.test", port: 25, until: .never).records.count == 1)
        #expect(throws: bogus) { try table.text(of: "bad.test", until: .never) }
        #expect(bogus.isTemporary)
    }
}
