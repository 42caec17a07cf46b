// The keeper's table of children, and its pauses.

import Glibc
import MailTestKit
import Programs
import Testing

@testable import mhserve

@Suite("The keeper's children")
struct ChildrenTests {
    @Test("pauses grow from 200 ms to 30 s while it dies at once, and begin anew with one that did its work")
    func pauses() {
        var backOff = BackOff()
        #expect(!backOff.isDue(0) && backOff.due == nil)
        var pauses: [Int] = []
        for _ in 1...10 {
            backOff.noteDeath(at: 999, now: 1_000)
            pauses.append((backOff.due ?? 0) - 1_000)
        }
        #expect(pauses == [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
        #expect(!backOff.isDue(30_999) && backOff.isDue(31_000))
        backOff.noteDeath(at: 1_000, now: 50_000)
        #expect(backOff.due == 50_100)
        backOff.clear()
        #expect(!backOff.isDue(.max))
        for _ in 1...5 { backOff.noteDeath(at: 0, now: 0) }
        backOff.succeeded()
        backOff.noteDeath(at: 0, now: 0)
        #expect(backOff.due == 200, "what was before counts no more")
    }

    @Test("a child is told with its kind and end, a stranger whose parent has died is taken off the table too")
    func strangers() async {
        // In a process of its own: nobody else's children may be taken.
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            // As process 1 is: PR_SET_CHILD_SUBREAPER, of a call that Swift does not see.
            typealias Prctl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
            let prctl = unsafe unsafeBitCast(try #require(dlsym(nil, "prctl")), to: Prctl.self)
            guard prctl(36, 1, 0, 0, 0) == 0 else { throw KitError("prctl: \(errno)") }
            var children = Children()
            // It leaves a child behind, which we never heard of.
            let start = ChildStart(file: "/bin/sh", arguments: ["sh", "-c", "(exit 7) & exit 3"])
            let pid = try start.start()
            children.add(pid, .run)
            var ended: [Children.Ended] = []
            while ended.count < 2 {
                ended += children.reap()
                _ = poll(nil, 0, 5)
            }
            let (ours, strangers) = (ended.filter { $0.pid == pid }, ended.filter { $0.pid != pid })
            guard ours.map(\.kind) == [.run], ours.map(\.status) == [3], strangers.map(\.kind) == [nil],
                strangers.map(\.status) == [7]
            else { throw KitError("\(ended)") }
            guard children.reap().isEmpty else { throw KitError("one more") }
        }
        #expect(end != nil, "\(String(decoding: end?.standardErrorContent ?? [], as: UTF8.self))")
    }
}
