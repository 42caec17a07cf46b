// One listener at work: its rules, its certificates, and a session for each connection that the rules let in.

import AccessControl
import InternetAddress
import NIOCore
import NIOPosix
import POP3Protocol
import Reporting
import RunControl
import SMTPProtocol
import TLSEngine

/// What a `listen` line of the rc asks for, ready to answer.
final class Service: Sendable {
    let listener: ListenerSettings
    let server: ServerContext
    /// Who decides on RCPT.
    let recipients: any RecipientPolicy
    /// TLS from the first octet.
    let implicitTLS: TLSContext?
    /// TLS by STARTTLS or STLS.
    let startTLS: TLSContext?
    /// The open connections of this listener.
    let sessions: OpenSessions
    /// Those of clients that the rules keep out, until they have said QUIT: few, and apart, so that they take no place of
    /// those that are let in.
    let denied = OpenSessions(limits: ConnectionLimits(total: 16, perAddress: 2))
    private let access: AccessRules
    /// The longest that a TLS handshake may take.
    private static let handshakeTime = TimeAmount.seconds(60)

    /// - Parameter recipients: who decides on RCPT; `server` unless given.
    init(listener: ListenerSettings, server: ServerContext, recipients: (any RecipientPolicy)? = nil) throws(TLSError) {
        self.listener = listener
        self.server = server
        self.recipients = recipients ?? server
        access = AccessRules(allow: listener.allow, deny: listener.deny)
        sessions = OpenSessions(
            limits: ConnectionLimits(total: listener.maxConnections, perAddress: listener.maxConnectionsPerAddress))
        let context = try server.certificates.context(for: listener)
        switch listener.service {
        case .submissions, .pop3s:
            implicitTLS = context
            startTLS = nil
        case .smtp, .submission, .pop3:
            implicitTLS = nil
            startTLS = context
        }
    }

    /// The listener's protocol, as the rc and the log name it.
    var name: String { listener.service.rawValue }
    var isSubmission: Bool { listener.service == .submission || listener.service == .submissions }

    func bootstrap(on group: any EventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.admit(channel) }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 32_768, high: 131_072))
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 65_536))
    }

    /// Refuses a connection before the greeting, or adds a session to `channel`.
    func admit(_ channel: any Channel) throws {
        guard let peer = channel.remoteAddress.flatMap(IPAddress.init(socketAddress:)) else {
            channel.close(promise: nil)
            return
        }
        if case .refused(let rule) = access.decide(peer) {
            server.refusals.write(.notice, "refused", [("service", name), ("client", "\(peer)"), ("rule", rule)])
            guard listener.service == .smtp || listener.service == .submission, denied.admit(channel, from: peer)
            else {
                return try refuse(channel, permanently: true, "access denied")
            }
            return try seat(channel, peer, among: denied, idle: server.smtpIdle) {
                SMTPSession(service: self, on: $0, isDenied: true)
            }
        }
        guard sessions.admit(channel, from: peer) else {
            server.refusals.write(
                .notice, "refused", [("service", name), ("client", "\(peer)"), ("why", "too many connections")])
            return try refuse(channel, permanently: false, "too many connections; try again later")
        }
        switch listener.service {
        case .smtp, .submission, .submissions:
            try seat(channel, peer, among: sessions, idle: server.smtpIdle) { SMTPSession(service: self, on: $0) }
        case .pop3, .pop3s:
            try seat(channel, peer, among: sessions, idle: server.pop3Idle) { POP3Session(service: self, on: $0) }
        }
    }

    /// - Parameter idle: the time that the session gives a silent client: a handshake has no more.
    private func seat<S: Session>(
        _ channel: any Channel, _ peer: IPAddress, among sessions: OpenSessions, idle: TimeAmount,
        _ make: @escaping (any SessionLine) -> S
    ) throws {
        try channel.pipeline.syncOperations.addHandler(
            SessionHandler(
                peer: peer, implicitTLS: implicitTLS, handshakeTime: min(Self.handshakeTime, idle),
                onEnd: { sessions.leave(channel, from: peer) }, makeSession: make))
    }

    /// Refuses in the protocol's own form; without a word where TLS would have to come first.
    private func refuse(_ channel: any Channel, permanently: Bool, _ words: String) throws {
        let text: String
        switch listener.service {
        case .smtp, .submission:
            text = "\(permanently ? "554 5.7.1" : "421 4.7.0") \(server.settings.hostname) \(words)\r\n"
        case .pop3: text = "-ERR \(permanently ? "" : "[SYS/TEMP] ")\(words)\r\n"
        case .submissions, .pop3s: text = ""
        }
        try channel.pipeline.syncOperations.addHandler(RefusalHandler(text))
    }
}

/// Sends one line and closes the connection, once the channel is active: before, it takes no octets.
private final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(_ text: String) { self.text = text }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text))).assumeIsolated()
            .whenComplete { _ in context.close(promise: nil) }
    }
}

extension IPAddress {
    /// The address behind NIO's; `nil` for a unix socket.
    init?(socketAddress: SocketAddress) {
        guard let text = socketAddress.ipAddress else { return nil }
        self.init(text)
    }
}
