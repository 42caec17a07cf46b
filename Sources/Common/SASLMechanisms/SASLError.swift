// What can go wrong in a SASL exchange.

import Digests
import Octets

/// Why an exchange ended without a login to verify. None of the texts holds a secret.
public enum SASLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A response of more octets than ``SASL/responseLimit``.
    case tooLong(limit: Int)
    /// A response that the mechanism's grammar does not allow.
    case malformed(SASLMechanism)
    /// A login that is empty, too long, no UTF-8, or holds control characters.
    case badLogin
    /// A password that is empty, too long, or holds NUL.
    case badPassword
    /// An access token that is empty, too long, or has octets that none has (RFC 6750 §2.1).
    case badToken
    /// The client logs in as one user and wants to act as another (RFC 4616 §2, authzid).
    case otherIdentity
    /// The server asks for more than the mechanism has.
    case unexpectedChallenge(String)
    /// A challenge that the mechanism does not allow, or that is not worth the answer.
    case badChallenge(String, reason: String)
    /// OpenSSL cannot make the digest that the mechanism demands.
    case noDigest(DigestError)
    /// The server has not proved that it knows the password, as the mechanism demands.
    case serverUnproven(String)
    /// A response outside an exchange.
    case notStarted

    public var description: String {
        switch self {
        case .tooLong(let limit): "a response of more than \(limit) octets"
        case .malformed(let mechanism): "a malformed \(mechanism) response"
        case .badLogin: "a login that is empty, too long, not UTF-8, or holds control characters"
        case .badPassword: "a password that is empty, too long, or holds a NUL"
        case .badToken: "an access token that is empty, too long, or has other characters than a token"
        case .otherIdentity: "acting for another login is not allowed"
        case .unexpectedChallenge(let mechanism): "the server asked for more than \(mechanism) has to say"
        case .badChallenge(let mechanism, let reason): "a challenge of \(mechanism) with \(reason)"
        case .noDigest(let error): "\(error)"
        case .serverUnproven(let mechanism): "the server did not prove by \(mechanism) that it knows the password"
        case .notStarted: "a response outside an authentication exchange"
        }
    }
}

/// Limits and wire forms that client and server share.
public enum SASL {
    /// Octets of a response: what is left of the 12,288 of RFC 4954 §4 when their base64 is decoded.
    public static let responseLimit = 9_216
    /// Octets of a login: an address fits (RFC 5321 §4.5.3.1: 64 + 1 + 255).
    public static let loginLimit = 320
    /// Octets of a password; RFC 4616 §2 asks for 255 at least.
    public static let passwordLimit = 1024

    /// Whether `octets` can be a login: UTF-8 without control characters, neither empty nor too long.
    static func isLogin(_ octets: some Collection<UInt8>) -> Bool {
        guard !octets.isEmpty, octets.count <= loginLimit, octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            let text = String(validating: octets, as: UTF8.self)
        else { return false }
        // C1 controls, U+2028 and U+2029 end lines in some readers of a log.
        return !text.unicodeScalars.contains {
            (0x80...0x9F).contains($0.value) || (0x2028...0x2029).contains($0.value)
        }
    }

    /// `login` as a saslname of a GS2 header (RFC 5801 §4).
    static func saslName(_ login: [UInt8]) -> [UInt8] {
        login.flatMap { octet -> [UInt8] in
            switch octet {
            case Octet.comma: Array("=2C".utf8)
            case UInt8(ascii: "="): Array("=3D".utf8)
            default: [octet]
            }
        }
    }

    /// Whether `octets` can be a password. No Unicode preparation: octets are compared as they are.
    static func isPassword(_ octets: some Collection<UInt8>) -> Bool {
        !octets.isEmpty && octets.count <= passwordLimit && !octets.contains(0)
    }
}
