// More than one worker at a time: those that begin late, and those that do not end.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("mhserve's generations of workers")
struct ServeGenerationsTests {
    /// What the server tells of the rc's max-recipients.
    private func limit(_ hub: HubUnderTest) throws -> String {
        let client = try LineClient(port: hub.port("smtp"))
        _ = try client.reply()
        try client.send("EHLO x\r\n")
        return try client.reply().first { $0.contains("RCPTMAX") }.map { String($0.dropFirst(4)) } ?? "none"
    }

    private func reload(_ hub: HubUnderTest, maxRecipients: Int) {
        let rc = String(decoding: ScratchDirectory.read(hub.rcPath) ?? [], as: UTF8.self)
        hub.scratch.write("\(rc.split(separator: "\nmax-recipients")[0])\nmax-recipients \(maxRecipients)\n", to: "rc")
        hub.server.child.send(SIGHUP)
    }

    private func wait(for count: Int, in hub: HubUnderTest) throws -> [pid_t] {
        let deadline = Deadline(after: .seconds(30))
        while hub.workers.count != count {
            guard !deadline.hasPassed else { throw KitError("\(hub.workers) are not \(count) workers\n\(hub.logs)") }
            usleep(10_000)
        }
        return hub.workers
    }

    @Test("a reload while another one is under way: the last rc counts, and one worker is left", .needs(.strace))
    func twoReloads() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            let first = try hub.worker()
            // A worker gives up rights before it does anything else that counts: three seconds late here.
            let strace = try hub.inject("prctl:delay_enter=3000000", into: hub.server.pid)
            defer { strace.stop() }
            reload(hub, maxRecipients: 4)
            let second = try #require(try wait(for: 2, in: hub).last)
            reload(hub, maxRecipients: 5)
            #expect(try limit(hub) == "LIMITS RCPTMAX=100", "the old worker serves meanwhile")
            try hub.waitForLog(": reloaded")
            let left = try wait(for: 1, in: hub)
            #expect(left[0] != first && left[0] != second)
            #expect(try limit(hub) == "LIMITS RCPTMAX=5")
            #expect(hub.log.split(separator: "\n").count { $0.contains(": reloaded") } == 1, "\(hub.log)")
        }
    }

    @Test(
        "a worker that does not become ready is killed after a minute, one that does not end after 40 s",
        .needs(.strace))
    func overdue() async throws {
        try await onThread {
            let late = try HubUnderTest(services: ["smtp"])
            let serving = try late.worker()
            let strace = try late.inject("prctl:delay_enter=600000000", into: late.server.pid)
            defer { strace.stop() }
            reload(late, maxRecipients: 4)

            let deaf = try HubUnderTest(services: ["smtp"])
            kill(try deaf.worker(), SIGSTOP)
            deaf.server.child.send(SIGTERM)
            let end = deaf.server.child.wait(until: Deadline(after: .seconds(80)))
            #expect(end?.status == 0, "\(deaf.logs)")
            #expect(deaf.log.contains("worker killed") && deaf.log.contains("it does not end"), "\(deaf.log)")

            try late.waitForLog("it does not become ready", patience: .seconds(80))
            strace.stop()  // until it goes, the keeper does not hear of the death
            try late.waitForLog("the new worker ended at once")
            #expect(late.workers == [serving])
            #expect(try limit(late) == "LIMITS RCPTMAX=100")
        }
    }
}
