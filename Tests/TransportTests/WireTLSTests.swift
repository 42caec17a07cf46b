// TLS on a wire: octets both ways, no clear text behind STARTTLS, and an end that is known to be one.

import Blocking
import Glibc
import MailTestKit
import TLSEngine
import Testing

@testable import Transport

/// Keys and certificates for `peer.test`, made anew in each run by the openssl command.
private final class TestCertificate: Sendable {
    let scratch = ScratchDirectory()
    var certificate: String { scratch.file("cert.pem") }
    var key: String { scratch.file("key.pem") }

    init() throws {
        let words = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=peer.test", "-addext", "subjectAltName=DNS:peer.test", "-keyout",
            scratch.file("key.pem"), "-out", scratch.file("cert.pem"), "-batch",
        ]
        try Self.run(words)
    }

    private static func run(_ words: [String]) throws {
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        var child: pid_t = 0
        let code = unsafe posix_spawnp(&child, "openssl", &actions, nil, &pointers, environ)
        try #require(code == 0)
        var status: Int32 = 0
        unsafe waitpid(child, &status, 0)
        try #require(status == 0)
    }

    func server() throws -> TLSContext {
        try TLSContext.server(certificates: [CertificateFiles(certificatePath: certificate, keyPath: key)])
    }

    func client() -> TLSContext { TLSContext.client(trust: .file(certificate)) }
}

/// The peer's end as a server; made on the thread that uses it.
private func server(on descriptor: Int32) -> Wire { Wire(socket: descriptor, facts: WireFacts(peer: "the client")) }

@Suite struct WireTLSTests {
    private let deadline = Deadline(after: .seconds(20))

    @Test("a megabyte each way at once, then an orderly end")
    func bothWays() async throws {
        try await onThread { () throws in
            let files = try TestCertificate()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let echo = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                do {
                    try server.acceptTLS(context: context, until: deadline)
                    try server.write([UInt8](repeating: 0x73, count: 1 << 20), until: deadline)
                    var count = 0
                    while count < 1 << 20 {
                        let octets = try server.read(until: deadline)
                        if octets.isEmpty { break }
                        count += octets.count
                    }
                    try server.endOutput(until: deadline)
                } catch {
                    Issue.record("server: \(error)")
                }
                server.close()
            }
            try client.startTLS(context: files.client(), name: "peer.test", until: deadline)
            #expect(client.facts.tls != nil)
            var received: [UInt8] = []
            for _ in 0..<16 {
                try client.write([UInt8](repeating: 0x63, count: 65_536), until: deadline)
                while client.bufferedCount > 0 { received += try client.read(until: deadline) }
            }
            while true {
                let octets = try client.read(until: deadline)
                if octets.isEmpty { break }
                received += octets
            }
            #expect(received == [UInt8](repeating: 0x73, count: 1 << 20))
            client.close()
            echo.join()
        }
    }

    @Test("clear text behind the consent to STARTTLS is an injection and ends the connection")
    func injection() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("220 go ahead\r\n250 you@evil.test\r\n")
            // The command loop takes the first line only; a wire hands out what came, so the rest is put back here.
            let octets = try pair.wire.read(until: deadline)
            pair.wire.inbox = Array(octets[14...])
            #expect(throws: TransportError.injected(peer: "peer.test:110", octets: 19)) {
                try pair.wire.startTLS(context: TLSContext.client(), name: "peer.test", until: deadline)
            }
            #expect(pair.heard().isEmpty)
            pair.hangUp()
        }
    }

    @Test("a wrong name fails the handshake, and nothing of ours is sent")
    func wrongName() async throws {
        try await onThread { () throws in
            let files = try TestCertificate()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let thread = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                #expect(throws: TransportError.self) {
                    try server.acceptTLS(context: context, until: deadline)
                    let octets = try server.read(until: deadline)
                    Issue.record("heard \(octets)")
                }
                server.close()
            }
            var thrown: TransportError?
            do {
                try client.startTLS(context: files.client(), name: "other.test", until: deadline)
            } catch let error as TransportError { thrown = error }
            guard case .tls = thrown else {
                Issue.record("\(String(describing: thrown))")
                return
            }
            #expect(throws: TransportError.self) { try client.write([1], until: deadline) }
            client.close()
            thread.join()
        }
    }

    @Test("a peer that speaks clear text where TLS is due, or nothing at all, is told apart")
    func noTLS() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let expected = TransportError.timedOut(peer: "peer.test:110", doing: "starting TLS")
            #expect(throws: expected) {
                try pair.wire.startTLS(
                    context: TLSContext.client(), name: "peer.test", until: Deadline(after: .milliseconds(20)))
            }
            pair.hangUp()
            let plain = Pair()
            plain.say("220 mail.test ESMTP ready to serve\r\n")
            var message = ""
            do {
                try plain.wire.startTLS(context: TLSContext.client(), name: "peer.test", until: deadline)
            } catch { message = "\(error)" }
            #expect(message.contains("peer.test"))
            plain.hangUp()
        }
    }

    @Test("an end without close_notify is a fault, after the octets before it")
    func truncated() async throws {
        try await onThread { () throws in
            let files = try TestCertificate()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let thread = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                do {
                    try server.acceptTLS(context: context, until: deadline)
                    try server.write([1, 2, 3], until: deadline)
                } catch { Issue.record("server: \(error)") }
                shutdown(server.writing, Int32(SHUT_RDWR))
            }
            try client.startTLS(context: files.client(), name: "peer.test", until: deadline)
            thread.join()
            #expect(try client.read(until: deadline) == [1, 2, 3])
            #expect(throws: TransportError.self) { try client.read(until: deadline) }
        }
    }
}
