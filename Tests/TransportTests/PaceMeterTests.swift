// The floor under a peer's speed, with time moved by hand.

import Testing

@testable import Transport

@Suite struct PaceMeterTests {
    @Test("one octet every 59 seconds falls through the floor within a minute or two")
    func drip() {
        var meter = PaceMeter(floor: .standard)
        meter.note(octets: 1)
        let passed1 = meter.note(waiting: .seconds(59))
        #expect(passed1)
        meter.note(octets: 1)
        let passed2 = meter.note(waiting: .seconds(59))
        #expect(!passed2)
    }

    @Test("a slow but steady peer passes every window")
    func steady() {
        var meter = PaceMeter(floor: .standard)
        for _ in 0..<1000 {
            meter.note(octets: 200)
            let passed3 = meter.note(waiting: .seconds(10))
            #expect(passed3)
        }
    }

    @Test("credit from a fast start does not last")
    func credit() {
        var meter = PaceMeter(floor: .standard)
        meter.note(octets: 10_000_000)
        let passed4 = meter.note(waiting: .seconds(60))
        #expect(passed4)
        #expect(meter.remaining == .seconds(60))
        let passed5 = meter.note(waiting: .seconds(61))
        #expect(!passed5)
    }
}
