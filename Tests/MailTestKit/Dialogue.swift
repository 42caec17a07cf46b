// Conversations as texts of `S:` and `C:` lines, and a player in which an engine takes either side, cut anywhere.

import Glibc
import Octets

/// A conversation between server and client, written as a text.
///
/// `S: ` and `C: ` lines end in CRLF on the wire; `\\`, `\r`, `\n`, `\xNN` stand for octets, `\*N;x` for N times the
/// octet x, and `\c` at the end of a line leaves its CRLF out. A line `TLS` marks the handshake. `E: ` lines have what
/// is expected of the engine, each behind the line that causes it, in words that are the test's own. `#` begins a
/// comment line. Other lines are an error.
public struct Dialogue: Sendable, CustomStringConvertible {
    public enum Side: Sendable, Hashable { case server, client }

    enum Turn: Sendable {
        case octets(Side, [UInt8])
        case tls
    }

    public let name: String
    /// The words of the `E: ` lines.
    public let expected: [String]
    /// The turns in order; consecutive lines of one side are one turn.
    let turns: [Turn]

    public var description: String { name }

    public init(_ text: String, name: String = "dialogue") {
        self.name = name
        var turns: [Turn] = []
        var expected: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: true) where !line.hasPrefix("#") {
            if line == "TLS" {
                turns.append(.tls)
                continue
            }
            let words = line.dropFirst(line.dropFirst(2).first == " " ? 3 : 2)
            if line.hasPrefix("E:") {
                expected.append(String(words))
                continue
            }
            let side: Side = line.hasPrefix("S:") ? .server : .client
            precondition(line.hasPrefix("S:") || line.hasPrefix("C:"), "\(name): neither S: nor C: in \"\(line)\"")
            let octets = Self.octets(of: words)
            if case .octets(side, let before) = turns.last {
                turns[turns.count - 1] = .octets(side, before + octets)
            } else {
                turns.append(.octets(side, octets))
            }
        }
        self.turns = turns
        self.expected = expected
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

    /// How many octets `side` sends in all.
    public func count(from side: Side) -> Int {
        turns.reduce(0) { sum, turn in
            if case .octets(side, let octets) = turn { sum + octets.count } else { sum }
        }
    }

    /// One line that a side sends, without its line end.
    public struct Line: Sendable {
        public let side: Side
        public let text: String
    }

    /// The lines of both sides in their order.
    public var lines: [Line] {
        var lines: [Line] = []
        for case .octets(let side, let octets) in turns {
            for line in octets.split(separator: Octet.lf, omittingEmptySubsequences: false).dropLast() {
                let words = line.last == Octet.cr ? line.dropLast() : line
                lines.append(Line(side: side, text: String(decoding: words, as: UTF8.self)))
            }
        }
        return lines
    }

    /// `octets` as the text of a dialogue writes them: those outside printable ASCII as escapes.
    public static func text(of octets: some Collection<UInt8>) -> String {
        var text = ""
        for octet in octets {
            switch octet {
            case 0x5C: text += "\\\\"
            case Octet.cr: text += "\\r"
            case Octet.lf: text += "\\n"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                let digits = String(octet, radix: 16, uppercase: true)
                text += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return text
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
            case 0x2A:
                let digits = String(decoding: rest.prefix { $0 != 0x3B }, as: UTF8.self)
                rest = rest.drop { $0 != 0x3B }.dropFirst()
                guard let count = Int(digits), let repeated = rest.popFirst() else {
                    preconditionFailure("\\*\(digits) is no count of an octet")
                }
                octets += [UInt8](repeating: repeated, count: count)
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

/// Where the network cuts what the peer sends.
public enum Cut: Sendable, Hashable {
    /// Each turn arrives whole.
    case nowhere
    /// One cut, before this octet of the peer's, counted from 0 over all its turns.
    case before(Int)
    /// Octet by octet.
    case everywhere
}

/// What an engine made of a dialogue.
public struct Played<Event: Equatable & Sendable>: Equatable, Sendable {
    public var events: [Event]
    /// The error that ended it; two are equal that are described alike.
    public var error: (any Error)?
    /// That error, described.
    public var failure: String? { error.map { "\($0)" } }
    /// The first line of its own that the engine sent otherwise than written, and what it sent; `nil` when there is
    /// none.
    public var mismatch: String?

    public init(events: [Event] = []) { self.events = events }

    public static func == (one: Self, other: Self) -> Bool {
        one.events == other.events && one.failure == other.failure && one.mismatch == other.mismatch
    }
}

extension Dialogue {
    /// Lets `engine` take `side`: feeds it what the peer sends, takes all events, compares what it sends with the text.
    /// - Parameters:
    ///   - say: the command that sends the next line of our own; called until the turn is complete. After a command
    ///     that sends nothing and makes the engine go on, it is called again with the same line.
    ///   - tls: called at each `TLS` line.
    ///   - merge: joins two events that only a cut has separated, such as two pieces of content; `nil` keeps them
    ///     apart.
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
                played.error = error
                return false
            }
        }
        for turn in turns {
            switch turn {
            case .tls: tls(&engine)
            case .octets(side, let octets):
                // A server has an event before it has received anything.
                guard drain() else { return played }
                var rest = octets[...]
                while !rest.isEmpty {
                    let line = String(decoding: rest.prefix { $0 != Octet.cr }, as: UTF8.self)
                    let before = played.events.count
                    let said = say(line).map { engine.send($0) } ?? []
                    guard drain() else { return played }
                    if said.isEmpty, played.events.count > before { continue }
                    guard !said.isEmpty, rest.starts(with: said) else {
                        played.mismatch = "\(line) | \(String(decoding: said, as: UTF8.self))"
                        return played
                    }
                    rest = rest.dropFirst(said.count)
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
