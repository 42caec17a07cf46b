// How many log in at once.

import Blocking
import MailTestKit
import Testing

@testable import mhfetch

@Suite("The gate of logins")
struct DialGateTests {
    @Test("FE6: four dial at once, and those who get no answer keep the next one for a while only")
    func silence() async throws {
        try await onThread {
            let gate = DialGate(patience: .milliseconds(400))
            let dialing = Monitor(0)
            let isOver = Monitor(false)
            let threads = try (0..<DialGate.limit).map { _ in
                try BlockingThread(name: "dials") {
                    gate.pass {
                        dialing.change { $0 += 1 }
                        isOver.wait { $0 ? () : nil }
                    }
                }
            }
            dialing.wait { $0 == DialGate.limit ? () : nil }
            let began = Deadline.now
            gate.pass {}
            #expect(began.elapsed > .milliseconds(100), "it waited for the others")
            isOver.change { $0 = true }
            for thread in threads { thread.join() }
        }
    }
}
