// Conversations as texts of `S:` and `C:` lines, and a player that lends either side to an engine, cut anywhere.

import Glibc
import Octets

/// A conversation between server and client, as a person would write it down.
///
/// `S: ` and `C: ` lines end in CRLF on the wire; `\\`, `\r`, `\n`, `\xNN` mean octets, and `\c` at the end of a line
/// leaves its CRLF out. A line `TLS` marks the handshake; `#` begins a comment. Other lines are an error.
public struct Dialogue: Sendable, CustomStringConvertible {
    public enum Side: Sendable, Hashable { case server, client }

    enum Turn: Sendable {
        case octets(Side, [UInt8])
        case tls
    }

    public let name: String
    /// Turns in order; lines of one side behind each other are one turn.
    let turns: [Turn]

    public var description: String { name }

    public init(_ text: String, name: String = "dialogue") {
        self.name = name
        var turns: [Turn] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) where !line.hasPrefix("#") {
            if line == "TLS" {
                turns.append(.tls)
                continue
            }
            let side: Side = line.hasPrefix("S:") ? .server : .client
            precondition(line.hasPrefix("S:") || line.hasPrefix("C:"), "\(name): neither S: nor C: in \"\(line)\"")
            let octets = Self.octets(of: line.dropFirst(line.dropFirst(2).first == " " ? 3 : 2))
            if case .octets(side, let before) = turns.last {
                turns[turns.count - 1] = .octets(side, before + octets)
            } else {
                turns.append(.octets(side, octets))
            }
        }
        self.turns = turns
    }

    /// All dialogues of `Tests/Fixtures/<folder>`, by name.
    public static func all(in folder: String, here: StaticString = #filePath) -> [Dialogue] {
        let tests = "\(here)".split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
        let path = "\(tests)/Fixtures/\(folder)"
        let names = ScratchDirectory.names(in: path).filter { $0.hasSuffix(".dialogue") }
        precondition(!names.isEmpty, "\(path): no dialogues")
        return names.map { name in
            let octets = ScratchDirectory.read("\(path)/\(name)") ?? []
            return Dialogue(String(decoding: octets, as: UTF8.self), name: name)
        }
    }

    /// How many octets `side` says in all.
    public func count(from side: Side) -> Int {
        turns.reduce(0) { sum, turn in
            if case .octets(side, let octets) = turn { sum + octets.count } else { sum }
        }
    }

    private static func octets(of line: Substring) -> [UInt8] {
        var octets: [UInt8] = []
        var rest = Array(line.utf8)[...]
        while let octet = rest.popFirst() {
            guard octet == 0x5C else {
                octets.append(octet)
                continue
            }
            switch rest.popFirst() {
            case 0x72: octets.append(Octet.cr)
            case 0x6E: octets.append(Octet.lf)
            case 0x5C: octets.append(0x5C)
            case 0x63: return octets
            case 0x78:
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                rest = rest.dropFirst(2)
                guard let value = UInt8(digits, radix: 16) else { preconditionFailure("\\x\(digits) is no octet") }
                octets.append(value)
            default: preconditionFailure("an unknown escape in \"\(line)\"")
            }
        }
        return octets + [Octet.cr, Octet.lf]
    }
}

/// Where the network cuts what the peer says.
public enum Cut: Sendable, Hashable {
    /// Each turn arrives whole.
    case nowhere
    /// The turn that holds the peer's octet of this index is cut before it.
    case before(Int)
    /// Octet by octet.
    case everywhere
}

/// What an engine made of a dialogue.
public struct Played<Event: Equatable & Sendable>: Equatable, Sendable {
    public var events: [Event]
    /// The error that ended it, described.
    public var failure: String?
    /// The first octets that the engine said otherwise than the dialogue; `nil` when all were as written.
    public var mismatch: String?

    public init(events: [Event] = []) { self.events = events }
}

extension Dialogue {
    /// Lends `side` to `engine`: feeds it what the peer says, takes all events, compares what it says with the text.
    /// - Parameters:
    ///   - say: the command behind the next line of our own; called until the turn is complete.
    ///   - merge: joins two events that only a cut has parted, such as two pieces of content.
    public func play<E: Engine>(
        _ engine: consuming E, as side: Side, cut: Cut = .nowhere,
        say: (_ line: String) -> E.Command?,
        tls: (inout E) -> Void = { _ in },
        merge: (E.Event, E.Event) -> E.Event? = { _, _ in nil }
    ) -> Played<E.Event> where E.Event: Equatable & Sendable {
        var engine = engine
        var played = Played<E.Event>()
        var heard = 0
        func drain() -> Bool {
            do {
                while let event = try engine.nextEvent() {
                    if let last = played.events.last, let joined = merge(last, event) {
                        played.events[played.events.count - 1] = joined
                    } else {
                        played.events.append(event)
                    }
                }
                return true
            } catch {
                played.failure = "\(error)"
                return false
            }
        }
        for turn in turns {
            switch turn {
            case .tls: tls(&engine)
            case .octets(side, let octets):
                var rest = octets[...]
                while !rest.isEmpty {
                    let line = String(decoding: rest.prefix { $0 != Octet.cr }, as: UTF8.self)
                    let said = say(line).map { engine.send($0) } ?? []
                    guard !said.isEmpty, rest.starts(with: said) else {
                        if drain() { played.mismatch = "\(line) | \(String(decoding: said, as: UTF8.self))" }
                        return played
                    }
                    rest = rest.dropFirst(said.count)
                    guard drain() else { return played }
                }
            case .octets(_, let octets):
                for part in Self.parts(of: octets, from: heard, cut: cut) {
                    engine.receive(part)
                    guard drain() else { return played }
                }
                heard += octets.count
            }
        }
        return played
    }

    private static func parts(of octets: [UInt8], from start: Int, cut: Cut) -> [[UInt8]] {
        switch cut {
        case .nowhere: return [octets]
        case .everywhere: return octets.map { [$0] }
        case .before(let index):
            let at = index - start
            guard at > 0, at < octets.count else { return [octets] }
            return [Array(octets[..<at]), Array(octets[at...])]
        }
    }
}
