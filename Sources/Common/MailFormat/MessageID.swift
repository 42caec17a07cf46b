// Message identifiers (RFC 5322 §3.6.4) that tell nothing but the host's name and the second.

import Octets

/// Makes values for Message-ID and Resent-Message-ID.
public enum MessageIDMaker {
    /// `<seconds.random@hostname>`, 100 random bits: no process number, user or address in it.
    /// - Parameter hostname: a name checked by the rc; what is no domain becomes `localhost`.
    public static func make(hostname: String, seconds: Int) -> String {
        make(hostname: hostname, seconds: seconds, unique: unique())
    }

    static func make(hostname: String, seconds: Int, unique: String) -> String {
        let host = Address.isDomain(Array(hostname.utf8)) ? hostname : "localhost"
        return "<\(String(max(0, seconds), radix: 36)).\(unique)@\(host)>"
    }

    /// 20 characters of 32 each.
    private static func unique() -> String {
        let alphabet = [UInt8]("abcdefghijkmnpqrstuvwxyz23456789")
        var random = SystemRandomNumberGenerator()
        return String(decoding: (0..<20).map { _ in alphabet[Int(random.next(upperBound: UInt(32)))] }, as: UTF8.self)
    }
}
