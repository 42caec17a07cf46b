// A hub with one listener whose connections are in memory. Its mailboxes, its queue and its log are on the disk.

import Credentials
import MailTestKit
import NIOCore
import NIOEmbedded
import Reporting
import RunControl
import Synchronization
import TLSEngine
import Testing

@testable import mhserve

/// A hub that listens nowhere: a rig brings it its clients. Gone with its threads and all it wrote when released.
final class HubInMemory: Sendable {
    let scratch = ScratchDirectory()
    let service: Service
    private let wakes = Wakes()

    private final class Wakes: Sendable {
        let count = Atomic(0)
    }

    /// One mailbox, nobody who could log in.
    static let aliceAlone = ["mailbox alice", "  address alice@example.org", "domain example.org"]

    /// Alice (`tea`) with an account, bob (`two words`), carol who cannot log in, and a domain that knows bob alone.
    static let household = [
        "mailbox alice", "  password tea", "  address alice@example.org shop-*@example.org", "mailbox bob",
        "  password \"two words\"", "  address bob@example.org", "mailbox carol", "account provider", "  owner alice",
        "  address alice@provider.example away@example.org", "  auth off", "  tls off", "  send smtp 127.0.0.1:9",
        "account works", "  owner bob", "  address bob@works.example", "  auth off", "  tls off",
        "  send smtp 127.0.0.1:9", "domain example.org", "  block old spam-*", "domain bob.example", "  mailboxes bob",
    ]

    /// - Parameters:
    ///   - listener: the service, as in `submission`.
    ///   - rules: what stands behind its address.
    ///   - words: lines for the top of the rc; each takes the place of the one there is.
    ///   - blocks: the blocks of the rc, but for the listener.
    ///   - hasCertificate: whether there can be TLS.
    ///   - recipients: who decides on RCPT, the server unless told.
    init(
        _ listener: String, rules: String = "", words: [String] = [], blocks: [String] = HubInMemory.aliceAlone,
        hasCertificate: Bool = true, recipients: (any RecipientPolicy)? = nil
    ) throws {
        var lines = [
            "hostname hub.example.org", "qualify example.org", "state \(scratch.file("state"))",
            "maildirs \(scratch.file("Mail"))/%m", "log \(scratch.file("hub.log"))", "free-space 0",
        ]
        if hasCertificate {
            let (certificate, key) = (scratch.file("hub.crt"), scratch.file("hub.key"))
            _ = try CertificateMaker.makeSelfSigned(
                names: ["localhost"], days: 2, to: CertificatePair(certificate: certificate, key: key))
            lines.append("tls_certificate \(certificate) key \(key)")
        }
        let given = Set(words.map { String($0.prefix { $0 != " " }) })
        lines.removeAll { line in given.contains(String(line.prefix { $0 != " " })) }
        let whole = lines + words + blocks + ["listen \(listener) 127.0.0.1:0 \(rules)"]
        let settings = try HubSettings.read(
            Array((whole.joined(separator: "\n") + "\n").utf8), source: scratch.file("rc"),
            context: ProcessContext(environment: ["HOME": scratch.path]))
        let server = try ServerContext(
            settings: settings, wake: { [wakes] in _ = wakes.count.add(1, ordering: .relaxed) },
            log: try Log(program: "mhserve", to: settings.log))
        server.start()
        service = try Service(listener: settings.listeners[0], server: server, recipients: recipients)
    }

    // Eighteen threads: the work that they have is ended first.
    deinit {
        do { try service.server.stop() } catch { Issue.record(error, "threads of the server are left") }
    }

    /// How often a run of the queue was asked for.
    var wakeCount: Int { wakes.count.load(ordering: .relaxed) }

    /// The lines of the log with `text` in them.
    func logged(_ text: String) -> [String] {
        self.text(of: "hub.log").split(separator: "\n").map(String.init).filter { $0.contains(text) }
    }

    /// The same from the word of the event on, without time, program and process.
    func told(_ event: String) -> [String] {
        logged("]: \(event) ").map { String($0.drop { $0 != "]" }.dropFirst(3)) }
    }

    /// Puts a message into a mailbox as another program would: `name` in new, or in cur with flags.
    func deliver(_ octets: [UInt8], to mailbox: String, as name: String, in folder: String = "new") {
        for part in ["Mail", "Mail/\(mailbox)"] + ["tmp", "new", "cur"].map({ "Mail/\(mailbox)/\($0)" }) {
            scratch.makeFolder(part)
        }
        scratch.write(octets, to: "Mail/\(mailbox)/\(folder)/\(name)")
    }

    /// The files of a mailbox, each behind its folder.
    func files(of mailbox: String) -> [String] { files(in: "Mail/\(mailbox)") }

    /// The messages of a mailbox.
    func messages(of mailbox: String) -> [String] { files(of: mailbox).map { text(of: "Mail/\(mailbox)/\($0)") } }

    /// The files of the queue, envelope and message.
    var queued: [String] { files(in: "state/queue").map { text(of: "state/queue/\($0)") } }

    /// Files that are not delivered and not queued, and must not stay.
    var leftovers: [String] {
        ["state/queue/tmp", "state/queue/foreign", "Mail/alice/tmp", "Mail/bob/tmp"].flatMap {
            ScratchDirectory.names(in: scratch.file($0))
        }
    }

    private func files(in folder: String) -> [String] {
        ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: scratch.file("\(folder)/\(part)")).map { "\(part)/\($0)" }
        }
    }

    private func text(of file: String) -> String {
        String(decoding: ScratchDirectory.read(scratch.file(file)) ?? [], as: UTF8.self)
    }

    /// Runs `body` while all threads for the disk are taken, and all places before them.
    func whileTheDiskIsBehind(_ body: () async throws -> Void) async throws {
        let gate = Gate()
        let loop = NIOAsyncTestingEventLoop()
        var held: [EventLoopFuture<Void>] = []
        while let work = service.server.disk.run(on: loop, { gate.wait() }) { held.append(work) }
        let outcome: Result<Void, any Error>
        do {
            try await body()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        gate.open()
        for work in held { try await work.get() }
        try outcome.get()
    }
}
