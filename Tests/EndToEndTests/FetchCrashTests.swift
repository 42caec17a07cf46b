// mhfetch killed at any moment: nothing is lost, nothing comes twice.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("mhfetch killed", .serialized)
struct FetchCrashTests {
    @Test(
        "after kill -9 at a hundred random moments every message is there once", .needs(.dovecot),
        arguments: [("pop3s", "keep on"), ("imaps", "keep on"), ("pop3s", "keep off"), ("imaps", "keep off")])
    func killed(_ service: String, _ keep: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let messages = smallMessages(130)
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            var random = SplitMix(seed: UInt64(service.utf8.count * 10 + keep.utf8.count))
            // How long a whole run takes here and now, so that most deaths come in the midst of it.
            var whole: Duration?
            var killed = 0
            var partial = 0
            var number = 0
            while killed < 25 {
                let rig = FetchRig()
                rig.configure("\(service) localhost:\(port)", trusting: dovecot, keep)
                if dovecot.messages().isEmpty {
                    for message in messages {
                        number += 1
                        dovecot.deliver(message, number: number)
                    }
                }
                guard var length = whole else {
                    whole = try rig.fetch().elapsed
                    continue
                }
                for _ in 0..<5 {
                    let log = rig.scratch.file("out")
                    let run = try InstalledCommands.start(
                        ["mhfetch", "-C", rig.scratch.file("mailhubrc")], environment: ["HOME": rig.scratch.path],
                        log: log)
                    let share = Double.random(in: 0.1..<1, using: &random)
                    usleep(UInt32(clamping: Int(length / .microseconds(1) * share)))
                    // A run that has ended by itself tells that the measure was too long, as on a machine that was busy then.
                    if run.child.hasEnded { length = length / 4 * 3 } else { killed += 1 }
                    run.child.send(SIGKILL)
                    _ = run.child.wait(until: Deadline(after: .seconds(10)))
                    let count = rig.messages().count
                    if count > 0, count < messages.count { partial += 1 }
                }
                whole = length
                let result = try rig.fetch("--retry")
                #expect(result.status == 0, "\(result) \(dovecot.logs)")
                #expect(counted(rig.messages()) == counted(messages), "\(result)")
                #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
                if keep == "keep off" { #expect(dovecot.messages().isEmpty) }
            }
            print("\(service), \(keep): killed \(killed) times, \(partial) times in the midst of it")
        }
    }
}
