// One end of a TLS connection as an engine: ciphertext in, plaintext out, and back. Knows no socket and no clock.

import Credentials
import InternetAddress

/// One end of a TLS connection (RFC 8446, RFC 5246). Used by one thread at a time.
///
/// A shell's loop: put ``takeCiphertext()`` on the wire until it is empty; read the wire, ``receive(_:)`` it; take
/// ``takePlaintext(atMost:)`` until it is empty; at the end of file ``endOfInput()``. After an error the shell still
/// sends what ``takeCiphertext()`` has: it is the alert that tells the peer. Where the network cuts the octets never
/// matters.
public final class TLSConnection {
    public enum State: Sendable, Hashable {
        case handshaking
        case established
        /// The peer's close_notify has come, and all plaintext before it was taken. We may still send.
        case closed
        case failed
    }

    /// Octets of ciphertext held unread at most, beyond which ``receive(_:)`` must wait.
    public static let inputLimit = 262_144
    /// Octets of plaintext given out in one piece at most.
    public static let plaintextLimit = 65_536
    /// Octets of ciphertext made ahead at most, one record aside.
    static let ciphertextLimit = 65_536
    /// Octets of plaintext in one record (RFC 8446 §5.1).
    static let recordLimit = 16_384
    /// Octets of what the peer sent first that are kept for an error to show.
    static let openingLimit = 80

    public private(set) var state = State.handshaking
    /// What the handshake agreed on; `nil` until ``State/established``.
    public private(set) var facts: TLSFacts?

    private let context: TLSContext  // keeps the SNI table alive
    let session: TLSSession
    private let isClient: Bool
    private var input = OctetQueue()
    private var unencrypted = OctetQueue()
    private var ciphertext: [UInt8] = []
    private var opening: [UInt8] = []
    private var inputHasEnded = false
    private var isShuttingDown = false
    private var hasSentClose = false
    private var failure: TLSError?

    /// The client's end.
    /// - Parameters:
    ///   - context: made by ``TLSContext/client(trust:)``.
    ///   - host: the name or the address (without brackets) that the certificate must be for; names go out as SNI.
    /// - Throws: ``TLSError/badName(_:)``, ``TLSError/noFingerprint``, ``TLSError/library(doing:reason:)``, or what
    ///   ``TLSContext/check()`` throws.
    public init(client context: TLSContext, to host: String) throws(TLSError) {
        guard case .client(let settings) = context.role else {
            throw .library(doing: "connect", reason: "the settings are a server's")
        }
        var pins: [CertificatePin] = []
        if case .pins(let pinned) = settings.trust {
            guard !pinned.isEmpty else { throw .noFingerprint }
            pins = pinned
        }
        let isUnproved = settings.trust == .unproved
        let session = try TLSSession(
            context.handle(), isClient: true,
            examination: PeerVerification(peer: host, pins: pins, isUnproved: isUnproved))
        let isPinned = !pins.isEmpty || isUnproved
        if let address = IPAddress(host.prefix { $0 != "%" }) {  // a zone (`%eth0`) is no part of it
            if !isPinned { try session.expect(address: address.octets) }
        } else if let name = HostName.normalized(host) {
            try session.expect(name: name, sni: true, checked: !isPinned)
        } else {
            throw .badName(host)
        }
        self.context = context
        self.session = session
        isClient = true
    }

    /// The server's end.
    /// - Parameters:
    ///   - context: made by ``TLSContext/server(certificates:protocols:)``.
    ///   - peer: who connected, for error messages: an address.
    /// - Throws: ``TLSError/library(doing:reason:)``.
    public init(server context: TLSContext, from peer: String = "the client") throws(TLSError) {
        guard case .server = context.role else {
            throw .library(doing: "accept", reason: "the settings are a client's")
        }
        session = try TLSSession(
            context.handle(), isClient: false, examination: PeerVerification(peer: peer, pins: []))
        self.context = context
        isClient = false
    }

    // Input

    /// Whether ``receive(_:)`` has room and a use for octets. When not, take plaintext and ciphertext first.
    public var wantsInput: Bool {
        // Output counts too: a peer that never reads must not make us answer for ever.
        input.count < Self.inputLimit && ciphertext.count < Self.inputLimit && !inputHasEnded && failure == nil
            && state != .closed
    }

    /// Takes octets of the wire, any number while ``wantsInput``; handing in more than that ends the connection with
    /// ``TLSError/inputOverrun(limit:)``.
    public func receive(_ octets: [UInt8]) {
        guard failure == nil, state != .closed, !octets.isEmpty else { return }
        guard input.count < Self.inputLimit else {
            fail(.inputOverrun(limit: Self.inputLimit))
            return
        }
        if opening.count < Self.openingLimit { opening += octets.prefix(Self.openingLimit - opening.count) }
        input.append(octets)
    }

    /// Tells the engine that the wire has ended. Without the peer's close_notify before, that is a
    /// ``TLSError/truncated(peer:duringHandshake:)``, thrown once all plaintext is taken.
    public func endOfInput() { inputHasEnded = true }

    /// Carries the handshake on as far as the octets received allow.
    /// - Throws: why the handshake, or the connection, has failed; the same again at every later call.
    @discardableResult
    public func advance() throws(TLSError) -> State {
        shakeHands()
        if let failure { throw failure }
        return state
    }

    /// Decrypts.
    /// - Parameter limit: the most octets wanted, at most ``plaintextLimit``.
    /// - Returns: plaintext; empty when more ciphertext must come first, or none will (see ``state``).
    /// - Throws: why the connection has failed, after all good plaintext before it was taken.
    public func takePlaintext(atMost limit: Int = plaintextLimit) throws(TLSError) -> [UInt8] {
        shakeHands()
        if let failure { throw failure }
        guard state == .established, limit > 0 else { return [] }
        // Plaintext is shorter than its ciphertext: no room is made for what cannot come.
        let capacity = min(limit, Self.plaintextLimit, session.heldInputCount + input.count)
        var plaintext: [UInt8] = []
        if capacity > 0 {
            plaintext = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
                filled = unsafe decrypt(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        guard plaintext.isEmpty else { return plaintext }
        if inputHasEnded, state == .established, failure == nil, input.isEmpty {
            fail(.truncated(peer: session.examination.peer, duringHandshake: false))
        }
        if let failure { throw failure }
        return []
    }

    // Output

    /// Octets that wait to go out: ciphertext made, and plaintext to be encrypted. Stop sending while it is large.
    public var pendingCiphertextCount: Int { ciphertext.count + unencrypted.count }

    /// Queues plaintext for the peer. What is sent before the handshake is done goes out after it. After ``shutDown()``
    /// it ends the connection with ``TLSError/sentAfterShutDown``.
    public func send(_ plaintext: [UInt8]) {
        guard failure == nil else { return }
        guard !isShuttingDown else {
            fail(.sentAfterShutDown)
            return
        }
        unencrypted.append(plaintext)
    }

    /// Says that no more will be sent: close_notify follows what is queued.
    public func shutDown() {
        guard !isShuttingDown else { return }
        isShuttingDown = true
        closeIfSent()
    }

    /// Octets for the wire, in pieces of about 64 KiB; empty when there is nothing to send now.
    public func takeCiphertext() -> [UInt8] {
        shakeHands()
        while failure == nil, state != .handshaking, !unencrypted.isEmpty, ciphertext.count < Self.ciphertextLimit {
            var outcome = TLSSession.Outcome.wantsInput
            unsafe unencrypted.consume(atMost: Self.recordLimit) { bytes in
                outcome = unsafe session.write(bytes)
                guard case .done(let count) = outcome else { return 0 }
                return count
            }
            session.drainOutput(into: &ciphertext)
            guard case .done = outcome else {
                explain(outcome)
                break
            }
            closeIfSent()
        }
        let octets = ciphertext
        ciphertext = []
        return octets
    }

    // Steps

    private func shakeHands() {
        while state == .handshaking {
            let outcome = session.handshake()
            session.drainOutput(into: &ciphertext)
            switch outcome {
            case .done:
                state = .established
                facts = session.facts(isClient: isClient)
                opening = []
                closeIfSent()
            case .wantsInput:
                if session.feed(from: &input) { continue }
                if inputHasEnded { fail(.truncated(peer: session.examination.peer, duringHandshake: true)) }
                return
            case .closed, .failed:
                explain(outcome)
            }
        }
    }

    /// Fills `buffer` as far as the octets received go.
    /// - Returns: octets filled.
    private func decrypt(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while filled < buffer.count {
            let outcome = unsafe session.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            session.drainOutput(into: &ciphertext)
            switch outcome {
            case .done(let count):
                filled += count
            case .wantsInput:
                guard session.feed(from: &input) else { return filled }
            case .closed:
                state = .closed
                input.removeAll()  // what follows close_notify does not count (RFC 8446 §6.1)
                return filled
            case .failed:
                explain(outcome)
                return filled
            }
        }
        return filled
    }

    private func closeIfSent() {
        guard isShuttingDown, !hasSentClose, unencrypted.isEmpty, failure == nil, state != .handshaking else { return }
        hasSentClose = true
        session.sendCloseNotify()
        session.drainOutput(into: &ciphertext)
    }

    private func explain(_ outcome: TLSSession.Outcome) {
        let peer = session.examination.peer
        switch outcome {
        case .done:
            break
        case .closed:
            fail(.truncated(peer: peer, duringHandshake: state == .handshaking))
        case .wantsInput:
            fail(.protocolFailure(peer: peer, reason: "the peer asked for renegotiation"))
        case .failed(let faults):
            let handshaking = state == .handshaking
            fail(
                session.examination.failure
                    ?? TLSError(faults, with: peer, opening: opening, isHandshaking: handshaking))
        }
    }

    private func fail(_ error: TLSError) {
        guard failure == nil else { return }
        failure = error
        state = .failed
        input.removeAll()
        unencrypted.removeAll()
        session.drainOutput(into: &ciphertext)
    }
}
