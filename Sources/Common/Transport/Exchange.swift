// A client's engine on a blocking connection: it reads only as far as the next event that its caller asks for.

import Blocking
import Glibc
import Octets

/// How a transcript shows what we send.
public enum Speech: Sendable, Hashable { case words, content }

/// A conversation under way. Blocks only here; every decision stays with the engine and the caller.
///
/// How long the server may take follows from what the engine awaits. Only a part of what a command asked for renews
/// that time: a server that sends something else now and then is given up after `timeout`.
public final class Exchange<E: ClientEngine> {
    public var engine: E
    public let wire: Wire
    private let timeout: Duration
    private let listingLimit: Duration
    /// The end of the wait for what the last command asked for, or for its next part.
    private(set) var deadline: Deadline
    /// The end of an answer in parts, however steadily they come.
    private var listingEnd: Deadline
    /// Whether the wire was read once more after the deadline.
    private var hadLastLook = false
    /// The engine's progress when the server was last given its time.
    private var progress: Int
    /// Words, and compressed octets, when their proportion was last looked at.
    private var inflation = (words: 0, octets: 0)
    /// How many octets came at once last time.
    private var pieceSize = 0

    /// - Parameters:
    ///   - timeout: the longest wait for an answer, or for the next part of one.
    ///   - listingLimit: the longest that a listing may take: a million entries come in minutes.
    public init(_ engine: E, on wire: Wire, timeout: Duration, listingLimit: Duration = .seconds(3600)) {
        self.engine = engine
        self.wire = wire
        self.timeout = timeout
        self.listingLimit = listingLimit
        progress = engine.progress
        deadline = Deadline(after: timeout)
        listingEnd = Deadline(after: listingLimit)
    }

    deinit { wire.close() }

    /// The next event from the server; waits for it.
    ///
    /// Inlined, since generics are not specialised across modules: each of a million entries would go through tables.
    /// - Throws: ``TransportError``, `closed(peer:)` at the orderly end of input; what the engine throws.
    @inlinable public func next() throws -> E.Event {
        while true {
            if let event = try engine.nextEvent() { return event }
            try wait()
        }
    }

    /// The next event of what the server sent while we were sending; `nil` when there is none. Never waits.
    /// - Throws: as ``next()``.
    public func overheard() throws -> E.Event? {
        while true {
            if let event = try engine.nextEvent() { return event }
            guard wire.bufferedCount > 0 else { return nil }
            try hear(until: .now)
        }
    }

    /// Sends `command`, and gives the server its time to answer.
    /// - Parameters:
    ///   - kind: `.content` for a piece of a message.
    ///   - isHeld: whether it waits for what is sent next, to leave in the same write.
    /// - Throws: ``TransportError``.
    public func say(_ command: E.Command, _ kind: Speech = .words, isHeld: Bool = false) throws {
        // What came unasked must reach the engine first, lest it be taken for the answer.
        if engine.awaits == .nothing, wire.bufferedCount > 0 { try hear(until: .now) }
        let octets = engine.send(command)
        keepPace()
        if !octets.isEmpty {
            let disclosure = kind == .content ? Disclosure.content : .words(secret: engine.secret)
            if isHeld {
                wire.hold(octets, disclosure)
            } else {
                try wire.write(octets, disclosure, until: Deadline(after: timeout))
            }
        }
        listingEnd = Deadline(after: listingLimit)
        giveTime()
    }

    /// The next event of what the server says unasked; waits for it until `alarm`.
    /// - Parameter words: where the engine's `wordCount` ends the wait as well: there are words without an event.
    /// - Returns: `nil` when the alarm came first, or so many words.
    /// - Throws: as ``next()``.
    public func listen(until alarm: Alarm, words: Int) throws -> E.Event? {
        while true {
            if let event = try engine.nextEvent() { return event }
            guard engine.wordCount < words else { return nil }
            // A server that speaks without end keeps no alarm from being heard.
            guard !alarm.hasCome, try wire.awaitInput(or: alarm) else { return nil }
            try hear(until: .now)
        }
    }

    /// Cuts the present wait to `patience` at most: where an answer cannot come, or must come soon.
    public func hurry(_ patience: Duration) { deadline = deadline.earlier(of: Deadline(after: patience)) }

    /// Waits for octets. After progress the server's time begins here, right before the wait: time that our own disk
    /// took is never held against the server.
    @usableFromInline func wait() throws {
        if engine.progress != progress { giveTime() }
        // One read after the deadline takes what is there already, as after a suspend; a second would let a server that
        // never stops talking hold us for ever.
        guard !hadLastLook else {
            throw TransportError.timedOut(peer: wire.facts.peer, doing: "waiting for its answer")
        }
        hadLastLook = deadline.hasPassed
        keepPace()
        gather()
        try hear(until: deadline)
    }

    /// Lets more of a listing come before it is read: servers send a long one in small pieces, and to wake for each of
    /// them costs more than what is in it (a quarter of all processor time for a listing of 100,000). Not in content,
    /// where each message would take a little longer.
    private func gather() {
        guard engine.awaits == .listing, pieceSize < Self.pieceLimit, wire.bufferedCount == 0 else { return }
        usleep(Self.gatheringTime)
    }

    private func hear(until deadline: Deadline) throws {
        let octets = try wire.read(until: deadline)
        guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
        try checkInflation()
        pieceSize = octets.count
        wire.tell(heard: octets, engine.mayHearContent ? .content : .words)
        engine.receive(octets)
    }

    /// A few octets can be compressed that make a thousand times as many. In content that is a matter of its own bounds;
    /// of words nobody says so many again and again.
    private func checkInflation() throws(TransportError) {
        guard let octets = wire.compressedCount, engine.wordCount - inflation.words >= Self.inflationStep else {
            return
        }
        let made = engine.wordCount - inflation.words
        guard made <= (octets - inflation.octets) * Self.inflationLimit else {
            throw .inflated(peer: wire.facts.peer)
        }
        inflation = (engine.wordCount, octets)
    }

    private func giveTime() {
        progress = engine.progress
        let awaited = engine.awaits
        deadline = Deadline(after: awaited == .verdict ? timeout * Self.verdictFactor : timeout)
        if awaited == .listing || awaited == .parts {
            deadline = deadline.earlier(of: listingEnd)
            guard !listingEnd.hasPassed else { return }
        }
        hadLastLook = false
    }

    /// Content and listings have a floor; while the server thinks, nothing needs to move.
    private func keepPace() {
        let floor: PaceFloor? =
            switch engine.awaits {
            case .listing, .content: .standard
            case .nothing, .reply, .verdict, .parts: nil
            }
        if wire.pace != floor { wire.pace = floor }
    }

    /// Octets of words after which their proportion to what came is looked at, and the most of it.
    private static var inflationStep: Int { 1 << 20 }
    private static var inflationLimit: Int { 200 }
    /// Microseconds.
    private static var gatheringTime: UInt32 { 1000 }
    /// Octets of a piece that is worth a wake.
    private static var pieceLimit: Int { 16_384 }

    /// RFC 5321 §4.5.3.2.6 grants the final dot twice the time of other steps: giving up early sends twice.
    private static var verdictFactor: Int { 2 }
}
