// How octets move between socket, TLS and engine, and where they wait when the other side is slow.

import NIOCore
import Octets
import TLSEngine

/// The bounds of what one connection makes us hold.
enum SessionBounds {
    /// A session begins no further command while this much of its output is unsent: a client that reads nothing must
    /// not fill our memory.
    static let unsent = 65_536
    /// Octets handed to an engine at once.
    static let helping = 65_536
    /// Octets read and dropped after the last reply.
    static let dropped = 1 << 20
}

extension SessionHandler {
    /// Moves everything that can move, then asks the socket for more if there is room for it.
    func pump() {
        guard !isPumping, context != nil, session != nil else { return }
        isPumping = true
        defer { isPumping = false }
        var more = true
        while more, isListening, context != nil {
            if unsent >= SessionBounds.unsent {
                flush()  // the system may take it all at once
                if unsent >= SessionBounds.unsent { break }
            }
            more = step()
        }
        flush()
        closeWhenSent()
        askForInput()
    }

    /// Reads from the socket if there is a use for its octets, and room.
    func askForInput() {
        guard !isReading, !inputHasEnded, let context else { return }
        switch phase {
        case .lingering: break
        case .handshake, .open:
            guard holds == 0, unsent < SessionBounds.unsent, inbox.readableBytes == 0 else { return }
        case .waiting, .closing, .over: return
        }
        isReading = true
        context.read()
    }

    /// Takes one event, or moves one portion of octets.
    /// - Returns: whether there may be more to do.
    private func step() -> Bool {
        guard let session else { return false }
        if phase == .handshake { return shakeHands() }
        guard holds == 0 else { return false }
        if session.wantsRoom {
            session.roomForOutput()
            return true
        }
        do throws(S.Conversation.Failure) {
            if let event = try session.conversation.nextEvent() {
                session.take(event)
                return true
            }
        } catch {
            session.fail(error)
            return isListening
        }
        return feed()
    }

    /// Hands the engine its next octets.
    private func feed() -> Bool {
        guard let session else { return false }
        guard let connection else {
            let octets = nextHelping()
            guard !octets.isEmpty else { return endOfInput() }
            session.conversation.receive(octets)
            return true
        }
        do throws(TLSError) {
            feedCiphertext(connection)
            let plain = try connection.takePlaintext()
            takeCiphertext(connection)  // alerts, key updates
            guard plain.isEmpty else {
                session.conversation.receive(plain)
                return true
            }
            if connection.state == .closed {
                close()
                return false
            }
            return inbox.readableBytes > 0 && connection.wantsInput || endOfInput()
        } catch {
            close()
            return false
        }
    }

    private func nextHelping() -> [UInt8] {
        inbox.readBytes(length: min(inbox.readableBytes, SessionBounds.helping)) ?? []
    }

    private func feedCiphertext(_ connection: TLSConnection) {
        guard inbox.readableBytes > 0, connection.wantsInput else { return }
        connection.receive(nextHelping())
    }

    func takeCiphertext(_ connection: TLSConnection) {
        while true {
            let octets = connection.takeCiphertext()
            if octets.isEmpty { return }
            outbox.append(contentsOf: octets)
        }
    }

    /// Closes where the peer has shut its side: the engine has no event left of what it sent.
    private func endOfInput() -> Bool {
        if inputHasEnded, inbox.readableBytes == 0 { close() }
        return false
    }

    private func shakeHands() -> Bool {
        guard let connection else { return false }
        do throws(TLSError) {
            feedCiphertext(connection)
            try connection.advance()
            takeCiphertext(connection)
            guard connection.state == .handshaking else {
                handshakeIsDone()
                return true
            }
            return inbox.readableBytes > 0 && connection.wantsInput || endOfInput()
        } catch {
            close()  // with the alert that says why
            return false
        }
    }

    func flush() {
        guard let context, !outbox.isEmpty else { return }
        let buffer = context.channel.allocator.buffer(bytes: outbox)
        let count = outbox.count
        outbox = []
        inFlight += count
        context.writeAndFlush(wrapOutboundOut(buffer)).assumeIsolated().whenComplete { [self] result in
            inFlight -= count
            if case .failure = result { return shut() }
            if phase == .closing { closeWhenSent() } else { pump() }
        }
    }

    /// Counts what is dropped after the last reply: too much of it ends the connection.
    func drop(_ count: Int) {
        dropped += count
        if dropped > SessionBounds.dropped { shut() }
    }
}
