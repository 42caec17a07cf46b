// Connects a session and its engine to a NIO channel: the channel's events, the session's requests, and timeouts.

import InternetAddress
import NIOCore
import Octets
import TLSEngine

/// Runs an engine on a channel. Octets are pulled: the socket is read only when the engine has no event left of the
/// octets before and the session is not held, so that no peer can make us buffer. How octets move:
/// SessionHandler+Pump.swift.
final class SessionHandler<S: Session>: ChannelInboundHandler, SessionLine {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case waiting, handshake, open
        /// The last octets are on their way out; what still comes in is ignored.
        case closing
        /// Our side is shut. What the peer still sends is read and dropped: a socket closed over unread octets would
        /// send RST, and that may overtake the last reply.
        case lingering
        case over
    }

    /// The time for the last octets to go out, and for the peer to close after them.
    private static var closingTime: TimeAmount { .seconds(5) }
    private static var lingeringTime: TimeAmount { .seconds(2) }

    let peer: IPAddress
    private let makeSession: (any SessionLine) -> S
    private let implicitTLS: TLSContext?
    private let onEnd: () -> Void
    var session: S?
    var context: ChannelHandlerContext?
    var connection: TLSConnection?
    var phase = Phase.waiting
    /// Whether the session has begun: a handshake by STARTTLS or STLS comes in the middle of one.
    var hasBegun = false
    /// Octets of the socket that nobody has read yet.
    var inbox = ByteBuffer()
    var outbox: [UInt8] = []
    var holds = 0
    var isPumping = false
    var isReading = false
    var inputHasEnded = false
    /// Octets given to the channel and not yet taken by the system.
    var inFlight = 0
    /// Octets dropped while lingering.
    var dropped = 0
    private var hasEnded = false
    private var serviceStops = false
    private let handshakeTime: TimeAmount
    /// The time that the session gave its peer last.
    private var patience = TimeAmount.zero
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    /// When the timer fires.
    private var timerDue = NIODeadline.distantFuture

    /// - Parameters:
    ///   - implicitTLS: TLS from the first octet, for submissions and pop3s.
    ///   - handshakeTime: for a handshake, at the beginning or by STARTTLS or STLS.
    ///   - onEnd: called once when the connection is closed, for those who count connections.
    init(
        peer: IPAddress, implicitTLS: TLSContext?, handshakeTime: TimeAmount, onEnd: @escaping () -> Void,
        makeSession: @escaping (any SessionLine) -> S
    ) {
        self.peer = peer
        self.implicitTLS = implicitTLS
        self.onEnd = onEnd
        self.makeSession = makeSession
        self.handshakeTime = handshakeTime
    }

    var now: NIODeadline { context?.eventLoop.now ?? .now() }
    var tls: TLSFacts? { phase == .handshake ? nil : connection?.facts }
    var unsent: Int { inFlight + outbox.count }
    var isListening: Bool { phase == .handshake || phase == .open }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start() }
    }

    func channelActive(context: ChannelHandlerContext) { start() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        switch phase {
        case .waiting, .handshake, .open, .closing:
            if inbox.readableBytes == 0 { inbox = buffer } else { inbox.writeBuffer(&buffer) }
        case .lingering: drop(buffer.readableBytes)
        case .over: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        pump()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pump() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            inputHasEnded = true
            if phase == .lingering { shut() } else { pump() }
        } else if event is StopSoon {
            stopSoon()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { shut() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    // A channel that never became active does not become inactive either.
    func handlerRemoved(context: ChannelHandlerContext) { end() }

    // MARK: What a session asks for

    func put(_ octets: [UInt8]) {
        guard phase == .open else { return }
        if let connection {
            connection.send(octets)
            takeCiphertext(connection)
        } else {
            outbox.append(contentsOf: octets)
        }
        if !isPumping { flush() }
    }

    func startTLS(_ tlsContext: TLSContext) {
        flush()
        guard phase == .open, inbox.readableBytes == 0 else {
            return shut()  // octets sent before the handshake would be taken for protected ones
        }
        begin(tlsContext)
    }

    func close() {
        guard isListening else { return }
        if let connection {
            if phase == .open { connection.shutDown() }
            takeCiphertext(connection)
        }
        phase = .closing
        inbox.clear()
        look(within: Self.closingTime)
        flush()
        closeWhenSent()
    }

    func abort() { shut() }

    func expect(within time: TimeAmount) {
        guard isListening else { return }
        patience = time
        look(within: time)
    }

    func hold() { holds += 1 }

    func resume() {
        holds -= 1
        pump()
    }

    var eventLoop: any EventLoop {
        guard let context else { preconditionFailure("a session is asked only while its connection stands") }
        return context.eventLoop
    }

    func wait<T: Sendable>(
        for finding: EventLoopFuture<T>, within time: TimeAmount, then done: @escaping (Result<T, any Error>) -> Void
    ) {
        let loop = finding.eventLoop.assumeIsolated()
        var isWaiting = true
        let end = { [self] (result: Result<T, any Error>) in
            guard isWaiting else { return }
            isWaiting = false
            done(result)
            resume()
        }
        hold()
        let clock = loop.scheduleTask(in: time) { end(.failure(AnswerOverdue())) }
        finding.assumeIsolated().whenComplete {
            clock.cancel()
            end($0)
        }
    }

    func offload<T: Sendable>(
        to pool: WorkPool, _ work: @escaping @Sendable () throws -> T,
        then done: @escaping (Result<T, any Error>) -> Void
    ) -> Bool {
        guard let context, let future = pool.run(on: context.eventLoop, work) else { return false }
        hold()
        future.assumeIsolated().whenComplete { [self] result in
            done(result)
            resume()
        }
        return true
    }

    // MARK: Beginning and end

    private func start() {
        guard phase == .waiting, session == nil, context != nil else { return }
        session = makeSession(self)
        phase = .open
        if let implicitTLS {
            guard !serviceStops else { return shut() }
            begin(implicitTLS)
        } else {
            hasBegun = true
            session?.begin()
        }
        pump()
    }

    private func begin(_ tlsContext: TLSContext) {
        do throws(TLSError) {
            connection = try TLSConnection(server: tlsContext, from: "\(peer)")
            phase = .handshake
            look(within: handshakeTime)
        } catch {
            shut()
        }
    }

    /// TLS stands: the session greets, or goes on with its next command.
    func handshakeIsDone() {
        phase = .open
        if hasBegun { return look(within: patience) }
        hasBegun = true
        session?.begin()
    }

    private func stopSoon() {
        serviceStops = true
        switch phase {
        case .waiting: break  // it says goodbye after its greeting
        case .handshake, .lingering: shut()
        case .open:
            session?.stopSoon()
            pump()
        case .closing, .over: break
        }
    }

    /// Once the last octets are out: shuts our side, and waits a moment for the peer to shut its own.
    func closeWhenSent() {
        guard phase == .closing, unsent == 0, let context else { return }
        guard !inputHasEnded else { return shut() }
        phase = .lingering
        look(within: serviceStops ? .milliseconds(300) : Self.lingeringTime)
        context.close(mode: .output, promise: nil)
        askForInput()
    }

    func shut() {
        guard phase != .over else { return }
        phase = .over
        context?.close(promise: nil)
    }

    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        phase = .over
        timer?.cancel()
        timer = nil
        let gone = session
        session = nil
        connection = nil
        context = nil
        gone?.ended()
        onEnd()
    }

    // MARK: Time

    private func look(within time: TimeAmount) { look(at: now + time) }

    /// Moves the deadline. A session has one coarse timer: when it fires it checks the deadline, and sleeps on if that
    /// has moved away; only a deadline that has come nearer sets the timer anew.
    private func look(at time: NIODeadline) {
        deadline = time
        guard time + .milliseconds(500) < timerDue, let context else { return }
        timer?.cancel()
        timerDue = time
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { [self] in
            timerDue = .distantFuture
            checkDeadline()
        }
    }

    private func checkDeadline() {
        guard context != nil else { return }
        guard deadline <= now else { return look(at: deadline) }
        switch phase {
        case .waiting, .handshake, .closing, .lingering: shut()
        case .open where holds > 0: look(within: .seconds(30))  // waiting for ourselves, not for the peer
        case .open:
            session?.timeIsOver()
            close()
        case .over: break
        }
    }
}

/// Sent down a pipeline when the service stops.
struct StopSoon: Sendable {}
