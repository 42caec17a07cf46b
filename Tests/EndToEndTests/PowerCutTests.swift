// A power cut, as a copy of the disk shows it: what was promised is whole there, what was not synchronized is not.

import Glibc
import MailTestKit
import Testing

/// An ext4 file system with a journal in a file. A copy of that file is what a disk holds when the power goes.
final class JournaledDisk: Sendable {
    let scratch = ScratchDirectory()
    var folder: String { scratch.file("disk") }
    private var image: String { scratch.file("image") }

    init() throws {
        try run(["truncate", "-s", "96M", image])
        try run(["mkfs.ext4", "-q", "-F", image])
        try run(["mkdir", folder])
        // A commit interval beyond the test: nothing becomes durable by waiting.
        try run(["mount", "-o", "loop,commit=600", image, folder])
    }

    deinit { _ = try? runProgram(["umount", "-l", folder]) }

    /// What is on the disk now if the power goes now: a copy, mounted, its journal replayed.
    func afterPowerCut() throws -> Replayed { try Replayed(of: image, in: scratch) }

    final class Replayed {
        let folder: String
        private let scratch: ScratchDirectory

        init(of image: String, in scratch: ScratchDirectory) throws {
            self.scratch = scratch
            folder = scratch.file("replayed")
            try run(["cp", "--sparse=always", image, scratch.file("copy")])
            try run(["mkdir", folder])
            try run(["mount", "-o", "loop", scratch.file("copy"), folder])
        }

        deinit { _ = try? runProgram(["umount", "-l", folder]) }
    }
}

private func run(_ arguments: [String]) throws {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    let result = try runProgram(["/usr/bin/env", "PATH=\(path)"] + arguments)
    guard result.status == 0 else { throw KitError("\(arguments): \(result)") }
}

@Suite("After a power cut", .serialized)
struct PowerCutTests {
    static let canMount = unsafe Peers.runsAsRoot && access("/dev/loop-control", R_OK | W_OK) == 0

    @Test("every message that mhsend took is whole in the queue", .enabled(if: canMount, "needs root and loop devices"))
    func queue() async throws {
        try await onThread {
            let disk = try JournaledDisk()
            let rc = disk.scratch.write(
                "hostname hub.example\nstate \(disk.folder)/state\nmaildirs \(disk.folder)/mail/%m\nlog none\n"
                    + "mailbox alice\n  address alice@hub.example\n", to: "rc")
            let count = 40
            for number in 0..<count {
                let result = try InstalledCommands.run(
                    ["mhsend", "-C", rc, "-odq", "-i", "-f", "a@x.example", "b@y.example"],
                    input: Array("Subject: \(number)\n\nletter \(number)\n".utf8),
                    environment: ["HOME": disk.scratch.path])
                #expect(result.status == 0, "\(result)")
            }
            // The control: without it a test on a disk that loses nothing would pass.
            try Self.writeUnsynchronized("\(disk.folder)/control")
            let replayed = try disk.afterPowerCut()
            #expect((ScratchDirectory.read("\(replayed.folder)/control") ?? []).isEmpty)
            let files = ScratchDirectory.names(in: "\(replayed.folder)/state/queue/new")
            let bodies = files.compactMap { name -> String? in
                let octets = ScratchDirectory.read("\(replayed.folder)/state/queue/new/\(name)") ?? []
                return String(decoding: octets, as: UTF8.self).split(separator: "\n").last.map(String.init)
            }
            #expect(Set(bodies) == Set((0..<count).map { "letter \($0)" }))
            #expect(files.count == count)
        }
    }

    @Test(
        "every message that mhserve answered with 250 is whole in its Maildir",
        .enabled(if: canMount, "needs root and loop devices"))
    func delivered() async throws {
        try await onThread {
            let disk = try JournaledDisk()
            let hub = try HubUnderTest(
                words: ["state \(disk.folder)/state", "maildirs \(disk.folder)/mail/%m"], services: ["smtp"])
            let client = try LineClient(port: hub.port("smtp"))
            _ = try client.reply()
            _ = try client.say("EHLO client.example")
            let count = 40
            for number in 0..<count {
                for command in ["MAIL FROM:<a@x.example>", "RCPT TO:<bob@example.org>"] {
                    #expect(try client.say(command).hasPrefix("250"))
                }
                #expect(try client.say("DATA").hasPrefix("354"))
                #expect(try client.say("Subject: \(number)\r\n\r\nletter \(number)\r\n.").hasPrefix("250"))
            }
            try Self.writeUnsynchronized("\(disk.folder)/control")
            let replayed = try disk.afterPowerCut()
            #expect((ScratchDirectory.read("\(replayed.folder)/control") ?? []).isEmpty)
            let inbox = "\(replayed.folder)/mail/bob/new"
            let bodies = ScratchDirectory.names(in: inbox).compactMap { name -> String? in
                let octets = ScratchDirectory.read("\(inbox)/\(name)") ?? []
                return String(decoding: octets, as: UTF8.self).split(separator: "\n").last.map(String.init)
            }
            #expect(Set(bodies) == Set((0..<count).map { "letter \($0)" }))
            #expect(bodies.count == count)
            hub.server.stop()
        }
    }

    private static func writeUnsynchronized(_ path: String) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KitError("cannot write \(path): errno \(errno)") }
        let octets = Array("not synchronized".utf8)
        _ = unsafe octets.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}
