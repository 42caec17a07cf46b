// What was said in secret and must not be shown when the other end repeats it: some servers put the line that they refuse
// into their refusal.

import Octets

/// The secrets of a session, for masking.
struct SecretMask {
    static let mark = Array("[secret]".utf8)
    /// Shorter ones are in every other sentence.
    private static let least = 4
    /// The most secrets that are kept: those of a few logins.
    private static let most = 64

    /// The longest first, so that none is masked by a part of it.
    private var secrets: [[UInt8]] = []

    /// Keeps `octets`, what they are in base64, and the parts that SASL mechanisms put together.
    mutating func add(_ octets: some Collection<UInt8>) {
        let said = Array(
            octets.drop { $0 == Octet.space || $0 == 0x22 }.reversed().drop { !Self.isContent($0) }.reversed())
        var forms = [said]
        if let plain = Base64.decode(said) {
            // authzid NUL authcid NUL password; user, auth and token by 0x01. What is no secret of them is the user.
            let parts = plain.split { $0 == 0 || $0 == 1 }
            forms.append(Array(plain))
            if let last = parts.last { forms.append(Array(last)) }
            for part in parts {
                if let word = part.split(separator: Octet.space).dropFirst().last { forms.append(Array(word)) }
            }
        }
        forms += forms.map(Base64.encode)
        for form in forms where form.count >= Self.least && secrets.count < Self.most && !secrets.contains(form) {
            secrets.append(form)
        }
        secrets.sort { $0.count > $1.count }
    }

    private static func isContent(_ octet: UInt8) -> Bool {
        octet > Octet.space && octet != 0x22
    }

    /// `words` with a mark for each secret in them.
    func masked(_ words: [UInt8]) -> [UInt8] {
        secrets.reduce(words) { Self.replacing($1, in: $0) }
    }

    private static func replacing(_ secret: [UInt8], in words: [UInt8]) -> [UInt8] {
        guard words.count >= secret.count else { return words }
        var result: [UInt8] = []
        var at = 0
        while at < words.count {
            if words[at] == secret[0], words[at...].starts(with: secret) {
                result += mark
                at += secret.count
            } else {
                result.append(words[at])
                at += 1
            }
        }
        return result
    }
}

extension Wire {
    /// `words` of the other end, without what we have said in secret.
    public func masked(_ words: [UInt8]) -> [UInt8] { mask.masked(words) }
}
