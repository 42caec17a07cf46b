// What became of a message at one hop: the one place that tells permanent from temporary, and whose fault it is.

/// A verdict on a message for some of its recipients, whoever gave it: a server, a disk, a program, a rule of ours.
public struct Verdict: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case delivered(Handover)
        /// Not now: counts as a try.
        case temporary
        /// Never: a failure notice is owed, unless the sender wants none.
        case permanent
        /// A rule keeps it from leaving, of the rc or of a provider that accepts no such sender: counts as a try, and
        /// the sender is told at once.
        case heldByRule
        /// The hop is to blame, its login, its set-up or the way to it: does not count as a try, and nothing bounces
        /// for it.
        case faultOfHop
    }

    /// In whose hands a delivered message is, and so who owes the sender a notice of success (RFC 3461 §5.2).
    public enum Handover: Sendable, Hashable {
        /// In a mailbox of this hub.
        case copied(CopyPlace)
        /// At a server that supports DSN: the notice is its business.
        case passedOn
        /// At a server that does not: we owe the notice "relayed".
        case relayed
    }

    /// The most octets kept of a host's name and of an answer.
    public static let remoteLimit = 255
    public static let textLimit = 500

    public let kind: Kind
    public let status: EnhancedStatus
    /// The host that said it, if one did.
    public let remote: String?
    /// Its reply, such as `550 5.1.1 no such user`, or a text of ours; one line.
    public let text: String
    /// Whether `text` is the reply of a server, so that a notice may call it `smtp;`.
    public let isSMTP: Bool

    /// - Parameters:
    ///   - remote: the host that said it; bounded and made one line, as is `text`.
    public init(_ kind: Kind, _ status: EnhancedStatus, from remote: String? = nil, text: String, isSMTP: Bool = false)
    {
        self.kind = kind
        self.status = status
        self.remote = remote.map { EnvelopeText(cleaning: $0, limit: Self.remoteLimit).description }
        self.text = EnvelopeText(cleaning: text, limit: Self.textLimit).description
        self.isSMTP = isSMTP
    }

    public static func delivered(
        _ handover: Handover, _ status: EnhancedStatus = .success(0, 0), from remote: String? = nil, text: String
    ) -> Verdict {
        Verdict(.delivered(handover), status, from: remote, text: text)
    }

    public static func temporary(_ subject: Int, _ detail: Int, from remote: String? = nil, text: String) -> Verdict {
        Verdict(.temporary, .transient(subject, detail), from: remote, text: text)
    }

    public static func permanent(_ subject: Int, _ detail: Int, from remote: String? = nil, text: String) -> Verdict {
        Verdict(.permanent, .permanent(subject, detail), from: remote, text: text)
    }

    public static func heldByRule(_ subject: Int, _ detail: Int, from remote: String? = nil, text: String) -> Verdict {
        Verdict(.heldByRule, .transient(subject, detail), from: remote, text: text)
    }

    public static func faultOfHop(_ subject: Int, _ detail: Int, from remote: String? = nil, text: String) -> Verdict {
        Verdict(.faultOfHop, .transient(subject, detail), from: remote, text: text)
    }

    /// Whether nothing remains to be tried.
    public var isFinal: Bool {
        switch kind {
        case .delivered, .permanent: true
        case .temporary, .heldByRule, .faultOfHop: false
        }
    }

    /// Whether it counts as a try.
    public var countsAsTry: Bool { kind != .faultOfHop }

    /// The same made permanent: for a message that is to come back instead of waiting.
    public func ended() -> Verdict { Verdict(.permanent, status, from: remote, text: text, isSMTP: isSMTP) }

    /// The same as a refusal for now, which counts as a try.
    public func counted() -> Verdict { Verdict(.temporary, status, from: remote, text: text, isSMTP: isSMTP) }

    /// The verdict on what is given up after `tries` tries (RFC 3463 §3.5, X.4.7: delivery time expired).
    public func givenUp(afterTries tries: Int) -> Verdict {
        Verdict(.permanent, .transient(4, 7), from: remote, text: "gave up after \(tries) tries: \(text)")
    }

    /// What it says, and who said it: `mx.example.org: 550 5.1.1 no such user`.
    public var description: String { remote.map { "\($0): \(text)" } ?? text }
}

extension Verdict: CustomStringConvertible {}
