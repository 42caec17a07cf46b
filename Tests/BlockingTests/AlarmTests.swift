// What wakes a thread: its moment, or another thread.

import Glibc
import Testing

@testable import Blocking

struct AlarmTests {
    private func isReadable(_ alarm: Alarm) -> Bool {
        var polled = pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&polled, 1, 0) > 0
    }

    @Test("it comes at its moment, and not before")
    func moment() throws {
        let alarm = Alarm()
        try #require(alarm.descriptor >= 0)
        #expect(!alarm.hasCome && !isReadable(alarm) && alarm.pollTimeout == -1)
        alarm.set(Deadline(after: .seconds(3600)))
        #expect(!alarm.hasCome && !isReadable(alarm))
        let moment = Deadline(after: .milliseconds(50))
        alarm.set(moment)
        #expect(alarm.wait() && moment.hasPassed && isReadable(alarm))
        alarm.set(.never)
        #expect(!alarm.hasCome && !isReadable(alarm), "a new moment takes the place of the old one")
        alarm.set(Deadline(after: .seconds(-5)))
        #expect(alarm.hasCome && isReadable(alarm))
    }

    @Test("a ring wakes whoever waits, and is there until it is taken, whatever moment is set meanwhile")
    func ring() throws {
        let alarm = Alarm()
        let thread = try BlockingThread(name: "ringer") { alarm.ring() }
        #expect(alarm.wait())
        thread.join()
        alarm.set(.never)
        #expect(alarm.hasCome && isReadable(alarm))
        #expect(alarm.takeRing() && !alarm.takeRing())
        #expect(!alarm.hasCome && !isReadable(alarm))
        alarm.ring()
        alarm.set(Deadline(after: .milliseconds(1)))
        #expect(alarm.takeRing() && alarm.wait(), "its moment comes all the same")
    }
}
