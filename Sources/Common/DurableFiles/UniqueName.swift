// File names that nobody else makes (Maildir's rules).

/// Names of the shape `<sec>.<20 random>.hub`.
public enum UniqueName {
    /// What stands where others write the host's name: names and ids leave the hub in Received, Message-ID and notices,
    /// and must tell nothing of this machine.
    public static let tail = "hub"

    /// A new name: 100 random bits make it unique whatever the clock says.
    /// - Parameter seconds: the time that leads the name, in seconds since 1970.
    public static func make(seconds: Int) -> String {
        "\(max(0, seconds)).\(random()).\(tail)"
    }

    /// Whether `name` is of the shape that ``make(seconds:)`` gives.
    public static func isOne(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count == 3 && (1...12).contains(parts[0].count)
            && parts[0].allSatisfy { (0x30...0x39).contains($0) }
            && parts[1].count == 20
            && parts[1].allSatisfy { (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) }
            && parts[2].elementsEqual(tail.utf8)
    }

    /// Twenty letters and digits of base 32, lower-case.
    public static func random() -> String {
        let digits = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var generator = SystemRandomNumberGenerator()
        var text: [UInt8] = []
        for _ in 0..<2 {
            var bits = generator.next()
            for _ in 0..<10 {
                text.append(digits[Int(bits & 31)])
                bits >>= 5
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
