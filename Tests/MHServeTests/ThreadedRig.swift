// A session of mhserve over a channel in memory, with the threads that check passwords and read and write files.

import MailTestKit
import NIOCore
import NIOEmbedded
import Octets
import TLSEngine
import Testing

@testable import mhserve

/// One client of one listener, for one task. The event loop is the one of NIO's for tests that may be used from any
/// thread, and its clock is moved by hand. Nothing sleeps: a client waits for the next words of the server.
final class ThreadedRig {
    let hub: HubInMemory
    let channel = NIOAsyncTestingChannel()
    private var tls: TLSConnection?
    /// In clear text, and not read yet.
    private var heard: ArraySlice<UInt8> = []

    /// Connects; a service that begins with TLS gets its handshake.
    /// - Parameter address: where the client is.
    init(of hub: HubInMemory, from address: String = "192.0.2.1") async throws {
        self.hub = hub
        channel.remoteAddress = try SocketAddress(ipAddress: address, port: 1024)
        try await channel.testingEventLoop.executeInContext { [channel, service = hub.service] in
            try service.admit(channel)
        }
        try await channel.connect(to: try SocketAddress(ipAddress: "192.0.2.2", port: 25)).get()
        await settle()
        if hub.service.implicitTLS != nil { try await shakeHands() }
    }

    deinit { channel.close(mode: .all, promise: nil) }

    /// Whether the server still listens to its client.
    var isOpen: Bool { channel.isActive }

    // MARK: Saying

    /// Says `first`, and the response to each challenge, which must come as expected.
    /// - Returns: the last reply.
    func say(_ first: String, _ then: [(challenge: String, response: String)]) async throws -> String {
        var said = try await say(first)
        for (challenge, response) in then {
            #expect(said == challenge, "\(first)")
            said = try await say(response)
        }
        return said
    }

    /// Says `line`.
    /// - Returns: the next reply, without its last CRLF; between the lines of one of SMTP stands a line end.
    @discardableResult
    func say(_ line: String) async throws -> String {
        try await send(Array("\(line)\r\n".utf8))
        return try await reply()
    }

    /// Sends octets, through TLS where it stands.
    func send(_ octets: [UInt8]) async throws {
        guard let tls else { return try await put(octets) }
        tls.send(octets)
        try await put(Self.flight(of: tls))
    }

    private func put(_ octets: [UInt8]) async throws {
        guard !octets.isEmpty else { return }
        try await channel.writeInbound(ByteBuffer(bytes: octets))
        await settle()
    }

    /// Does the client's side of a handshake.
    func shakeHands() async throws {
        let client = try TLSConnection(client: .client(trust: .file(hub.scratch.file("hub.crt"))), to: "localhost")
        while try client.advance() == .handshaking {
            try await put(Self.flight(of: client))
            let answer = try await saidSoFar()
            guard !answer.isEmpty else { throw KitError("the handshake gets no answer") }
            client.receive(answer)
        }
        try await put(Self.flight(of: client))
        tls = client
    }

    private static func flight(of tls: TLSConnection) -> [UInt8] {
        var flight: [UInt8] = []
        while case let part = tls.takeCiphertext(), !part.isEmpty { flight += part }
        return flight
    }

    // MARK: Hearing

    /// The next reply of an SMTP server, or the next line of a POP3 server.
    func reply() async throws -> String {
        var lines: [String] = []
        repeat { lines.append(try await line()) } while lines.last?.dropFirst(3).first == "-"
        return lines.joined(separator: "\n")
    }

    /// The next line, without its CRLF.
    func line() async throws -> String { String(decoding: try await rawLine().dropLast(2), as: UTF8.self) }

    /// What a POP3 server sends up to the closing dot, dots unstuffed (RFC 1939 §3).
    func content() async throws -> [UInt8] {
        var octets: [UInt8] = []
        while true {
            let line = try await rawLine()
            if line.elementsEqual(".\r\n".utf8) { return octets }
            octets += line.first == 0x2E ? line.dropFirst() : line
        }
    }

    /// The same as lines.
    func listing() async throws -> [String] {
        let text = String(decoding: try await content(), as: UTF8.self)
        return text.split(separator: "\r\n").map(String.init)
    }

    /// What has been said and not been read. Waits for nothing.
    func rest() async throws -> String {
        await settle()
        let octets = try await saidSoFar()
        try take(octets)
        defer { heard = [] }
        return String(decoding: heard, as: UTF8.self)
    }

    /// The next line with its CRLF.
    private func rawLine() async throws -> ArraySlice<UInt8> {
        while true {
            if let end = heard.firstIndex(of: 0x0A) {
                let line = heard[...end]
                heard = heard[(end + 1)...]
                guard line.suffix(2).elementsEqual("\r\n".utf8) else { throw KitError("a line without CRLF: \(line)") }
                return line
            }
            try await hearMore()
        }
    }

    private func hearMore() async throws {
        // After a minute the connection ends, so that a test fails rather than hangs.
        let patience = Task { [channel] in
            try await Task.sleep(for: .seconds(60))
            channel.close(mode: .all, promise: nil)
        }
        defer { patience.cancel() }
        let more: ByteBuffer
        do {
            more = try await channel.waitForOutboundWrite(as: ByteBuffer.self)
        } catch {
            throw KitError("the server says no more (\(error)) behind: \(String(decoding: heard, as: UTF8.self))")
        }
        try take(Array(more.readableBytesView))
    }

    private func take(_ octets: [UInt8]) throws {
        guard let tls else {
            heard += octets
            return
        }
        tls.receive(octets)
        while case let plain = try tls.takePlaintext(), !plain.isEmpty { heard += plain }
    }

    private func saidSoFar() async throws -> [UInt8] {
        var octets: [UInt8] = []
        while let buffer = try await channel.readOutbound(as: ByteBuffer.self) { octets += buffer.readableBytesView }
        return octets
    }

    // MARK: What happens meanwhile

    /// Lets the event loop do all that it can do now.
    func settle() async { await channel.testingEventLoop.run() }

    /// Lets time pass; timers that become due run.
    func pass(_ time: TimeAmount) async { await channel.testingEventLoop.advanceTime(by: time) }

    /// Tells the session that the service stops.
    func stopService() async {
        hub.service.server.isStopping = true
        channel.pipeline.fireUserInboundEventTriggered(StopSoon())
        await settle()
    }

    /// The client shuts its side of the connection, and reads on.
    func shutSending() async {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        await settle()
    }

    /// The client goes away without a word.
    func leave() async {
        channel.close(mode: .all, promise: nil)
        await settle()
    }
}

/// `text` in base64, as logins say it.
func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }
