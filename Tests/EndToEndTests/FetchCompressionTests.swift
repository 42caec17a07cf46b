// COMPRESS=DEFLATE with a real server.

import MailTestKit
import Testing

@Suite("Compressed fetching")
struct FetchCompressionTests {
    /// Lines of dovecot.conf by which it compresses.
    private static let plugin = """
        protocol imap {
          mail_plugins = $mail_plugins imap_zlib
        }
        """

    @Test(
        "FE9: by `compress on` what Dovecot sends is compressed, and stored as it is; else it is not", .needs(.dovecot))
    func dovecot() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(settings: Self.plugin)
            let text = smallMessages(300).map { $0 + Array(String(repeating: "and again\n", count: 500).utf8) }
            for (number, message) in text.enumerated() { dovecot.deliver(message, number: number + 1) }
            for isOn in [true, false] {
                let rig = FetchRig()
                rig.configure(
                    "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot,
                    "compress \(isOn ? "on" : "off")\n  transcript \(rig.scratch.file("said"))")
                let result = try rig.fetch()
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
                #expect(counted(rig.messages()) == counted(text))
                let said = ScratchDirectory.names(in: rig.scratch.file("said")).map {
                    String(decoding: ScratchDirectory.read(rig.scratch.file("said/\($0)")) ?? [], as: UTF8.self)
                }.joined()
                #expect(said.contains("COMPRESS DEFLATE") == isOn && said.contains("UID FETCH"), "\(said)")
            }
        }
    }

    @Test(
        "FE9: a message that is a thousand times as long as what came takes no more memory than a small one",
        .needs(.dovecot))
    func bomb() async throws {
        try await onThread {
            func residentKiB(_ message: [UInt8]) throws -> Int {
                let dovecot = try DovecotPeer(settings: Self.plugin)
                dovecot.deliver(message, number: 1)
                let rig = FetchRig()
                rig.configure("imap 127.0.0.1:\(dovecot.imapPort)", "tls off", "compress on")
                let size = try rig.residentKiB()
                #expect(rig.messages() == [message])
                return size
            }
            let head = Array("Subject: long\n\n".utf8)
            let small = try residentKiB(head + Array("short\n".utf8))
            let line = [UInt8](repeating: 0x61, count: 76) + [0x0A]
            let large = try residentKiB(head + Array([[UInt8]](repeating: line, count: 600_000).joined()))
            #expect(large < small + 4096, "\(small) and \(large) KiB")
        }
    }
}
