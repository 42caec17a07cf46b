// A session of mhserve over a channel in memory, with a clock that is moved by hand.

import MailTestKit
import NIOCore
import NIOEmbedded
import TLSEngine

@testable import mhserve

/// One client of one listener, on one thread: for what asks neither the disk nor for a password. What does goes through
/// ``ThreadedRig``.
final class SessionRig {
    let hub: HubInMemory
    let channel = EmbeddedChannel()
    var scratch: ScratchDirectory { hub.scratch }
    var service: Service { hub.service }

    /// A client of a hub of its own.
    /// - Parameters:
    ///   - listener: the service, as in `submission`.
    ///   - words: lines for the top of the rc.
    ///   - blocks: the blocks of the rc.
    ///   - recipients: who decides on RCPT, the server unless told.
    convenience init(
        _ listener: String, words: [String] = [], blocks: [String] = HubInMemory.aliceAlone,
        recipients: (any RecipientPolicy)? = nil
    ) throws {
        try self.init(of: HubInMemory(listener, words: words, blocks: blocks, recipients: recipients))
    }

    /// - Parameter address: where the client is.
    init(of hub: HubInMemory, from address: String = "192.0.2.1") throws {
        self.hub = hub
        channel.remoteAddress = try SocketAddress(ipAddress: address, port: 1024)
        try hub.service.admit(channel)
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

    /// Tells the session that the service stops.
    func stopService() {
        service.server.isStopping = true
        channel.pipeline.fireUserInboundEventTriggered(StopSoon())
    }

    /// The client goes away without a word.
    func leave() {
        channel.close(promise: nil)
        pass(.zero)
    }

    /// Whether the server still listens to its client.
    var isOpen: Bool { channel.isActive }

    /// The lines of the log with `text` in them.
    func logged(_ text: String) -> [String] { hub.logged(text) }

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
