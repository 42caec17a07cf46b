// mhfetch and Courier's POP3 server, whose UIDLs and replies are of its own kind.

import MailTestKit
import Testing

@Suite("mhfetch and Courier")
struct CourierTests {
    private func rig(_ courier: CourierPeer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        configure(rig, courier, lines)
        return rig
    }

    private func configure(_ rig: FetchRig, _ courier: CourierPeer, _ lines: [String]) {
        rig.configure("pop3 127.0.0.1:\(courier.pop3Port)", "tls off", "timeout 10", lines.joined(separator: "\n  "))
    }

    private func message(_ name: String, size: Int = 10) -> [UInt8] {
        Array("Subject: \(name)\n\n.\n\(String(repeating: "x", count: size))\n".utf8)
    }

    @Test(
        "what is new comes once, octet for octet, in one run or several; keep off deletes it", .needs(.courier))
    func collects() async throws {
        try await onThread {
            let courier = try CourierPeer()
            for number in 1...100 { courier.deliver(message("\(number)", size: number * 50), number: number) }
            let rig = rig(courier)
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errors.isEmpty, "\(first) \(courier.logs)")
            #expect(counted(rig.messages()) == counted(courier.messages()))
            courier.deliver(message("new"), number: 101)
            let second = try rig.fetch()
            #expect(second.status == 0 && rig.messages().count == 101, "\(second)")
            configure(rig, courier, ["keep off"])
            let third = try rig.fetch()
            #expect(third.status == 0 && courier.messages().isEmpty, "\(third)")
            #expect(try rig.fetch("--status").status == 0 && rig.messages().count == 101)
        }
    }

    @Test(
        "headers alone, counts, and seeding, as with any other server", .needs(.courier))
    func choices() async throws {
        try await onThread {
            let courier = try CourierPeer()
            courier.deliver(message("small"), number: 1)
            courier.deliver(message("large", size: 9000), number: 2)
            let rig = rig(courier, "header-only over 4k", "keep off")
            let count = try rig.fetch("--count")
            #expect(count.outputText.contains("2 messages, 9"), "\(count)")
            let first = try rig.fetch()
            #expect(first.status == 0 && rig.messages().count == 2 && courier.messages().count == 1, "\(first)")
            configure(rig, courier, ["keep off"])
            #expect(try rig.fetch().status == 0 && courier.messages().isEmpty && rig.messages().count == 3)
            courier.deliver(message("seeded"), number: 3)
            #expect(try rig.fetch("--mark-seen", "peer").status == 0)
            #expect(try rig.fetch().status == 0 && rig.messages().count == 3 && courier.messages().count == 1)
        }
    }

    private func configureIMAP(_ rig: FetchRig, _ courier: CourierPeer, _ lines: String...) {
        rig.configure(
            "imap 127.0.0.1:\(courier.imapPort)", "tls off", "timeout 20", lines.joined(separator: "\n  "))
    }

    @Test(
        "by IMAP, which has neither UIDNEXT in SELECT nor MOVE, what is new comes once; keep off deletes it",
        .needs(.courier))
    func collectsByIMAP() async throws {
        try await onThread {
            let courier = try CourierPeer()
            for number in 1...100 { courier.deliver(message("\(number)", size: number * 50), number: number) }
            let rig = FetchRig()
            configureIMAP(rig, courier)
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errors.isEmpty, "\(first) \(courier.logs)")
            #expect(counted(rig.messages()) == counted(courier.messages()))
            courier.deliver(message("new"), number: 101)
            let second = try rig.fetch()
            #expect(second.status == 0 && rig.messages().count == 101, "\(second)")
            configureIMAP(rig, courier, "keep off")
            let third = try rig.fetch()
            #expect(third.status == 0 && courier.messages().isEmpty, "\(third)")
            #expect(rig.messages().count == 101)
            courier.deliver(message("to be moved"), number: 102)
            configureIMAP(rig, courier, "move INBOX.Archive")
            let fourth = try rig.fetch()
            #expect(fourth.status == 0 && courier.messages().isEmpty && rig.messages().count == 102, "\(fourth)")
            #expect(courier.messages(folder: "Archive") == [message("to be moved")])
        }
    }

    @Test(
        "FE12: a message that it cannot read is told of by one of its own, which is no mail and deletes nothing",
        .needs(.courier))
    func inventedMessage() async throws {
        try await onThread {
            let courier = try CourierPeer()
            courier.deliver(message("first"), number: 1)
            courier.deliver(message("second"), number: 2)
            let path = try #require(courier.paths().sorted().first)
            let rig = FetchRig()
            let away = rig.scratch.file("away")
            #expect(moveFile(path, to: away))
            _ = try runProgram(["ln", "-s", "/nowhere/at/all", path])
            configureIMAP(rig, courier, "keep off")
            let first = try rig.fetch()
            #expect(
                first.status == 75 && first.errorText.contains("in a message of its own"), "\(first) \(courier.logs)")
            #expect(rig.messages() == [message("second")])
            let left = courier.paths()
            #expect(left.count == 1, "\(left)")
            // Its disk is well again.
            #expect(removeFile(left[0]) && moveFile(away, to: left[0]))
            let second = try rig.fetch()
            #expect(second.status == 0 && courier.messages().isEmpty, "\(second)")
            #expect(counted(rig.messages()) == counted([message("first"), message("second")]))
        }
    }
}
