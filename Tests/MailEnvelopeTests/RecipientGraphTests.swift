// Who gets a message in the place of others: no mail ends in a circle, nobody is added twice.

import MailEnvelope
import MailFormat
import MailTestKit
import Testing

@Suite("The graph of recipients")
struct RecipientGraphTests {
    /// The recipients that `envelope` comes to, by aliases that are followed one by one in the order of `turns`: those that
    /// stand for themselves, and behind a `!` those that fail.
    private func ends(
        of envelope: [String], by aliases: [String: [String]], next: ([Int]) -> Int? = { $0.first }
    ) throws -> [String] {
        var recipients = try envelope.map { BareRecipient(try recipient($0)) }
        var failed: Set<Int> = []
        func open() -> [Int] {
            recipients.indices.filter { index in
                !recipients[index].isExpanded && !failed.contains(index) && aliases[name(recipients[index])] != nil
            }
        }
        while let index = next(open()) {
            let targets = aliases[name(recipients[index])] ?? []
            let way = [index] + recipients.ancestors(of: index)
            var expansion = Expansion([])
            for target in targets {
                if let earlier = way.first(where: { name(recipients[$0]) == target }) {
                    expansion.known.append(earlier)
                } else {
                    expansion.children.append(try recipient(target))
                }
            }
            do throws(ExpansionError) {
                _ = try recipients.expand(index, to: expansion)
            } catch {
                failed.insert(index)
            }
        }
        return recipients.indices.filter { !recipients[$0].isExpanded }
            .map { (failed.contains($0) ? "!" : "") + name(recipients[$0]) }.sorted()
    }

    private func recipient(_ name: String) throws -> ExpandedRecipient {
        ExpandedRecipient(.address(try Address("\(name)@home.example")))
    }

    private func name(_ recipient: BareRecipient) -> String {
        String(recipient.recipient.destination.description.prefix { $0 != "@" })
    }

    @Test("SE13: a circle that leads to nobody is told of, however its aliases are tied together")
    func circles() throws {
        for (aliases, count) in [
            (["a": ["b"], "b": ["a"]], 1),
            (["a": ["b", "c"], "b": ["c"], "c": ["b"]], 1),
            (["a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["a"]], 1),
            (["a": ["b", "c", "d"], "b": ["c", "d"], "c": ["d", "b"], "d": ["b", "c"]], 1),
            (["a": []], 1),
        ] {
            let ends = try ends(of: ["a"], by: aliases)
            #expect(ends.count == count && ends.allSatisfy { $0.hasPrefix("!") }, "\(aliases): \(ends)")
        }
    }

    @Test("SE13: a circle that leads to others besides is nobody's loss")
    func others() throws {
        #expect(try ends(of: ["a"], by: ["a": ["b", "x"], "b": ["c"], "c": ["a"]]) == ["x"])
        #expect(try ends(of: ["a"], by: ["a": ["b", "c"], "b": ["c"], "c": ["b", "x"]]) == ["x"])
        #expect(try ends(of: ["a", "b"], by: ["a": ["x"], "b": ["x"]]) == ["x"])
        #expect(try ends(of: ["a", "x"], by: ["a": ["b"], "b": ["x"]]) == ["x"])
    }

    @Test("SE13: a recipient whose aliases run in a circle is told of though another leads to somebody")
    func apart() throws {
        // Nobody of the circle of b and c gets what was sent to b, though a leads to x besides.
        let aliases = ["a": ["b", "x"], "b": ["c"], "c": ["b"]]
        #expect(try ends(of: ["a", "b"], by: aliases) == ["!c", "x"])
        #expect(try ends(of: ["a", "b"], by: aliases, next: \.last) == ["!c", "x"])
    }

    @Test("SE13: every recipient leads to one that is served or told of, for any aliases in any order")
    func any() throws {
        var generator = SplitMix(seed: 7)
        let names = ["a", "b", "c", "d", "e", "f", "x", "y"]
        for _ in 0..<3000 {
            var aliases: [String: [String]] = [:]
            for name in names.prefix(6) where Bool.random(using: &generator) {
                aliases[name] = names.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }
            }
            let envelope = names.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 }
            let ends = try ends(of: envelope, by: aliases) { $0.randomElement(using: &generator) }
            #expect(Set(ends).count == ends.count, "twice: \(aliases) \(ends)")
            // By the aliases alone: who must get it, and who leads to nobody.
            var isTold = false
            for name in envelope {
                let reached = reached(from: name, by: aliases)
                #expect(ends.filter { !$0.hasPrefix("!") }.contains { reached.contains($0) } || reached.isEmpty)
                #expect(reached.isSubset(of: ends), "\(aliases) \(envelope) \(ends): \(reached)")
                if reached.isEmpty { isTold = true }
            }
            #expect(!isTold || ends.contains { $0.hasPrefix("!") }, "silent: \(aliases) \(envelope) \(ends)")
        }
    }

    /// Those that are no aliases.
    private func reached(from name: String, by aliases: [String: [String]]) -> Set<String> {
        var seen: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            if seen.insert(next).inserted { open += aliases[next] ?? [] }
        }
        return seen.filter { aliases[$0] == nil }
    }

    @Test("SE13: one recipient stands for 1,000, however many are expanded at once, and the message for 100,000")
    func bounds() throws {
        let wide = try (0..<600).map { try recipient("p\($0)") }
        let other = try (0..<600).map { try recipient("q\($0)") }
        var recipients = try ["a", "b"].map { BareRecipient(try recipient($0)) }
        let parts = try recipients.expand(0, to: Expansion([try recipient("c"), try recipient("d")]))
        _ = try recipients.expand(parts.lowerBound, to: Expansion(wide))
        #expect(throws: ExpansionError.tooMany(limit: 1000)) {
            _ = try recipients.expand(parts.lowerBound + 1, to: Expansion(other))
        }
        #expect(try recipients.expand(1, to: Expansion(wide)).isEmpty, "they are recipients already")
        var graph = RecipientGraph(try (0..<100_000).map { BareRecipient(try recipient("r\($0)")) })
        #expect(throws: ExpansionError.tooManyOfMessage(limit: 100_000)) {
            _ = try graph.expand(0, to: Expansion([try recipient("one")]))
        }
    }
}
