// File names that nobody else makes (Maildir's rules), and the host's name in a form fit for them.

import Glibc

/// Names of the shape `<sec>.<20 random>.<host>`.
public enum UniqueName {
    /// The host's name with everything but letters, digits, `.` and `-` replaced by `_`; at most 64 octets.
    /// Never holds `/`, `,` or `:`, which have a meaning in names of mail files.
    public static let host = sanitized(hostName())

    /// A new name: 100 random bits make it unique whatever the clock says.
    /// - Parameter seconds: the time that leads the name, in seconds since 1970.
    public static func make(seconds: Int, host: String = host) -> String {
        "\(max(0, seconds)).\(random()).\(host)"
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

    static func sanitized(_ name: some Sequence<UInt8>) -> String {
        let clean = name.prefix(64).map { octet -> UInt8 in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: octet
            default: 0x5F
            }
        }
        return clean.isEmpty ? "localhost" : String(decoding: clean, as: UTF8.self)
    }

    private static func hostName() -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return [] }
        return buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
}
