// NOTIFY: what the sender of a message wants to be notified of (RFC 3461 §4.1).

import Octets

/// The outcomes of a delivery of which the sender wants a notice.
public enum Notify: Sendable, Hashable {
    /// No NOTIFY was given: failures and delays, as ever in mail.
    case unspecified
    case never
    /// These, at least one.
    case on(Conditions)

    public struct Conditions: OptionSet, Sendable, Hashable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let success = Conditions(rawValue: 1)
        public static let failure = Conditions(rawValue: 2)
        public static let delay = Conditions(rawValue: 4)
    }

    /// Whether a notice of `condition` is wanted.
    public func wants(_ condition: Conditions) -> Bool {
        switch self {
        case .unspecified: condition != .success
        case .never: false
        case .on(let conditions): conditions.isSuperset(of: condition)
        }
    }

    /// What is wanted by this or by `other`, whose wish to hear of success is answered elsewhere.
    func joined(withoutSuccessOf other: Notify) -> Notify {
        let added = other.conditions.subtracting(.success)
        return conditions.isSuperset(of: added) ? self : .on(conditions.union(added))
    }

    private var conditions: Conditions {
        switch self {
        case .unspecified: [.failure, .delay]
        case .never: []
        case .on(let conditions): conditions
        }
    }

    private static let words: [(Conditions, StaticString)] = [
        (.success, "SUCCESS"), (.failure, "FAILURE"), (.delay, "DELAY"),
    ]

    /// notify-esmtp-value = "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )
    /// - Returns: `nil` for anything else.
    public init?(parsing value: some Collection<UInt8>) {
        if value.equalsIgnoringCase("NEVER") {
            self = .never
            return
        }
        var conditions: Conditions = []
        for word in value.split(separator: 0x2C, omittingEmptySubsequences: false) {
            guard let (condition, _) = Self.words.first(where: { word.equalsIgnoringCase($0.1) }) else { return nil }
            conditions.insert(condition)
        }
        self = .on(conditions)
    }

    /// The value as it stands in RCPT; `nil` where the parameter is left out.
    public var value: String? {
        switch self {
        case .unspecified: nil
        case .never: "NEVER"
        case .on(let conditions):
            Self.words.filter { conditions.contains($0.0) }.map { "\($0.1)" }.joined(separator: ",")
        }
    }
}
