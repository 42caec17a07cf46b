// What a POP3 server says it can do (CAPA, RFC 2449 §5-6).

import Octets

/// The answer to CAPA. Names and parameters are in upper case.
public struct POP3Capabilities: Hashable, Sendable {
    /// Each capability with its parameters, in the server's order.
    public private(set) var lines: [[String]] = []

    public init() {}

    /// Whether `name` was listed.
    public func has(_ name: String) -> Bool { lines.contains { $0.first == name } }

    /// The mechanisms behind `SASL` (RFC 5034 §3).
    public var mechanisms: [String] { parameters(of: "SASL") }

    /// The parameters of `name`; empty when it has none or was not listed.
    public func parameters(of name: String) -> [String] {
        lines.first { $0.first == name }.map { Array($0.dropFirst()) } ?? []
    }

    /// Takes one line of the answer; words that are not printable ASCII are left out.
    mutating func add(_ line: [UInt8]) {
        let words = line.split(separator: Octet.space)
            .filter { $0.allSatisfy { $0 > Octet.space && $0 < 0x7F } }
            .map { String(decoding: $0.map(Octet.uppercased), as: UTF8.self) }
        if !words.isEmpty { lines.append(words) }
    }
}
