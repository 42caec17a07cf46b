// What programs read from us: JSON on one line.

/// Just enough JSON to write (RFC 8259). Whatever a text holds, what is written is one value on one line, harmless on a
/// terminal.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    case number(Int)
    case text(String)
    case list([JSON])
    /// Members in the order in which they are written.
    case object([(name: String, value: JSON)])

    /// A number, `null` for none.
    public init(_ number: Int?) { self = number.map { .number($0) } ?? .null }

    /// A text, `null` for none.
    public init(_ text: String?) { self = text.map { .text($0) } ?? .null }

    /// An object with further members behind its own.
    public func with(_ members: [(name: String, value: JSON)]) -> JSON {
        guard case .object(let own) = self else { return self }
        return .object(own + members)
    }

    public var written: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// The version of what is written: members are only added to it.
    private static let version = 1

    /// The value as a line of its own, for output that is read line by line. An object begins with its version.
    public var line: String {
        guard case .object(let members) = self else { return written + "\n" }
        return JSON.object([("v", .number(Self.version))] + members).written + "\n"
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let value): text += "\(value)"
        case .text(let value): Self.quote(value, to: &text)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.quote(member.name, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        defer { text += "\"" }
        if value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) {
            text += value
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                text += "\\"
                text.unicodeScalars.append(scalar)
            case " "..."~": text.unicodeScalars.append(scalar)
            case _ where isUnprintable(scalar):
                // RFC 8259 §7: above the basic plane a pair of surrogates.
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { (name: $0.0, value: $0.1) })
    }
}
