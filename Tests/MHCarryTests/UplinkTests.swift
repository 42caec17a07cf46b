// Whether the hub is online: who is asked, how seldom, and what becomes of mail that waits for it.

import DurableFiles
import MailRouting
import MailTestKit
import Reporting
import RunControl
import SpoolQueue
import Testing

@testable import mhcarry

@Suite("Whether the hub is online")
struct UplinkTests {
    private let scratch = ScratchDirectory()

    private func uplink(_ query: OnlineQuery?, announced: String? = nil) throws -> Uplink {
        let uplink = Uplink(
            query, announced: announced, in: try Directory(path: scratch.path),
            log: try Log(program: "test", to: .nowhere), isForced: true)
        uplink.look()
        return uplink
    }

    private func forget() { removeFile(scratch.file("online")) }

    private func record() throws -> OnlineRecord {
        try StateFiles<OnlineRecord>(in: Directory(path: scratch.path)).read(OnlineRecord.fileName)
    }

    @Test("SE6: a command, a file and an interface tell the name of the connection; nothing else is one")
    func queries() async throws {
        try await onThread {
            let answers: [(script: String, wanted: Connectivity)] = [
                ("echo home", .online("home")), ("echo '  dsl-1\t'; echo more", .online("dsl-1")),
                ("printf wifi", .online("wifi")), ("echo home; exit 1", .offline), ("true", .offline),
                ("echo; echo home", .offline), ("echo two words", .offline),
                ("printf 'a\\033b\\n'", .offline), ("printf '%065d\\n' 1", .offline), ("kill -9 $$", .offline),
            ]
            for (number, answer) in answers.enumerated() {
                forget()
                let script = scratch.write("#!/bin/sh\n\(answer.script)\n", to: "query\(number)", mode: 0o755)
                #expect(try uplink(.command([script])).connectivity == answer.wanted, "\(answer.script)")
                let fault = try record().fault
                #expect((fault?.contains("signal 9") ?? false) == answer.script.contains("kill"), "\(fault ?? "")")
            }
            forget()
            #expect(try uplink(.command(["/nowhere/at-all"])).connectivity == .offline)
            #expect(try record().fault?.contains("/nowhere/at-all") == true)
            forget()
            let file = scratch.write("train\nx\n", to: "here")
            #expect(try uplink(.file(file)).connectivity == .online("train"))
            forget()
            #expect(try uplink(.file(scratch.file("absent"))).connectivity == .offline)
            #expect(try record().fault == nil, "a file that is not there is an answer")
            forget()
            #expect(try uplink(.file(scratch.path)).connectivity == .offline)
            forget()
            #expect(try uplink(.interface(["none0", "lo"])).connectivity == .online("lo"))
            forget()
            #expect(try uplink(.interface(["none0"])).connectivity == .offline)
            #expect(try uplink(nil).connectivity == .offline)
            #expect(try uplink(.file(file), announced: "ppp").connectivity == .announced("ppp"))
        }
    }

    @Test("SE6: an answer holds for half a minute, for all runs, and not for longer if the clock was set back")
    func seldom() async throws {
        try await onThread {
            let script = scratch.write(
                "#!/bin/sh\necho x >>\(scratch.file("asked"))\necho home\n", to: "query", mode: 0o755)
            func asked() -> Int { (ScratchDirectory.read(scratch.file("asked")) ?? []).count { $0 == 0x0A } }
            let first = try uplink(.command([script]))
            first.look()
            #expect(try uplink(.command([script])).connectivity == .online("home"))
            #expect(asked() == 1)
            for (shift, count) in [(-29, 1), (-31, 2), (3600, 3)] {
                try StateFiles<OnlineRecord>(in: Directory(path: scratch.path)).change(OnlineRecord.fileName) {
                    $0.asked = Clock.seconds() + shift
                }
                #expect(try uplink(.command([script])).connectivity == .online("home"))
                #expect(asked() == count, "\(shift)")
            }
            // What a crash has left of the file stops no mail for good.
            scratch.write("", to: "online")
            #expect(try uplink(.command([script])).connectivity == .online("home"))
        }
    }

    @Test("SE6: of mail that waits for a connection the postmaster is told once, when it has waited for alert-after")
    func told() async throws {
        try await onThread {
            let uplink = try uplink(.file(scratch.file("absent")))
            var told: [String] = []
            func end(_ uplink: Uplink, waited seconds: Int? = nil) throws {
                if let seconds {
                    try StateFiles<OnlineRecord>(in: Directory(path: scratch.path)).change(OnlineRecord.fileName) {
                        $0.waiting = Clock.seconds() - seconds
                    }
                }
                uplink.conclude(tellingAfter: .seconds(86_400)) { _, words in told.append(words) }
            }
            try end(uplink)
            #expect(try record().waiting == 0, "none waits")
            uplink.noteWaiting()
            try end(uplink)
            try end(uplink, waited: 86_000)
            #expect(told.isEmpty)
            try end(uplink, waited: 86_500)
            try end(uplink, waited: 186_500)
            #expect(told == ["offline"])
            // A run that finds none waiting ends the episode.
            try end(self.uplink(.file(scratch.file("absent"))))
            uplink.noteWaiting()
            try end(uplink, waited: 86_500)
            #expect(told == ["offline", "offline"])
        }
    }
}
