// One FETCH, cut into batches as its messages come.

import FetchLedger
import Testing

@testable import mhfetch

@Suite("A request for many messages")
struct FetchRequestTests {
    private func messages(_ uids: some Sequence<Int>, size: Int = 10) -> [Pending] {
        uids.map { Pending(number: $0, key: .uid(UInt32($0), folder: 0), size: size) }
    }

    @Test("it asks for what a command line holds")
    func lineLength() {
        let all = messages(1...1_000)
        #expect(FetchRequest(all).messages == all)
        let scattered = messages((0..<3_000).map { 1_000_000 + 2 * $0 })
        let request = FetchRequest(scattered)
        #expect(request.uids.octets.count <= 7_000 && request.uids.octets.count > 6_900)
        #expect(request.messages == Array(scattered.prefix(request.messages.count)))
        #expect(request.uids.count == request.messages.count)
    }

    @Test("batches are cut as messages come: by number, by octets, over gaps, and backwards")
    func batches() throws {
        var request = FetchRequest(messages(101...300))
        let first = try #require(request.place(of: 101))
        _ = request.answer(first)
        let again = request.answer(first)
        #expect(!again, "each comes once")
        #expect(request.beginBatch(at: first).map(\.number) == Array(101...164))
        #expect(request.index(of: first) == 0 && request.expected == 1)
        #expect(request.index(of: 63) == 63 && request.index(of: 64) == nil)
        // From 102 to 199 nothing comes.
        let later = try #require(request.place(of: 200))
        _ = request.answer(later)
        #expect(request.beginBatch(at: later).map(\.number) == Array(200...263))
        // One that was left out comes now, then what comes behind it.
        let late = try #require(request.place(of: 150))
        _ = request.answer(late)
        #expect(request.beginBatch(at: late).map(\.number) == Array(150...199) + Array(201...214))
        #expect(request.index(of: 101) == 51, "201, behind 150 to 199 and without 200")
        let last = try #require(request.place(of: 300))
        _ = request.answer(last)
        #expect(request.expected == nil)
        #expect(request.beginBatch(at: last).map(\.number) == [300])
        #expect(request.left.count == 196)
        #expect(request.place(of: 99) == nil)
        var large = FetchRequest(messages(1...4, size: 9 << 20))
        _ = large.answer(0)
        #expect(large.beginBatch(at: 0).map(\.number) == [1])
    }
}
