// Access tokens that a Dovecot of a test takes: signed with a key that it has, so that nobody need be asked.

import Digests
import Octets

/// A JSON Web Token (RFC 7519), signed with HMAC and SHA-256, and the Dovecot that knows the key.
public struct AccessToken {
    private static let key = Array("a key of this test and of nobody else".utf8)

    /// The token as it stands in a login.
    public let text: String

    /// - Parameters:
    ///   - user: whose mail it opens.
    ///   - padding: octets that make it as long as those of large providers.
    public init(for user: String, isExpired: Bool = false, padding: Int = 0) throws {
        func part(_ text: String) -> String {
            let base64 = String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self)
            return base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let end = isExpired ? 1_600_000_000 : 4_000_000_000
        let filling = String(repeating: "x", count: padding)
        let claims = #"{"sub":"\#(user)","iat":1500000000,"exp":\#(end),"filling":"\#(filling)"}"#
        let signed = part(#"{"alg":"HS256","typ":"JWT"}"#) + "." + part(claims)
        let signature = try DigestAlgorithm.sha256.hmac(of: Array(signed.utf8), under: Self.key)
        let base64 = String(decoding: Base64.encode(signature), as: UTF8.self)
        text =
            signed + "."
            + base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Lines of dovecot.conf for a Dovecot that takes such tokens.
    /// - Parameter scratch: for its files; it must outlive the Dovecot.
    public static func settings(in scratch: ScratchDirectory, mechanisms: String) -> String {
        scratch.letOthersEnter()
        let folders = ["keys", "keys/default", "keys/default/HS256"]
        for folder in folders { scratch.makeFolder(folder, mode: 0o755) }
        scratch.write(Base64.encode(key), to: "keys/default/HS256/default", mode: 0o644)
        let configuration = scratch.write(
            """
            introspection_mode = local
            local_validation_key_dict = fs:posix:prefix=\(scratch.file("keys"))/
            username_attribute = sub

            """, to: "oauth2.conf", mode: 0o644)
        return """
            auth_mechanisms = \(mechanisms)
            passdb {
              driver = oauth2
              mechanisms = oauthbearer xoauth2
              args = \(configuration)
            }
            """
    }
}
