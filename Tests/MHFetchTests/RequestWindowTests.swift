// How much is on its way at once.

import FetchLedger
import Testing

@testable import mhfetch

struct RequestWindowTests {
    private func window(_ sizes: [Int?], isPipelining: Bool = true, suspects: Set<Int> = []) -> RequestWindow {
        let messages = sizes.enumerated().map { number, size in
            Pending(number: number, key: .unique("\(number)", occurrence: 0), size: size)
        }
        let work = WorkList(messages) { suspects.contains($0.number) }
        return RequestWindow(of: work, isPipelining: isPipelining)
    }

    /// The numbers that may be asked for now.
    private func asked(_ window: inout RequestWindow, isAhead: Bool = false) -> [Int] {
        var numbers: [Int] = []
        while let message = window.next(isAhead: isAhead) { numbers.append(message.number) }
        return numbers
    }

    @Test("octets count, over the borders of batches, and an answer makes room for more")
    func octets() {
        var window = window([Int?](repeating: 100 << 10, count: 20))
        #expect(asked(&window) == [0, 1, 2, 3, 4])
        #expect(asked(&window).isEmpty && window.isOpen)
        window.noteAnswer()
        #expect(asked(&window) == [5])
        for _ in 0..<5 { window.noteAnswer() }
        #expect(!window.isOpen && asked(&window) == [6, 7, 8, 9, 10])
    }

    @Test("tiny messages are bounded by their number, those of unknown size by a guess")
    func numbers() {
        var tiny = window([Int?](repeating: 10, count: 1000))
        #expect(asked(&tiny).count == 250)
        var unknown = window([Int?](repeating: nil, count: 1000))
        #expect(asked(&unknown).count == 16)
        var lies = window([-5, .max, .min, .max])
        #expect(asked(&lies) == [0])
        lies.noteAnswer()
        #expect(asked(&lies) == [1])
    }

    @Test("one larger than all that may be on its way is asked for by itself, when its turn has come")
    func large() {
        var window = window([10, 600 << 10, 10, 10])
        #expect(asked(&window) == [0])
        window.noteAnswer()
        #expect(asked(&window, isAhead: true).isEmpty, "the session may end before it")
        #expect(asked(&window) == [1])
        window.noteAnswer()
        #expect(asked(&window, isAhead: true) == [2, 3])
    }

    @Test("without pipelining one at a time, and suspects come last")
    func oneByOne() {
        var window = window([10, 10, 10], isPipelining: false, suspects: [0])
        for number in [1, 2, 0] {
            #expect(asked(&window) == [number])
            window.noteAnswer()
        }
        #expect(asked(&window).isEmpty && !window.isOpen)
    }
}
