// Enhanced mail system status codes (RFC 3463), such as 5.1.1.

import Octets

/// `class.subject.detail` of RFC 3463 §2.
public struct EnhancedStatus: Sendable, Hashable, CustomStringConvertible {
    /// The first number of a status code: what became of the message.
    public enum Class: Int, Sendable, Hashable {
        case success = 2
        case transient = 4
        case permanent = 5
    }

    public let `class`: Class
    /// 0 to 999: what the status is about, such as 1 for addresses, 7 for policy.
    public let subject: Int
    /// 0 to 999.
    public let detail: Int

    /// Numbers beyond 0 to 999 are cut to that range.
    public init(_ class: Class, _ subject: Int, _ detail: Int) {
        self.class = `class`
        self.subject = min(max(subject, 0), 999)
        self.detail = min(max(detail, 0), 999)
    }

    public static func success(_ subject: Int, _ detail: Int) -> EnhancedStatus { .init(.success, subject, detail) }
    public static func transient(_ subject: Int, _ detail: Int) -> EnhancedStatus { .init(.transient, subject, detail) }
    public static func permanent(_ subject: Int, _ detail: Int) -> EnhancedStatus { .init(.permanent, subject, detail) }

    /// status-code = class "." subject "." detail; subject = detail = 1*3digit
    ///
    /// - Returns: `nil` when `octets` are anything else.
    public init?(parsing octets: some Collection<UInt8>) {
        var numbers: [Int] = []
        for part in octets.split(separator: Octet.dot, maxSplits: 3, omittingEmptySubsequences: false) {
            guard (1...3).contains(part.count), part.allSatisfy(Octet.isDigit) else { return nil }
            numbers.append(part.reduce(0) { $0 * 10 + Int($1 - 0x30) })
        }
        guard numbers.count == 3, let `class` = Class(rawValue: numbers[0]), octets.first != 0x30 else { return nil }
        self.init(`class`, numbers[1], numbers[2])
    }

    /// The same subject and detail in the class that belongs to the reply `code`; `nil` when there is none, as for 354.
    public func matching(_ code: Int) -> EnhancedStatus? {
        Class(rawValue: code / 100).map { EnhancedStatus($0, subject, detail) }
    }

    public var description: String { "\(`class`.rawValue).\(subject).\(detail)" }
}
