// SHA-256 for names too long or too strange to be a UIDL.

internal import COpenSSL
import Octets

enum MessageDigest {
    /// The SHA-256 of `octets` in base64url without padding (RFC 4648 §5): 43 characters.
    static func sha256(_ octets: [UInt8]) throws(MaildirError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        ERR_clear_error()
        let made = unsafe EVP_Digest(octets, octets.count, &digest, &length, EVP_sha256(), nil)
        guard made == 1, length == 32 else { throw .noDigest }
        return Base64.encode(digest).compactMap { octet in
            switch octet {
            case 0x2B: 0x2D
            case 0x2F: 0x5F
            case 0x3D: nil
            default: octet
            }
        }
    }
}
