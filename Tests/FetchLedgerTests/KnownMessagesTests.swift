// What is known of a maildrop, and listings compared with it.

import MailTestKit
import POP3Protocol
import Testing

@testable import FetchLedger

@Suite("The known messages of a maildrop")
struct KnownMessagesTests {
    private func listing(_ ids: some Sequence<String>) -> UniqueIDListing {
        var listing = UniqueIDListing()
        for (number, id) in ids.enumerated() { listing.append(number: UInt32(number + 1), id: Array(id.utf8)[...]) }
        return listing
    }

    /// Keys as they are counted one by one.
    private func keys(_ ids: [String]) -> [MessageKey] {
        var counts: [String: Int] = [:]
        return ids.map { id in
            defer { counts[id, default: 0] += 1 }
            return .unique(id, occurrence: counts[id, default: 0])
        }
    }

    private func known(_ keys: some Sequence<MessageKey>) -> KnownMessages {
        var known = KnownMessages()
        for (number, key) in keys.enumerated() { known[key] = .init(fetched: 1_800_000_000 + number, run: number) }
        return known
    }

    @Test(
        "a listing is compared as if each message were looked up, in whatever order and however often ids stand there")
    func anyListing() {
        var random = SplitMix(seed: 7)
        var hits = 0
        for round in 0..<400 {
            // Few ids: many stand there several times. Many ids: most stand there once.
            let variety = round % 4 == 0 ? 20 : 100_000
            var ids = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                "id\(Int.random(in: 0..<variety, using: &random))"
            }
            var table = known(keys(ids))
            for key in keys(ids) where Int.random(in: 0..<10, using: &random) == 0 { table[key] = nil }
            // What the server has by now: some gone, some new, here and there, or all in another order.
            ids.removeAll { _ in Int.random(in: 0..<8, using: &random) == 0 }
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                let at = Bool.random(using: &random) ? ids.count : Int.random(in: 0...ids.count, using: &random)
                ids.insert("id\(Int.random(in: 0..<2 * variety, using: &random))", at: at)
            }
            switch round % 7 {
            case 0: ids.shuffle(using: &random)
            case 1: ids.reverse()
            case 2: ids = Array(ids.dropFirst(70)) + ids.prefix(70)
            default: break
            }
            let listed = table.match(listing(ids))
            for (index, key) in keys(ids).enumerated() {
                #expect(listed.key(at: index) == key, "round \(round)")
                #expect(listed.isKnown(at: index) == (table[key] != nil), "round \(round): \(key)")
                if listed.isKnown(at: index) { hits += 1 }
            }
            let there = Set(keys(ids))
            let changes = table.changes(by: listed)
            #expect(Set(changes.missing) == Set(table.keys.filter { !there.contains($0) }), "round \(round)")
            #expect(changes.gone.isEmpty && changes.back.isEmpty)
        }
        #expect(hits > 20_000)
    }

    @Test("what is changed, forgotten and known again is what is there, and counts are right")
    func changes() {
        var random = SplitMix(seed: 3)
        var table = KnownMessages()
        var model: [MessageKey: KnownMessages.Known] = [:]
        for step in 0..<20_000 {
            let key = MessageKey.unique("\(Int.random(in: 0..<300, using: &random))", occurrence: step % 3)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let value = KnownMessages.Known(
                    fetched: step, run: step, isMissing: step % 5 == 0, deletion: step % 7 == 0 ? .asked : nil)
                (table[key], model[key]) = (value, value)
            case 2: (table[key], model[key]) = (nil, nil)
            default:
                table.change(key) { $0.deletion = .ignored }
                model[key]?.deletion = .ignored
            }
            #expect(table[key] == model[key])
        }
        #expect(table.count == model.count && Set(table.keys) == Set(model.keys))
        #expect(table.deletionCount == model.values.count { $0.deletion != nil })
        for (key, value) in table.all { #expect(model[key] == value) }
        // A copy goes its own way.
        var copy = table
        for number in 0..<500 {
            copy[.unique("copy \(number)", occurrence: 0)] = .init(fetched: number, run: 1)
            table[.unique("table \(number)", occurrence: 0)] = .init(fetched: number, run: 2)
        }
        for number in 0..<500 {
            let (one, other) = (
                MessageKey.unique("copy \(number)", occurrence: 0), MessageKey.unique("table \(number)", occurrence: 0)
            )
            #expect(copy[one]?.run == 1 && copy[other] == nil && table[other]?.run == 2 && table[one] == nil)
        }
    }

    @Test("messages of one day share lines of the journal, the latest counts, and what is special stands for itself")
    func lines() throws {
        let ids = (0..<3_000).map { "id-\($0)" }
        var table = KnownMessages()
        for (number, id) in ids.enumerated() {
            table[.unique(id, occurrence: 0)] = .init(fetched: 86_400 * (1 + number / 1_000) + number, run: number + 1)
        }
        table[.unique("id-5", occurrence: 0)]?.isMissing = true
        table[.unique("id-7", occurrence: 0)]?.deletion = .asked
        table[.unique("id-9", occurrence: 0)] = nil
        table[.unique("id-2", occurrence: 1)] = .init(fetched: 9, run: 9)
        #expect(table.journalLines.count == table.lineCount)
        #expect(table.lineCount == 3 + 2 + 2 + 1, "a line a day; a mark each for two; one for the repeated id")
        var state = FetchState()
        for line in table.journalLines {
            let isTaken = state.apply(line[...])
            #expect(isTaken)
        }
        #expect(Set(state.known.keys) == Set(table.keys))
        #expect(state.known[.unique("id-0", occurrence: 0)] == .init(fetched: 86_400 + 999, run: 1_000))
        #expect(state.known[.unique("id-5", occurrence: 0)] == table[.unique("id-5", occurrence: 0)])
        #expect(state.known[.unique("id-7", occurrence: 0)] == table[.unique("id-7", occurrence: 0)])
        #expect(state.known[.unique("id-2", occurrence: 1)]?.fetched == 9)
        // A clock that was set back: the latest counts, wherever it stands.
        var back = KnownMessages()
        for (id, time) in [("a", 86_400 + 5_000), ("b", 86_400 + 9), ("c", 86_400 + 7_000), ("d", 86_400 + 1)] {
            back[.unique(id, occurrence: 0)] = .init(fetched: time, run: 90_000 - time / 1_000)
        }
        #expect(back.journalLines.map { String(decoding: $0, as: UTF8.self) } == ["keys 93400 89914 a b c d"])
        // Lines have an end, however many stand there.
        for number in 0..<20_000 { table[.unique("more-\(number)", occurrence: 0)] = .init(fetched: 5, run: 5) }
        #expect(table.journalLines.allSatisfy { $0.count <= 16_384 + 40 })
        let isTaken = [
            "keys ", "keys 1", "keys 1 2", "keys 1 2 ", "keys 1 2 a ", "keys 1 2 a  b", "keys x 2 a", "keys 1 -2 a",
        ]
        .map { state.apply(Array($0.utf8)[...]) }
        #expect(!isTaken.contains(true), "\(isTaken)")
    }

    @Test("a server that gives one id to all its messages costs no more than another")
    func oneID() {
        let ids = [String](repeating: "same", count: 30_000)
        let table = known(keys(ids))
        let listed = table.match(listing(ids + ["same", "other"]))
        #expect(listed.isKnown(at: 29_999) && !listed.isKnown(at: 30_000) && !listed.isKnown(at: 30_001))
        #expect(listed.key(at: 30_000) == .unique("same", occurrence: 30_000))
    }
}
