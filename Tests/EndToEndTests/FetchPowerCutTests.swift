// The power goes at any point of a run of mhfetch that deletes at the source: nothing is lost, nothing comes twice.

import Glibc
import MailTestKit
import Testing

/// One recorded run with `keep off`, and the provider's mailbox as it was before.
private final class RecordedFetch: Sendable {
    private typealias Script = FetchHostileTests

    let dovecot: DovecotPeer
    let messages: [[UInt8]]
    let log: DiskLog
    private let service: String
    private let port: UInt16
    private let scratch = ScratchDirectory()
    /// The event with which the provider was told that a message may go.
    let deletion: Int
    /// The event with which it was told to carry that out.
    let farewell: Int

    /// - Parameter isSplit: whether each message is a batch of its own, one received while the one before is put on disk.
    init(_ service: String, isSplit: Bool = false) throws {
        self.service = service
        dovecot = try DovecotPeer()
        messages = smallMessages(3)
        port = service == "pop3" ? dovecot.pop3Port : dovecot.imapPort
        // By IMAP one of them comes with a flag, and so goes into another folder of the Maildir than the others.
        for (number, message) in messages.enumerated() {
            dovecot.deliver(message, number: number + 1, flags: service == "imap" && number == 1 ? "F" : "")
        }
        // Dovecot gives its numbers at the first look.
        let look = Self.rig(service, port, "keep on")
        let first = try look.fetch()
        guard first.status == 0 else { throw KitError("\(first) \(dovecot.logs)") }
        try Self.copy(dovecot.maildir(), to: scratch.file("maildir"))

        let fake = isSplit ? try Self.splitting(messages, as: look.journal) : nil
        let rig = Self.rig(service, fake?.port ?? port, "keep off")
        let recorder = try DiskRecorder(of: rig.scratch.path, in: scratch)
        let environment = ["HOME": rig.scratch.path].merging(recorder.environment) { $1 }
        let result = try InstalledCommands.run(
            ["mhfetch", "-C", rig.scratch.file("mailhubrc")], environment: environment)
        guard result.status == 0, isSplit || dovecot.messages().isEmpty else {
            throw KitError("\(result) \(dovecot.logs) \(fake?.sessions.description ?? "")")
        }
        log = try recorder.read()
        deletion = try #require(log.said(service == "pop3" ? "DELE" : "\\Deleted").first)
        farewell = try #require(log.said(service == "pop3" ? "QUIT" : "UID EXPUNGE").first)
    }

    /// A server that has the same messages under the same ids, and says that each is too large to share a batch.
    private static func splitting(_ messages: [[UInt8]], as journal: [String]) throws -> FakeServer {
        let opened = try #require(journal.first { $0.hasPrefix("open ") })
        let ids = opened.matches(of: /p0:(\S+)/).map { String($0.1) }
        var steps = Script.login + Script.listing(ids, sizes: false) + [.expect("LIST"), .line("+OK")]
        steps += ids.indices.map { .line("\($0 + 1) 17000000") } + [.line(".")]
        for (number, message) in messages.enumerated() {
            let lines = String(decoding: message, as: UTF8.self)
                .replacing("\n.", with: "\n..").replacing("\n", with: "\r\n")
            steps += [.expect("RETR \(number + 1)"), .line("+OK"), .octets(Array("\(lines).\r\n".utf8))]
        }
        for number in ids.indices { steps += [.expect("DELE \(number + 1)"), .line("+OK")] }
        return try FakeServer(steps + Script.farewell)
    }

    private static func rig(_ service: String, _ port: UInt16, _ keep: String) -> FetchRig {
        let rig = FetchRig()
        rig.configure("\(service) 127.0.0.1:\(port)", "tls off", "auth plain", keep)
        return rig
    }

    private static func copy(_ path: String, to copy: String) throws {
        let result = try runProgram(["cp", "-a", path, copy])
        guard result.status == 0 else { throw KitError("\(result)") }
    }

    /// The provider has what it had before the run.
    private func restore() throws {
        _ = try runProgram(["rm", "-rf", dovecot.maildir()])
        try Self.copy(scratch.file("maildir"), to: dovecot.maildir())
    }

    /// The id of a message that POP3 deleted.
    private var deletedID: String? {
        let end = PowerCut(after: log.count, names: .all)
        let journal = String(decoding: log.image(after: end)["state/fetch/peer/journal"] ?? [], as: UTF8.self)
        return journal.firstMatch(of: /quit p0:(\S+)/).map { String($0.1) }
    }

    /// A hub with what a power cut leaves.
    private func hub(after cut: PowerCut, port: UInt16? = nil) throws -> FetchRig {
        let rig = Self.rig(service, port ?? self.port, "keep on")
        let image = rig.scratch.file("image")
        try log.write(cut, to: image)
        for folder in ["state", "Mail"] { _ = unsafe rename("\(image)/\(folder)", rig.scratch.file(folder)) }
        return rig
    }

    /// What is wrong after a power cut; empty when all is well.
    func faults(_ cut: PowerCut) throws -> [String] {
        var faults: [String] = []
        if cut.events > farewell {
            let left = try hub(after: cut)
            if counted(left.messages()) != counted(messages) { faults.append("lost at both ends") }
        }
        if cut.events > deletion {
            // The owner has read his mail and removed it: only the state knows that it was fetched.
            let emptied = try hub(after: cut)
            _ = try runProgram(["rm", "-rf", emptied.maildir])
            try restore()
            let result = try emptied.fetch()
            if result.status != 0 { faults.append("\(result)") }
            if !emptied.messages().isEmpty { faults.append("fetched again after its deletion was asked for") }
        }
        if cut.events > farewell, let id = deletedID {
            // The provider has done it, and gives the id to another message.
            let server = try FakeServer(
                Script.login + Script.listing([id]) + Script.message(1) + Script.farewell)
            let other = try hub(after: cut, port: server.port)
            let result = try other.fetch()
            if !other.messages().contains(Script.file(1)) { faults.append("taken for the one before: \(result)") }
        }
        // Whatever was said, the provider may not have done it.
        let again = try hub(after: cut)
        try restore()
        let result = try again.fetch("--retry")
        if result.status != 0 { faults.append("\(result)") }
        if counted(again.messages()) != counted(messages) {
            faults.append("\(again.messages().count) messages after the next run")
        }
        return faults
    }
}

@Suite("mhfetch and a power cut", .serialized)
struct FetchPowerCutTests {
    @Test(
        "FE4, ask 4: a cut anywhere leaves each message once, and each synchronization is needed for that",
        .needs(.dovecot),
        arguments: ["pop3", "imap"])
    func everyCut(_ service: String) async throws {
        try await onThread {
            let recorded = try RecordedFetch(service)
            try expectSafety(of: recorded.log, turningPoints: [recorded.deletion, recorded.farewell]) {
                try recorded.faults($0)
            }
        }
    }

    @Test("so it does while one batch is put on disk and the next one comes in", .needs(.dovecot))
    func twoBatches() async throws {
        try await onThread {
            let recorded = try RecordedFetch("pop3", isSplit: true)
            for cut in recorded.log.powerCuts(turningPoints: [recorded.deletion, recorded.farewell]) {
                let found = try recorded.faults(cut)
                #expect(found.isEmpty, "\(cut) of \(recorded.log.count): \(found)\n\(recorded.log.listing)")
            }
        }
    }

    @Test(
        "FE11: a cut anywhere leaves each message once at each of its places, and each synchronization is needed for that"
    )
    func places() async throws {
        try await onThread {
            let rig = FetchRig()
            let mbox = rig.scratch.file("Mail/mbox")
            /// A provider that has all messages.
            func provider() throws -> (PlayedMailbox, FakeServer) {
                let mailbox = PlayedMailbox()
                let server = try mailbox.serve("imap")
                rig.configure(
                    "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "deliver maildir", "deliver mbox \(mbox)")
                return (mailbox, server)
            }
            /// Whether both places have each message once.
            func areWhole() -> Bool {
                let expected = counted(PlayedMailbox.uids.map(PlayedMailbox.file))
                let lines = String(decoding: ScratchDirectory.read(mbox) ?? [], as: UTF8.self).split(separator: "\n")
                let subjects = lines.filter { $0.hasPrefix("Subject: ") }
                return counted(rig.messages()) == expected
                    && subjects.sorted() == PlayedMailbox.uids.map { "Subject: \($0)" }
            }
            let (mailbox, server) = try provider()
            rig.scratch.makeFolder("Mail", mode: 0o700)
            let records = ScratchDirectory()
            let recorder = try DiskRecorder(of: rig.scratch.path, in: records)
            let result = try InstalledCommands.run(
                ["mhfetch", "-C", rig.scratch.file("mailhubrc")],
                environment: ["HOME": rig.scratch.path].merging(recorder.environment) { $1 })
            try #require(result.status == 0 && mailbox.left.isEmpty && areWhole(), "\(result) \(rig.log)")
            let log = try recorder.read()
            let farewell = try #require(log.said("UID EXPUNGE").first, "\(server.sessions)")

            func restore(_ cut: PowerCut) throws {
                for folder in ["state", "Mail"] {
                    _ = try runProgram(["rm", "-rf", rig.scratch.file(folder), rig.scratch.file("image")])
                }
                let image = rig.scratch.file("image")
                try log.write(cut, to: image)
                for folder in ["state", "Mail"] { _ = unsafe rename("\(image)/\(folder)", rig.scratch.file(folder)) }
                rig.scratch.makeFolder("Mail", mode: 0o700)
                // A file's time of arrival is as durable as the file, and the log does not tell it.
                let spool = rig.scratch.file("state/fetch/peer/spool")
                _ = try runProgram([
                    "find", spool, "-type", "f", "-exec", "touch", "-d", "1996-07-17T09:44:25Z", "{}", "+",
                ])
                // A lock file without the number of its holder is believed for five minutes, which have passed.
                _ = try runProgram(["touch", "-c", "-d", "10 minutes ago", "\(mbox).lock"])
            }
            let fetching = try #require(log.said("UID FETCH").first)
            // What the ledger says of a batch its files in the spool would show as well; of mail in a Maildir it is needed.
            let spare: Set = ["state/fetch/peer/journal"]
            try expectSafety(of: log, turningPoints: [farewell], spare: spare, from: fetching) { cut in
                var faults: [String] = []
                try restore(cut)
                if cut.events > farewell, !areWhole() { faults.append("lost at both ends") }
                let (mailbox, server) = try provider()
                let result = try rig.fetch("--retry")
                if result.status != 0 { faults.append("\(result)") }
                if !areWhole() {
                    faults.append(
                        "\(rig.messages().count) after the next run: \(String(decoding: ScratchDirectory.read(mbox) ?? [], as: UTF8.self))"
                    )
                }
                if !mailbox.left.isEmpty { faults.append("left at the provider: \(server.sessions)") }
                return faults
            }
        }
    }
}
