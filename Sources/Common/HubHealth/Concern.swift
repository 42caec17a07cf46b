// What is not well with a hub, as `--status`, a page or a meter tells it.

import Reporting

/// Something that a person should know of, and that lasts.
public struct Concern: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Nothing is fetched from an account, or not all.
        case fetching
        /// What was fetched from an account waits for the places it goes to.
        case delivery
        /// A login is refused.
        case login
        /// A certificate of ours is near its end.
        case certificate
        /// There is less free space than is to stay free.
        case disk
        /// Mail waits in the queue for long.
        case queue
    }

    public let kind: Kind
    /// What it is about: an account, a path.
    public let subject: String
    /// The mailbox whose owner should know; `nil` for the postmaster.
    public let mailbox: String?
    /// Since when, in seconds since 1970; `nil` where nobody knows.
    public let since: Int?
    /// How long it lasts at most before somebody is told, where the rc would wait longer.
    public let patience: Duration?
    /// What is the matter, and what to do; may hold foreign text.
    public let words: String

    public init(
        _ kind: Kind, of subject: String, for mailbox: String? = nil, since: Int?, within patience: Duration? = nil,
        _ words: String
    ) {
        (self.kind, self.subject, self.mailbox, self.since) = (kind, subject, mailbox, since)
        (self.patience, self.words) = (patience, words)
    }

    /// What the matter is, in a few words; may hold foreign text.
    public var title: String {
        switch kind {
        case .fetching: "account \(subject): mail is not fetched"
        case .delivery: "account \(subject): fetched mail waits"
        case .login: "account \(subject): the login is refused"
        case .certificate: "the certificate \(subject)"
        case .disk: "the disk of \(subject)"
        case .queue: "the queue"
        }
    }

    public var json: JSON {
        [
            "kind": .text(kind.rawValue), "subject": .text(subject), "since": JSON(since), "words": .text(words),
        ]
    }
}
