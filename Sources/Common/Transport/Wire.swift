// A connection as the blocking commands use it: octets with deadlines, no writing without reading, layers on request.

import DeflateEngine
import Glibc
import Reporting

/// Owns a connected descriptor (or a pair of pipes), the layers on it and what is buffered around them. For one thread
/// at a time.
///
/// Every call waits at most until the deadline given, the session limit and the pace floor, whichever ends first. What
/// arrives while a call sends is kept for the next ``read(until:)``, up to ``inboxLimit`` octets.
public final class Wire {
    /// Octets one read hands out at most.
    public static let readLimit = 64 * 1024
    /// Octets of input kept while sending.
    public static let inboxLimit = 256 * 1024
    /// Octets that may stay unsent when a write returns because the inbox is full.
    public static let unsentLimit = 256 * 1024

    /// What is known about the connection, for log lines and checks.
    public internal(set) var facts: WireFacts
    /// The end of the whole conversation, since the deadlines of its steps alone could be renewed for ever.
    public var sessionLimit: Deadline
    /// A floor for the stretch of content that begins when this is set, and ends when it is set to `nil`.
    public var pace: PaceFloor? {
        didSet { meter = pace.map(PaceMeter.init) }
    }

    /// Whom TLS must authenticate, as the path demands.
    var demand: TLSDemand?
    /// Hears the conversation, for a transcript.
    public var tap: (any Tap)?
    /// What must not be shown when the other end repeats it.
    var mask = SecretMask()

    /// How long the conversation may still go on when the order to stop has come (``StopSignal``).
    public var stopGrace = Duration.zero
    /// When the conversation must be over, once the order has come.
    var stopDeadline: Deadline?

    var reading: Int32
    var writing: Int32
    /// Readable when the order to stop has come.
    let stop: Int32
    let isSocket: Bool
    let hopFate: (any HopFate)?
    var meter: PaceMeter?

    /// Octets of the conversation that arrived and were not handed out.
    var inbox: [UInt8] = []
    /// Octets for the descriptor (what the lowest layer made, if there is one), sent up to `sentCount`.
    var outbox: [UInt8] = []
    var sentCount = 0
    var layers = LayerStack()
    /// The layer that compresses, if there is one.
    var compression: DeflateConnection?
    /// Whether the inbox was full when the layers had more for it.
    var layersHoldInput = false
    /// Nothing more comes from the descriptor, or from the peer.
    var inputEnded = false
    /// Why input or output is over, when it did not end in order.
    var inputFault: TransportError?
    var outputFault: TransportError?

    /// Takes over a connected socket, which becomes non-blocking.
    /// - Parameters:
    ///   - descriptor: a stream socket; closed by this object.
    ///   - hopFate: tells when a hop below this connection ends; outranks an end of file or a reset.
    ///   - stop: readable when the order to stop has come; -1 for none.
    public convenience init(
        socket descriptor: Int32, facts: WireFacts, hopFate: (any HopFate)? = nil, sessionLimit: Deadline = .never,
        stop: Int32 = StopSignal.descriptor
    ) {
        self.init(reading: descriptor, writing: descriptor, isSocket: true, facts, hopFate, sessionLimit, stop)
    }

    /// Takes over the two pipes of a program, which become non-blocking.
    public convenience init(
        reading: Int32, writing: Int32, facts: WireFacts, hopFate: (any HopFate)? = nil,
        sessionLimit: Deadline = .never, stop: Int32 = StopSignal.descriptor
    ) {
        self.init(reading: reading, writing: writing, isSocket: false, facts, hopFate, sessionLimit, stop)
    }

    private init(
        reading: Int32, writing: Int32, isSocket: Bool, _ facts: WireFacts, _ hopFate: (any HopFate)?,
        _ sessionLimit: Deadline, _ stop: Int32
    ) {
        (self.reading, self.writing, self.isSocket) = (reading, writing, isSocket)
        (self.facts, self.hopFate, self.sessionLimit, self.stop) = (facts, hopFate, sessionLimit, stop)
        for descriptor in [reading, writing] {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        }
    }

    deinit { close() }

    /// Octets given to ``write(_:_:until:)`` that have not left yet; they leave during the next read.
    public var unsentCount: Int { outbox.count - sentCount }

    /// Octets that arrived and wait for the next read.
    public var bufferedCount: Int { inbox.count }

    /// The next octets from the peer.
    /// - Returns: 1 to ``readLimit`` octets; empty at the orderly end of input.
    /// - Throws: ``TransportError``; a hop's end goes before a broken connection, octets that arrived before both.
    public func read(until deadline: Deadline) throws(TransportError) -> [UInt8] {
        if !inbox.isEmpty, unsentCount > 0 { sendOutbox() }
        while inbox.isEmpty {
            if let inputFault { throw outranked(inputFault) }
            if inputEnded {
                if let fate = hopFate?.verdict() { throw .hopDied(peer: facts.peer, reason: fate) }
                return []
            }
            try pump(until: deadline, for: .input)
        }
        if inbox.count <= Self.readLimit {
            defer { inbox = [] }
            return inbox
        }
        let octets = Array(inbox[..<Self.readLimit])
        inbox.removeFirst(Self.readLimit)
        if layersHoldInput { takeFromLayers() }
        return octets
    }

    /// Sends `octets`, taking in what the peer says meanwhile.
    ///
    /// Returns when all have left, or, with the inbox full, when at most ``unsentLimit`` are left: a caller that sends
    /// much while the peer talks reads between writes, as long as ``bufferedCount`` is above zero (a read then never
    /// waits). When the peer has stopped reading but its last words wait to be read, this drops the octets and returns:
    /// the next read brings those words.
    /// - Parameter disclosure: what the ``tap`` may hear of them; nothing, unless the caller says more.
    /// - Throws: ``TransportError``; `timedOut(peer:doing:)` also when a peer floods us without reading.
    public func write(
        _ octets: [UInt8], _ disclosure: Disclosure = .content, until deadline: Deadline
    ) throws(TransportError) {
        keepSecret(octets, disclosure)
        if tap != nil { tell(octets, disclosure, from: .we) }
        queue(octets)
        sendOutbox()
        while unsentCount > 0, outputFault == nil {
            if inbox.count >= Self.inboxLimit, unsentCount <= Self.unsentLimit { return }
            try pump(until: deadline, for: .output)
        }
        if let outputFault, inbox.isEmpty {
            // Its last words may be on their way through the kernel: look once, without waiting.
            if !inputEnded { receive() }
            if inbox.isEmpty { throw outranked(outputFault) }
        }
    }

    /// Keeps `octets` for the next write, so that both leave together.
    public func hold(_ octets: [UInt8], _ disclosure: Disclosure = .content) {
        keepSecret(octets, disclosure)
        if tap != nil { tell(octets, disclosure, from: .we) }
        queue(octets)
    }

    /// Waits until nothing is left unsent; input is kept for the next read.
    /// - Throws: ``TransportError``.
    public func flush(until deadline: Deadline) throws(TransportError) {
        while unsentCount > 0, outputFault == nil { try pump(until: deadline, for: .output) }
        if let outputFault, inbox.isEmpty { throw outranked(outputFault) }
    }

    /// Sends what is left and tells the peer that no more will come; reading goes on.
    /// - Throws: ``TransportError``.
    public func endOutput(until deadline: Deadline) throws(TransportError) {
        endLayers()
        try flush(until: deadline)
        guard writing >= 0 else { return }
        if isSocket {
            _ = shutdown(writing, Int32(SHUT_WR))
        } else {
            _ = Glibc.close(writing)
            writing = -1
        }
        outputFault = .closed(peer: facts.peer)
    }

    /// Closes the connection at once. What is unsent gets one attempt that does not wait.
    public func close() {
        if reading >= 0, outputFault == nil {
            // Nobody is told when this fails: a caller that must know that all was sent calls `endOutput` first.
            endLayers()
            sendOutbox()
        }
        if reading >= 0 { _ = Glibc.close(reading) }
        if writing >= 0, writing != reading { _ = Glibc.close(writing) }
        (reading, writing) = (-1, -1)
        (inbox, layers, layersHoldInput, compression) = ([], LayerStack(), false, nil)
        inputEnded = true
        outputFault = .closed(peer: facts.peer)
    }

    /// `fault`, unless a hop's end explains it.
    func outranked(_ fault: TransportError) -> TransportError {
        if let fate = hopFate?.verdict() { return .hopDied(peer: facts.peer, reason: fate) }
        return fault
    }
}
