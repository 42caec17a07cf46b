// Delivery into an mbox: what stands there, and what an attempt that died makes of the next.

import DurableFiles
import Glibc
import MailEnvelope
import MailTestKit
import MboxStore
import MessageContent
import Testing

@testable import Delivery

@Suite("Delivery into an mbox")
struct MboxAgentTests {
    private let scratch = ScratchDirectory()
    private var path: String { scratch.file("mbox") }
    private static let text = "Subject: x\n\nFrom here\n>From there\nno end"

    private func message(_ text: String = text, from sender: String? = "s@a.example") throws -> Prepared {
        let envelope = Envelope(
            reversePath: try sender.map { .address(try .init($0)) } ?? .null,
            recipients: [.init(try .init("a@x.example")), .init(try .init("b@x.example"))])
        return Prepared(Message(envelope, ContentInMemory(Array(text.utf8))), top: Array("T: From 1\n".utf8))
    }

    private func agent(earlier: Int? = nil, noting note: @escaping (Int) throws -> Void = { _ in }) -> MboxAgent {
        MboxAgent(to: path, at: 1_795_000_000, to: .relayed, earlier: earlier, noting: note)
    }

    private var stored: String { String(decoding: ScratchDirectory.read(path) ?? [], as: UTF8.self) }
    private static let entry = """
        From s@a.example Wed Nov 18 11:06:40 2026
        T: From 1
        Subject: x

        >From here
        >>From there
        no end


        """

    @Test(
        "one copy for all recipients, quoted, between empty lines; a sender that would break the first line is not told"
    )
    func form() async throws {
        try await onThread {
            let verdicts = agent().deliver(try message())
            #expect(verdicts.count == 2 && verdicts.allSatisfy { $0.kind == .delivered(.relayed) }, "\(verdicts)")
            #expect(stored == Self.entry)
            for sender in [nil, #""a b"@x.example"#] { _ = agent().deliver(try message("x\n", from: sender)) }
            let more = "From MAILER-DAEMON Wed Nov 18 11:06:40 2026\nT: From 1\nx\n\n"
            #expect(stored == Self.entry + more + more)
        }
    }

    @Test("its length is noted before a word is written; what cannot be noted is not delivered")
    func noted() async throws {
        try await onThread {
            _ = agent().deliver(try message())
            var noted: [Int] = []
            let verdicts = agent(noting: { length in
                noted.append(length)
                throw DurableError(operation: "write", path: "journal", code: ENOSPC)
            }).deliver(try message())
            #expect(noted == [Self.entry.utf8.count] && stored == Self.entry)
            #expect(verdicts.allSatisfy { $0.kind == .temporary && $0.status == .transient(3, 1) }, "\(verdicts)")
        }
    }

    @Test("an attempt that died is completed, wherever it died, and none is repeated")
    func died() async throws {
        try await onThread {
            let before = "From a\nx\n"
            for cut in 0...(Self.entry.utf8.count + 1) {
                scratch.write(before + ("\n" + Self.entry).prefix(cut), to: "mbox")
                let verdicts = agent(earlier: before.utf8.count).deliver(try message())
                #expect(
                    verdicts[0].kind == .delivered(.relayed) && stored == before + "\n" + Self.entry,
                    "cut at \(cut): \(stored)")
            }
        }
    }

    @Test("one that another program holds is tried again later, and left as it is")
    func busy() async throws {
        try await onThread {
            scratch.write("\(getpid())", to: "mbox.lock")
            scratch.write("x\n\n", to: "mbox")
            var held = agent()
            held.patience = .milliseconds(100)
            let verdicts = held.deliver(try message())
            #expect(verdicts.allSatisfy { $0.kind == .temporary && $0.status == .transient(2, 0) }, "\(verdicts)")
            #expect(stored == "x\n\n")
        }
    }
}
