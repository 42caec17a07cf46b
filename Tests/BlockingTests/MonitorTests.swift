// Values that threads wait for.

import Testing

@testable import Blocking

struct MonitorTests {
    @Test("a wait ends with the change that it is for, and no other")
    func woken() throws {
        let monitor = Monitor(0)
        let thread = try BlockingThread(name: "counter") { for _ in 0..<1000 { monitor.change { $0 += 1 } } }
        let seen = monitor.wait(until: Deadline(after: .seconds(20))) { $0 >= 1000 ? $0 : nil }
        thread.join()
        #expect(seen == 1000 && monitor.read { $0 } == 1000)
    }

    @Test("what a wait takes, one of many threads has")
    func taken() throws {
        let work = Monitor(Array(0..<300))
        let done = Monitor<[Int]>([])
        let threads = try (0..<4).map { _ in
            try BlockingThread(name: "taker") {
                while let next = work.wait(until: .now, { $0.popLast() }) { done.change { $0.append(next) } }
            }
        }
        for thread in threads { thread.join() }
        #expect(done.read { $0.sorted() } == Array(0..<300))
    }

    @Test("a wait in vain ends at its deadline, also one in the past, after one look")
    func inVain() {
        let monitor = Monitor(0)
        #expect(monitor.wait(until: Deadline(after: .milliseconds(20))) { _ in nil as Int? } == nil)
        #expect(monitor.wait(until: .now) { $0 == 0 ? "there" : nil } == "there")
    }

    @Test("a promise is kept once, for all who wait and who come later")
    func promise() throws {
        let promise = Promise<Int>()
        #expect(!promise.isKept)
        let thread = try BlockingThread(name: "giver") {
            promise.keep(1)
            promise.keep(2)
        }
        #expect(promise.wait() == 1)
        thread.join()
        #expect(promise.isKept && promise.wait() == 1)
    }
}
