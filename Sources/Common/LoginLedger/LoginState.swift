// What is known of one login at one server: how often it was refused, when it may be tried again, what it went by.

import DurableFiles
import Reporting

/// The state of one login, `<state>/login/<host>-<login>`. Times are in seconds since 1970.
public struct LoginState: KeptState, Hashable {
    /// Refusals in a row, with what the rc and its files gave then; 0 when the last login was accepted.
    public internal(set) var refusals = 0
    /// When the login was first refused since it was last accepted.
    public internal(set) var since = 0
    public internal(set) var last = 0
    /// Not before this time may it be tried again.
    public internal(set) var next = 0
    /// The server's words at the last refusal; foreign text.
    public internal(set) var words = ""
    /// How the rc and the files of the secret looked when the login was refused; see `LoginRecords.stamp`.
    var stamp = ""
    /// The strongest mechanism by which the login was ever accepted.
    public internal(set) var strongest: String?
    /// A weaker one of which a person was told.
    var toldOf: String?

    public init() {}

    /// Whether the login was refused when it was last tried.
    public var isRefused: Bool { since > 0 }

    /// Whether it was refused so often that it is left alone for a while.
    public var isLeftAlone: Bool { isRefused && refusals > Self.freeTries }

    /// Refusals that are followed by a new try at once: it may have been a slip, of ours or of the server's.
    static let freeTries = 2
    /// The pauses after those, in seconds; the last one is kept to. A server counts, and locks an account for good.
    static let pauses = [15 * 60, 3600, 4 * 3600, 86_400]

    /// When the login may be tried; `nil` for now.
    /// - Parameter stamp: what the rc and its files look like now: a change means that somebody has mended something.
    func pause(at now: Int, stamp: String) -> Int? {
        guard isRefused, stamp == self.stamp else { return nil }
        let longest = Self.pauses[Self.pauses.count - 1]
        return ClockSanity.hasCome(next, now: now, longestWait: longest) ? nil : next
    }

    /// - Parameters:
    ///   - stamp: when the login was begun: one that has changed since the last refusal begins the count anew.
    ///   - after: when it was refused; `nil` for the same.
    mutating func noteRefusal(_ words: String, stamp: String, leaving after: String? = nil, at now: Int) {
        if since == 0 || since > now { since = now }
        refusals = stamp == self.stamp ? refusals + 1 : 1
        let behind = refusals - Self.freeTries - 1
        next = now + (behind < 0 ? 0 : Self.pauses[min(behind, Self.pauses.count - 1)])
        (self.stamp, self.words, last) = (after ?? stamp, words, now)
    }

    mutating func noteAcceptance() {
        (refusals, since, last, next, words, stamp) = (0, 0, 0, 0, "", "")
    }

    /// For programs; `null` for a login that is not refused.
    public var json: JSON {
        guard isRefused else { return .null }
        return [
            "refused": .number(refusals), "since": .number(since), "last": .number(last), "next": .number(next),
            "words": .text(words),
        ]
    }

    // MARK: On disk

    public static let kind = "mailhub-login"

    public var lines: [(keyword: String, value: String)] {
        let numbers = [("refused", refusals), ("since", since), ("last", last), ("next", next)]
        let texts = [("words", words), ("stamp", stamp), ("strongest", strongest ?? ""), ("told", toldOf ?? "")]
        return numbers.filter { $0.1 > 0 }.map { ($0.0, "\($0.1)") } + texts.filter { !$0.1.isEmpty }
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        switch keyword {
        case "words": words = value
        case "stamp": stamp = value
        case "strongest": strongest = value
        case "told": toldOf = value
        default:
            guard let number = JournalWord.number(value.utf8) else { return false }
            switch keyword {
            case "refused": refusals = number
            case "since": since = number
            case "last": last = number
            case "next": next = number
            default: return false
            }
        }
        return true
    }
}
