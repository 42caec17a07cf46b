// Who gets a connection to a server that allows few.

import Blocking
import Glibc
import MailTestKit
import Testing

@testable import mhfetch

@Suite("Seats at a server")
struct HostSeatsTests {
    /// A seat whose connection stands.
    private func open(at seats: HostSeats, alarm: Alarm = Alarm()) -> Seat {
        let seat = Seat(at: seats, alarm: alarm)
        #expect(seat.take())
        seat.dial {}
        return seat
    }

    /// One that the server refuses now.
    private func refused(at seats: HostSeats, alarm: Alarm = Alarm()) -> Seat {
        let seat = Seat(at: seats, alarm: alarm)
        #expect(seat.take() && seat.noteRefusal())
        seat.give()
        return seat
    }

    @Test("FE6: without a refusal there is no limit; with one, whose turn comes gets the seat of the longest idler")
    func turns() async throws {
        try await onThread {
            let seats = HostSeats()
            let first = Seat(at: seats, alarm: Alarm())
            #expect(first.take() && !first.noteRefusal(), "no connection stands: the refusal is for other reasons")
            first.give()
            let alarms = [Alarm(), Alarm()]
            let open = alarms.map { self.open(at: seats, alarm: $0) }
            _ = refused(at: seats)
            let hasSeat = Promise<Bool>()
            var thread: BlockingThread?
            let idled: Void?? = try open[0].idle {
                try open[1].idle {
                    thread = try BlockingThread(name: "waiter") {
                        hasSeat.keep(Seat(at: seats, alarm: Alarm()).take())
                    }
                    #expect(alarms[0].wait() && alarms[0].takeRing() && !hasSeat.isKept && !alarms[1].hasCome)
                }
            }
            #expect(idled != nil && open[0].isAsked && !open[1].isAsked)
            #expect(open[1].idle {} == nil, "nobody begins to wait while a seat is asked for")
            open[0].give()
            #expect(hasSeat.wait())
            thread?.join()
            #expect(!alarms[1].hasCome && open[1].idle {} != nil)
        }
    }

    @Test("a connection that ends without a word is a refusal when the next one does so, too")
    func closed() {
        let seats = HostSeats()
        let alone = Seat(at: seats, alarm: Alarm())
        #expect(alone.take() && !alone.noteRefusal(isTold: false), "nobody else is there")
        alone.give()
        let open = open(at: seats)
        let closed = Seat(at: seats, alarm: Alarm())
        #expect(closed.take() && closed.noteRefusal(isTold: false))
        let other = self.open(at: seats)
        other.give()
        #expect(closed.noteRefusal(isTold: false) && !open.isWanted)
        closed.give()
        #expect(open.idle {} != nil)
    }

    @Test("an account with much to fetch hears that another one waits for its seat")
    func wanted() async throws {
        try await onThread {
            let seats = HostSeats()
            let open = open(at: seats)
            _ = refused(at: seats)
            #expect(!open.isWanted)
            let hasSeat = Promise<Bool>()
            let thread = try BlockingThread(name: "waiter") {
                hasSeat.keep(Seat(at: seats, alarm: Alarm()).take())
            }
            let deadline = Deadline(after: .seconds(60))
            while !open.isWanted, !deadline.hasPassed { usleep(1000) }
            #expect(open.isWanted && !hasSeat.isKept)
            open.give()
            #expect(hasSeat.wait() && !open.isWanted)
            thread.join()
        }
    }

    @Test("as many are asked for their seats as are waited for, and no more")
    func noMore() async throws {
        try await onThread {
            let seats = HostSeats()
            let alarms = (0..<3).map { _ in Alarm() }
            let open = alarms.map { self.open(at: seats, alarm: $0) }
            _ = refused(at: seats)
            let taken = Monitor(0)
            var threads: [BlockingThread] = []
            try open[0].idle {
                try open[1].idle {
                    try open[2].idle {
                        threads = try (0..<2).map { _ in
                            try BlockingThread(name: "waiter") {
                                if Seat(at: seats, alarm: Alarm()).take() { taken.change { $0 += 1 } }
                            }
                        }
                        #expect(alarms[0].wait() && alarms[1].wait())
                        // Looks again, as others change something.
                        for _ in 0..<5 { seats.wake() }
                    }
                }
            }
            open[0].give()
            open[1].give()
            for thread in threads { thread.join() }
            #expect(taken.read { $0 } == 2 && !alarms[2].hasCome && !open[2].isAsked)
        }
    }

    @Test("FE6: one that is refused for reasons of its own lowers no limit; one that was let in before does, once")
    func ownReasons() async throws {
        try await onThread {
            let seats = HostSeats()
            let open = (0..<4).map { _ in self.open(at: seats) }
            let refused = refused(at: seats)
            open[0].give()
            #expect(refused.take() && refused.noteRefusal(), "the server may not have seen yet that one has ended")
            #expect(!refused.noteRefusal(), "three stand, of four that are allowed")
            refused.give()
            #expect(open[0].take())
            for _ in 0..<3 { #expect(open[0].noteRefusal(), "it was let in before: three are allowed now") }
            open[0].give()
            open[1].give()
            #expect(open[0].take() && !open[0].noteRefusal(), "since then it was not")
            open[0].give()
            let alarm = Alarm()
            #expect(Seat(at: seats, alarm: alarm).stayAway { alarm.hasCome }.hasRoom)
            #expect(refused.take() && !refused.noteRefusal())
        }
    }

    @Test("FE6: who was on the way when another was refused, and is let in, shows that the server allows more")
    func onTheWay() async throws {
        try await onThread {
            let seats = HostSeats()
            let first = open(at: seats)
            let second = Seat(at: seats, alarm: Alarm())
            #expect(second.take())
            _ = refused(at: seats)
            second.dial {}
            let alarm = Alarm()
            let late = Seat(at: seats, alarm: alarm)
            #expect(!late.stayAway { alarm.hasCome }.hasRoom, "two stand, of two")
            first.give()
            #expect(late.stayAway { alarm.takeRing() } == (true, hasRoom: true))
        }
    }

    @Test("FE6: after a while the server may allow more: whoever is away comes back, all of them")
    func lapse() async throws {
        try await onThread {
            let seats = HostSeats(memory: .milliseconds(20))
            let open = self.open(at: seats)
            let alarms = [Alarm(), Alarm()]
            let away = [refused(at: seats, alarm: alarms[0]), Seat(at: seats, alarm: alarms[1])]
            _ = away[0].stayAway {
                away[1].stayAway {
                    // The memory of the refusal lapses.
                    usleep(30_000)
                    open.give()
                }
            }
            #expect(alarms[0].hasCome && alarms[1].hasCome)
            #expect(away[0].take() && away[1].take())
        }
    }

    @Test("FE6: who has left for another comes back when there is room, one at a time")
    func back() async throws {
        try await onThread {
            let seats = HostSeats()
            let open = (0..<2).map { _ in self.open(at: seats) }
            let alarms = [Alarm(), Alarm()]
            let away = [refused(at: seats, alarm: alarms[0]), Seat(at: seats, alarm: alarms[1])]
            let waits = away[0].stayAway {
                away[1].stayAway {
                    #expect(!alarms[0].hasCome && !alarms[1].hasCome)
                    open[0].give()
                    #expect(alarms[0].takeRing() && !alarms[1].hasCome)
                }
            }
            #expect(waits.hasRoom && !waits.0.hasRoom)
        }
    }
}
