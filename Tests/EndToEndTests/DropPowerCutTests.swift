// The power goes while mail is left in the drop directory, or taken from it: all of it comes, once.

import Glibc
import MailTestKit
import Testing

/// A recorded command on the files of a machine's hub.
private final class RecordedDrop {
    let log: DiskLog
    let scratch = ScratchDirectory()

    /// - Parameter body: runs the command, with what its environment needs.
    init(of hub: MachineHub, _ body: ([String: String]) throws -> Void) throws {
        scratch.letOthersEnter()
        let recorder = try DiskRecorder(of: hub.scratch.file("lib"), in: scratch)
        var environment = recorder.environment
        // Where the user of the command can read it, and as the command sees its files.
        let object = try #require(environment["LD_PRELOAD"].flatMap(ScratchDirectory.read))
        hub.scratch.write(object, to: "home/recorder.so", mode: 0o755)
        environment["LD_PRELOAD"] = "/mnt/home/recorder.so"
        environment["DISK_ROOT"] = "/var/lib"
        try body(environment)
        log = try recorder.read()
    }

    /// A hub with what a power cut leaves.
    func hub(after cut: PowerCut, owner: UInt32) throws -> MachineHub {
        let hub = try MachineHub()
        let (lib, image) = (hub.scratch.file("lib"), hub.scratch.file("image"))
        try log.write(cut, to: image)
        let script = #"""
            rm -rf "$1" && mv "$2" "$1" && chmod 755 "$1" && chown -R 64001:64001 "$1" && chmod 711 "$1/mailhub" &&
            chmod 3777 "$1/mailhub/drop" && chmod 640 "$1"/mailhub/drop/* "$1"/mailhub/drop/.[0-9]* 2>/dev/null
            chown "$3" "$1"/mailhub/drop/* "$1"/mailhub/drop/.[0-9]* 2>/dev/null; exit 0
            """#
        let made = try runProgram(["sh", "-c", script, "sh", lib, image, "\(owner)"])
        guard made.status == 0 else { throw KitError("\(made)") }
        return hub
    }
}

@Suite("The drop directory and a power cut", .serialized)
struct DropPowerCutTests {
    @Test("SE1: what mhsend has left with status 0 is there, whole", .needsMounts)
    func leaving() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            let recorded = try RecordedDrop(of: hub) { environment in
                let result = try hub.run(
                    as: "alice", ["mhsend", "-i", "bob"], input: "Subject: one\n\nx\n", with: environment)
                #expect(result.status == 0, "\(result)")
            }
            try expectSafety(of: recorded.log, turningPoints: []) { cut in
                let hub = try recorded.hub(after: cut, owner: 64_002)
                for _ in 0..<2 {
                    let result = try hub.carry()
                    if result.status != 0 { return ["\(result)"] }
                }
                let mail = hub.mail(of: "bob")
                if cut.events == recorded.log.count, mail.count != 1 { return ["it is gone: \(mail)"] }
                // Half of one is none.
                return mail.count <= 1 && mail.allSatisfy { $0.hasSuffix("\n\nx\n") } ? [] : ["\(mail)"]
            }
        }
    }

    @Test(
        "SE1: what is in the drop directory comes into the queue once, and each synchronization is needed", .needsMounts
    )
    func taking() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            for number in 1...2 {
                #expect(try hub.send(as: "alice", ["bob"], "Subject: \(number)\n\nx\n").status == 0)
            }
            let recorded = try RecordedDrop(of: hub) { environment in
                let result = try hub.run(as: "hub", ["mhsend", "--take-drop"], with: environment)
                #expect(result.status == 0 && hub.dropped.isEmpty, "\(result)")
                // The messages are delivered and gone: what has not been synchronized could bring them back.
                let run = try hub.run(as: "hub", ["mhcarry", "-C", "/etc/mailhubrc"], with: environment)
                #expect(run.status == 0 && hub.mail(of: "bob").count == 2, "\(run)")
            }
            try expectSafety(of: recorded.log, turningPoints: []) { cut in
                let hub = try recorded.hub(after: cut, owner: 64_002)
                let result = try hub.carry()
                if result.status != 0 { return ["\(result)"] }
                // What was under way when the power went is tried later else.
                _ = try hub.run(as: "hub", ["mhqueue", "try", "ALL"])
                let subjects = hub.mail(of: "bob").map { text in
                    (1...2).first { text.contains("Subject: \($0)\n") } ?? 0
                }
                guard subjects.sorted() == [1, 2] else { return ["\(subjects)"] }
                guard cut.events == recorded.log.count else { return [] }
                // He has read his mail and removed it: nothing of it comes again.
                let read = try recorded.hub(after: cut, owner: 64_002)
                _ = try runProgram(["rm", "-rf", "\(read.state)/mail"])
                try read.carry()
                _ = try read.run(as: "hub", ["mhqueue", "try", "ALL"])
                return read.mail(of: "bob").isEmpty ? [] : ["it came again"]
            }
        }
    }
}
