// Message identifiers (RFC 5322 §3.6.4) that tell nothing but the author's domain and the second.

import Octets

/// Makes values for Message-ID and Resent-Message-ID.
public enum MessageIDMaker {
    /// `<seconds.random@domain>`, with 100 random bits: no process number, user or machine in it.
    /// - Parameters:
    ///   - domain: the author's; what is no domain becomes `localhost`.
    ///   - seconds: since 1970; written in base 36.
    public static func make(domain: String?, seconds: Int) -> String {
        make(domain: domain, seconds: seconds, unique: unique())
    }

    static func make(domain: String?, seconds: Int, unique: String) -> String {
        let domain = domain.flatMap { Address.isDomain(Array($0.utf8)) ? $0 : nil } ?? "localhost"
        return "<\(String(max(0, seconds), radix: 36)).\(unique)@\(domain)>"
    }

    /// 20 characters of 5 bits each.
    private static func unique() -> String {
        let alphabet = [UInt8]("abcdefghijkmnpqrstuvwxyz23456789")
        var random = SystemRandomNumberGenerator()
        return String(decoding: (0..<20).map { _ in alphabet[Int(random.next(upperBound: UInt(32)))] }, as: UTF8.self)
    }
}
