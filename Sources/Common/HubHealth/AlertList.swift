// Of which concerns somebody was told: once for each, as long as it lasts.

import DurableFiles
import Reporting

/// The concerns that last, in `<state>/alerts`.
public struct AlertList: KeptState {
    /// What is known of one that lasts.
    struct Episode: Sendable, Equatable {
        /// Since when, in seconds since 1970.
        var since: Int
        /// When somebody was told; 0 for never.
        var told: Int
    }

    /// By kind and subject.
    private(set) var episodes: [String: Episode] = [:]

    public init() {}

    /// Takes what is the matter now; what is not is over.
    /// - Parameters:
    ///   - patience: how long a concern lasts before somebody is told, if it has no shorter one of its own.
    ///   - now: seconds since 1970.
    /// - Returns: the concerns of which somebody is to be told now, with since when they have been.
    public mutating func review(
        _ concerns: [Concern], after patience: Duration, at now: Int
    ) -> [(concern: Concern, since: Int)] {
        var lasting: [String: Episode] = [:]
        var due: [(Concern, Int)] = []
        for concern in concerns {
            let key = Self.key(concern)
            // A time ahead is of a clock that was wrong: nobody knows since when.
            let begun = concern.since.flatMap { $0 <= now ? $0 : nil }
            var episode = episodes[key] ?? Episode(since: begun ?? now, told: 0)
            // It was well in between, or the clock was ahead.
            if begun.map({ $0 > max(episode.since, episode.told) }) ?? false || episode.told > now {
                episode = Episode(since: begun ?? now, told: 0)
            }
            if episode.since > now { episode.since = now }
            let wait = min(concern.patience ?? patience, patience)
            if episode.told == 0, now - episode.since >= Int(clamping: wait.components.seconds) {
                due.append((concern, episode.since))
            }
            lasting[key] = episode
        }
        episodes = lasting
        return due
    }

    /// Notes that somebody was told of it.
    public mutating func noteTold(_ concern: Concern, at now: Int) { episodes[Self.key(concern)]?.told = now }

    private static func key(_ concern: Concern) -> String { "\(concern.kind.rawValue) \(concern.subject)" }

    // MARK: On disk

    public static let kind = "mailhub-alerts"
    public static let sizeLimit = 1 << 20

    public var lines: [(keyword: String, value: String)] {
        episodes.sorted { $0.key < $1.key }.map { ("lasts", "\($0.value.since) \($0.value.told) \($0.key)") }
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        let words = value.split(separator: " ", maxSplits: 2)
        guard keyword == "lasts", words.count == 3, let since = JournalWord.number(words[0].utf8),
            let told = JournalWord.number(words[1].utf8)
        else { return false }
        episodes[String(words[2])] = Episode(since: since, told: told)
        return true
    }
}
