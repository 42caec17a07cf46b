// A session of mhserve over a channel in memory, with a clock that is moved by hand.

import Credentials
import MailTestKit
import NIOCore
import NIOEmbedded
import Reporting
import RunControl
import TLSEngine

@testable import mhserve

/// One client of one listener. For one thread.
final class SessionRig {
    let scratch = ScratchDirectory()
    let service: Service
    let channel = EmbeddedChannel()

    /// - Parameters:
    ///   - listener: the service, as in `submission`.
    ///   - words: lines for the top of the rc.
    ///   - recipients: who decides on RCPT, the server unless told.
    init(_ listener: String, words: [String] = [], recipients: (any RecipientPolicy)? = nil) throws {
        let (certificate, key) = (scratch.file("hub.crt"), scratch.file("hub.key"))
        _ = try CertificateMaker.makeSelfSigned(
            names: ["localhost"], days: 2, to: CertificatePair(certificate: certificate, key: key))
        let lines = [
            "hostname hub.example.org", "qualify example.org", "state \(scratch.file("state"))",
            "maildirs \(scratch.file("Mail"))/%m", "log \(scratch.file("hub.log"))", "free-space 0",
            "tls_certificate \(certificate) key \(key)",
        ]
        let blocks = [
            "mailbox alice", "  address alice@example.org", "domain example.org", "listen \(listener) 127.0.0.1:0",
        ]
        let settings = try HubSettings.read(
            Array(((lines + words + blocks).joined(separator: "\n") + "\n").utf8), source: scratch.file("rc"),
            context: ProcessContext(environment: ["HOME": scratch.path]))
        let server = try ServerContext(
            settings: settings, wake: {}, log: try Log(program: "mhserve", to: settings.log))
        server.start()
        service = try Service(listener: settings.listeners[0], server: server, recipients: recipients)
        channel.remoteAddress = try SocketAddress(ipAddress: "192.0.2.1", port: 1024)
        try service.admit(channel)
        try channel.connect(to: try SocketAddress(ipAddress: "192.0.2.2", port: 25)).wait()
    }

    /// Sends `text`, in which a line end stands for CRLF.
    /// - Returns: what came back, as text.
    @discardableResult
    func say(_ text: String) throws -> String {
        try send(Array(text.replacing("\n", with: "\r\n").utf8))
        return String(decoding: try received(), as: UTF8.self)
    }

    func send(_ octets: [UInt8]) throws { try channel.writeInbound(ByteBuffer(bytes: octets)) }

    /// All that the server has said since the last call.
    func received() throws -> [UInt8] {
        var octets: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { octets += buffer.readableBytesView }
        return octets
    }

    /// Lets time pass; timers that become due run.
    func pass(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

    /// Whether the server still listens to its client.
    var isOpen: Bool { channel.isActive }

    /// The lines of the log with `text` in them.
    func logged(_ text: String) -> [String] {
        String(decoding: ScratchDirectory.read(scratch.file("hub.log")) ?? [], as: UTF8.self)
            .split(separator: "\n").map(String.init).filter { $0.contains(text) }
    }

    /// Does the client's side of a handshake.
    func shakeHands() throws -> TLSConnection {
        let client = try TLSConnection(client: .client(trust: .file(scratch.file("hub.crt"))), to: "localhost")
        while try client.advance() == .handshaking {
            var flight: [UInt8] = []
            while case let part = client.takeCiphertext(), !part.isEmpty { flight += part }
            try send(flight)
            client.receive(try received())
        }
        try send(client.takeCiphertext())
        return client
    }
}
