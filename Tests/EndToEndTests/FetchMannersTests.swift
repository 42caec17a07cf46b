// What mhfetch leaves alone: a run under way, others' mail, mail by its age under a wrong clock, and what mail says.

import Glibc
import MailTestKit
import Testing

@Suite("What mhfetch leaves alone")
struct FetchMannersTests {
    @Test("SC3, ask 23: while a run is at an account, another one leaves it alone: 0, and a word with -v")
    func contention() async throws {
        try await onThread {
            let gate = Gate()
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .perform { gate.open() }, .stall(.seconds(15)),
            ])
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 60")
            let command = RunningCommand()
            try rig.start(as: command)
            gate.wait()
            let quiet = try rig.fetch()
            #expect(quiet.status == 0 && quiet.errors.isEmpty && quiet.output.isEmpty, "\(quiet)")
            let told = try rig.fetch("-v")
            #expect(told.status == 0 && told.errorText == "mhfetch: peer: another run is at it\n", "\(told)")
            command.signal(SIGTERM)
            #expect(command.end()?.signal == SIGTERM && server.sessions.count == 1)
        }
    }

    @Test("FE4: with the clock behind that of earlier runs nothing is deleted by age, and it is told", .needs(.dovecot))
    func clockBehind() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for (number, message) in smallMessages(2).enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            rig.configure("imap localhost:\(dovecot.imapPort)", "tls off", "keep 1d")
            #expect(try rig.fetch().status == 0)
            for ahead in ["+900d", "+900d", "+900d"] {
                #expect(try rig.fetch(at: ahead).status == 0)
            }
            #expect(dovecot.messages().isEmpty, "the clock is trusted there")
            for (number, message) in smallMessages(4).suffix(2).enumerated() {
                dovecot.deliver(message, number: number + 3)
            }
            let behind = try rig.fetch(at: "+3d")
            #expect(behind.status == 0 && behind.errorText.contains("the clock is behind"), "\(behind)")
            for _ in 1...4 { #expect(try rig.fetch(at: "+3d").status == 0) }
            #expect(dovecot.messages().count == 2 && rig.messages().count == 4)
        }
    }

    @Test(
        "FE4: what others have marked as deleted, and what was not fetched, stays where `keep off` deletes",
        .needs(.dovecot)
    )
    func othersDeleted() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let large = Array("Subject: large\n\n\(String(repeating: "x", count: 9000))\n".utf8)
            dovecot.deliver(large, number: 1, flags: "T")
            for (number, message) in smallMessages(3).enumerated() { dovecot.deliver(message, number: number + 2) }
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "keep off\n  skip over 4k")
            let result = try rig.fetch()
            #expect(result.status == 0 && rig.messages().count == 3, "\(result)")
            #expect(dovecot.messages() == [large])
        }
    }

    @Test(
        "ask 7, ask 30: fetched mail is not judged: stations, loops, senders, sizes; nothing is sent on its behalf",
        .needs(.dovecot))
    func notJudged() async throws {
        try await onThread {
            let stations = (1...150).map { "Received: from a\($0) by b\($0); Sun, 22 Nov 2026 10:00:00 +0000" }
            let odd = [
                stations.joined(separator: "\n") + "\n\nx\n",
                "Received: from x by hub.test; Sun, 22 Nov 2026 10:00:00 +0000\nDelivered-To: alice@hub.test\n\nloop\n",
                "From:\nTo: nobody@nowhere.invalid\n\nempty\n", "From: a@b, c@d\nFrom: e@f\n\ntwo\n",
                "Subject: large\n\n\(String(repeating: "y", count: 200_000))\n",
            ].map { Array($0.utf8) }
            let dovecot = try DovecotPeer()
            for (number, message) in odd.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot)
            rig.addTop("size-limit 100k")
            let result = try rig.fetch()
            #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
            #expect(counted(rig.messages()) == counted(odd))
            // Where it cannot be delivered it stays, and nobody is written to.
            let blocked = FetchRig()
            blocked.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "keep off")
            blocked.scratch.write("in the way", to: "Mail")
            #expect(try blocked.fetch().status != 0)
            for folder in ["new", "cur"] {
                for rig in [rig, blocked] {
                    #expect(ScratchDirectory.names(in: rig.scratch.file("state/queue/\(folder)")).isEmpty)
                }
            }
            #expect(counted(dovecot.messages()) == counted(odd))
            // Nor does a name of a file tell its UID to whoever deals with files.
            let names = ScratchDirectory.names(in: "\(rig.maildir)/new")
            #expect(names.count == odd.count && names.allSatisfy { !$0.contains(",U=") }, "\(names)")
        }
    }
}
