// DNSSEC where proofs come through, and plain answers where they do not.

import Blocking
import Resolver
import Testing

@Suite("A resolver that doubts its name servers")
struct DoubtingResolverTests {
    private let deadline = Deadline(after: .seconds(30))
    private let forged = ResolverError.bogus(name: "x.example", type: "A", reason: "no signatures")

    /// What is asked with validation, and what without.
    private func resolver(_ change: (inout TableResolver) -> Void) -> DoubtingResolver {
        var table = TableResolver()
        table.addresses = ["x.example": [[1, 2, 3, 4]], "signed.example": [[1, 2, 3, 5]]]
        table.text = ["arpa": []]
        let plain = table
        table.secure = ["signed.example", "arpa"]
        table.failures = ["x.example": forged]
        change(&table)
        return DoubtingResolver(validating: table, plain: plain)
    }

    @Test("where what is signed comes proved, a forged answer is one")
    func proving() throws {
        let resolver = resolver { _ in }
        #expect(throws: forged) { try resolver.addresses(of: "x.example", until: deadline) }
        #expect(try resolver.addresses(of: "signed.example", until: deadline).isSecure)
        #expect(throws: forged) { try resolver.addresses(of: "x.example", until: deadline) }
    }

    @Test("where nothing does, answers count, and none is proved")
    func stripped() throws {
        let resolver = resolver { $0.failures["arpa"] = .bogus(name: "arpa", type: "TXT", reason: "no signatures") }
        let answer = try resolver.addresses(of: "x.example", until: deadline)
        #expect(answer.records == [[1, 2, 3, 4]] && !answer.isSecure)
        #expect(try !resolver.addresses(of: "signed.example", until: deadline).isSecure)
    }

    @Test("silence is no leave to go without")
    func silent() throws {
        let resolver = resolver { $0.failures["arpa"] = .timedOut(name: "arpa", type: "TXT") }
        #expect(throws: forged) { try resolver.addresses(of: "x.example", until: deadline) }
    }
}
