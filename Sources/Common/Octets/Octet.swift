// The octets of ASCII that grammars name.

/// Octets that protocols name often.
public enum Octet {
    public static let nul: UInt8 = 0x00
    public static let tab: UInt8 = 0x09
    public static let lf: UInt8 = 0x0A
    public static let cr: UInt8 = 0x0D
    public static let space: UInt8 = 0x20
    public static let comma: UInt8 = 0x2C
    public static let dot: UInt8 = 0x2E
    public static let colon: UInt8 = 0x3A
    public static let greaterThan: UInt8 = 0x3E

    /// ASCII lower case of `octet`; every other octet as it is.
    @inline(__always)
    public static func lowercased(_ octet: UInt8) -> UInt8 {
        octet >= 0x41 && octet <= 0x5A ? octet | 0x20 : octet
    }

    /// ASCII upper case of `octet`; every other octet as it is.
    @inline(__always)
    public static func uppercased(_ octet: UInt8) -> UInt8 {
        octet >= 0x61 && octet <= 0x7A ? octet & 0xDF : octet
    }

    /// Whether `octet` is an ASCII digit.
    @inline(__always)
    public static func isDigit(_ octet: UInt8) -> Bool { octet >= 0x30 && octet <= 0x39 }

    /// Whether `octet` is an ASCII letter.
    @inline(__always)
    public static func isLetter(_ octet: UInt8) -> Bool { (0x61...0x7A).contains(lowercased(octet)) }

    /// Whether `octet` is an ASCII letter or digit.
    @inline(__always)
    public static func isAlphanumeric(_ octet: UInt8) -> Bool { isLetter(octet) || isDigit(octet) }
}
