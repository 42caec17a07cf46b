// Times and sizes as people write them: `1d12h`, `10m`.

extension HubSettings {
    /// The seconds of a time as the rc says it: `1d12h`; `nil` for what is none.
    public static func seconds(_ text: String) -> Int? { Quantity.seconds(text) }

    /// A time as the rc says it.
    public static func text(seconds: Int) -> String { Quantity.text(seconds: seconds) }

    /// A size as the rc says it: `50m`.
    public static func text(octets: Int) -> String { Quantity.text(octets: octets) }
}

/// Reading and writing of durations in seconds and sizes in octets.
enum Quantity {
    private static let timeUnits: [(letter: UInt8, seconds: Int)] = [
        (0x77, 604_800), (0x64, 86_400), (0x68, 3600), (0x6D, 60), (0x73, 1),
    ]
    private static let sizeUnits: [(letter: UInt8, shift: Int)] = [(0x67, 30), (0x6D, 20), (0x6B, 10)]
    /// The most digits of one number: no bound of the rc comes near.
    private static let digits = 10

    /// duration = 1*DIGIT / 1*(1*DIGIT ("w" / "d" / "h" / "m" / "s")), each unit once, in this order.
    static func seconds(_ text: String) -> Int? {
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { return nil }
        var total = 0
        var next = 0
        while !rest.isEmpty {
            guard let number = number(&rest) else { return nil }
            guard let letter = rest.popFirst() else { return next == 0 ? number : nil }
            guard let unit = timeUnits[next...].firstIndex(where: { $0.letter == letter | 0x20 }) else { return nil }
            let (part, overflow) = number.multipliedReportingOverflow(by: timeUnits[unit].seconds)
            let (sum, carry) = total.addingReportingOverflow(part)
            guard !overflow, !carry else { return nil }
            total = sum
            next = unit + 1
        }
        return total
    }

    /// size = 1*DIGIT [ "k" / "m" / "g" ], in steps of 1024
    static func octets(_ text: String) -> Int? {
        var rest = Array(text.utf8)[...]
        guard let number = number(&rest) else { return nil }
        guard let letter = rest.popFirst() else { return number }
        guard rest.isEmpty, let unit = sizeUnits.first(where: { $0.letter == letter | 0x20 }) else { return nil }
        let (octets, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        return overflow ? nil : octets
    }

    private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty, digits.count <= Self.digits else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    static func text(seconds: Int) -> String {
        guard seconds > 0 else { return "0" }
        var left = seconds
        var text = ""
        for unit in timeUnits.dropFirst() where left >= unit.seconds {
            text += "\(left / unit.seconds)\(Character(Unicode.Scalar(unit.letter)))"
            left %= unit.seconds
        }
        return text
    }

    /// A bound as people say it: `1 day`, `10 years`.
    static func words(seconds: Int) -> String {
        let units = [(31_536_000, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]
        for (length, name) in units where seconds >= length && seconds % length == 0 {
            return seconds == length ? "1 \(name)" : "\(seconds / length) \(name)s"
        }
        return text(seconds: seconds)
    }

    /// `10,000`
    static func grouped(_ number: Int) -> String {
        var groups: [String] = []
        var rest = number
        while rest >= 1000 {
            let group = "\(rest % 1000)"
            groups.insert(String(repeating: "0", count: 3 - group.utf8.count) + group, at: 0)
            rest /= 1000
        }
        return (["\(rest)"] + groups).joined(separator: ",")
    }

    static func text(_ duration: Duration) -> String { text(seconds: Int(duration.components.seconds)) }

    static func text(octets: Int) -> String {
        for unit in sizeUnits where octets > 0 && octets % (1 << unit.shift) == 0 {
            return "\(octets >> unit.shift)\(Character(Unicode.Scalar(unit.letter)))"
        }
        return "\(octets)"
    }
}
