// The code in brackets behind -ERR (RFC 2449 §8, RFC 3206, RFC 6856 §2.1).

import Octets

/// Why a POP3 server refuses, in a form that programs can read.
public enum POP3ResponseCode: Hashable, Sendable {
    /// Another session holds the maildrop (RFC 2449 §8.1.2).
    case inUse
    /// Logins come too often (RFC 2449 §8.1.1).
    case loginDelay
    /// The credentials are wrong (RFC 3206 §5).
    case auth
    /// A problem of the server's that will pass (RFC 3206 §4).
    case sysTemp
    /// A problem of the server's that a person must fix (RFC 3206 §4).
    case sysPerm
    /// The name or the message needs the UTF8 command first (RFC 6856 §2.1).
    case utf8
    /// Any other, as it came, without its brackets.
    case other([UInt8])

    /// The code as it stands between the brackets.
    public var octets: [UInt8] {
        switch self {
        case .inUse: [UInt8]("IN-USE")
        case .loginDelay: [UInt8]("LOGIN-DELAY")
        case .auth: [UInt8]("AUTH")
        case .sysTemp: [UInt8]("SYS/TEMP")
        case .sysPerm: [UInt8]("SYS/PERM")
        case .utf8: [UInt8]("UTF8")
        case .other(let octets): octets
        }
    }

    init(_ octets: ArraySlice<UInt8>) {
        let known: [POP3ResponseCode] = [.inUse, .loginDelay, .auth, .sysTemp, .sysPerm, .utf8]
        let upper = octets.map(Octet.uppercased)
        self = known.first { $0.octets == upper } ?? .other(Array(octets))
    }

    /// `"[" resp-level *("/" resp-level) "]"` at the start of `text` (RFC 2449 §3), and the text behind it.
    static func split(_ text: ArraySlice<UInt8>) -> (code: POP3ResponseCode?, text: [UInt8]) {
        guard text.first == 0x5B, let end = text.firstIndex(of: 0x5D), end > text.startIndex + 1 else {
            return (nil, Array(text))
        }
        let code = text[(text.startIndex + 1)..<end]
        guard code.allSatisfy({ $0 > Octet.space && $0 < 0x7F }) else { return (nil, Array(text)) }
        return (POP3ResponseCode(code), Array(text[(end + 1)...].drop { $0 == Octet.space }))
    }
}
