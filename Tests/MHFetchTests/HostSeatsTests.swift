// Who gets a connection to a server that allows few.

import Blocking
import MailTestKit
import Testing

@testable import mhfetch

@Suite("Seats at a server")
struct HostSeatsTests {
    @Test("FE6: without a refusal there is no limit; with one, whose turn comes gets the seat of the longest idler")
    func turns() async throws {
        try await onThread {
            let seats = HostSeats()
            #expect(seats.take() && !seats.noteRefusal(), "alone: the refusal is for other reasons")
            #expect(seats.take() && seats.take() && seats.noteRefusal())
            seats.give(isAsked: false)
            let alarms = [Alarm(), Alarm()]
            for alarm in alarms { #expect(seats.beginIdle(alarm)) }
            let hasSeat = Promise<Bool>()
            let thread = try BlockingThread(name: "waiter") { hasSeat.keep(seats.take()) }
            #expect(alarms[0].wait() && alarms[0].takeRing() && !hasSeat.isKept && !alarms[1].hasCome)
            #expect(!seats.beginIdle(Alarm()), "nobody begins to wait while a seat is asked for")
            #expect(!seats.endIdle(alarms[0]) && seats.endIdle(alarms[1]) && seats.beginIdle(alarms[1]) == false)
            seats.give(isAsked: true)
            #expect(hasSeat.wait())
            thread.join()
            #expect(!alarms[1].hasCome && seats.beginIdle(alarms[1]))
        }
    }

    @Test("as many are asked for their seats as are waited for, and no more")
    func noMore() async throws {
        try await onThread {
            let seats = HostSeats()
            for _ in 0..<4 { #expect(seats.take()) }
            #expect(seats.noteRefusal())
            seats.give(isAsked: false)
            let alarms = (0..<3).map { _ in Alarm() }
            for alarm in alarms { #expect(seats.beginIdle(alarm)) }
            let taken = Monitor(0)
            let threads = try (0..<2).map { _ in
                try BlockingThread(name: "waiter") { if seats.take() { taken.change { $0 += 1 } } }
            }
            #expect(alarms[0].wait() && alarms[1].wait())
            // Looks again, as others change something.
            for _ in 0..<5 { seats.wake() }
            seats.give(isAsked: true)
            seats.give(isAsked: true)
            for thread in threads { thread.join() }
            #expect(taken.read { $0 } == 2 && !alarms[2].hasCome)
        }
    }
}
