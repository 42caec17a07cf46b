// What `--status` tells of fetched mail that waits for its places.

import FetchSpool
import Reporting

/// How much waits in the spool of an account, and what for.
struct SpoolStatus {
    /// What keeps messages here: a place that is down, or a target that refuses one for now.
    struct Obstacle {
        let name: String
        /// Messages that it keeps.
        var messages = 0
        /// In seconds since 1970.
        var since: Int
        var next: Int
        let words: String
    }

    /// Obstacles that are told.
    private static let toldLimit = 10

    let waiting: Int
    let obstacles: [Obstacle]

    /// - Parameter account: its name.
    /// - Throws: `SpoolError` when the spool cannot be read or relied on.
    static func read(_ account: String, in stateDirectory: String) throws(SpoolError) -> SpoolStatus {
        guard let (state, messages) = try FetchSpool.look(at: account, in: stateDirectory) else {
            return SpoolStatus(waiting: 0, obstacles: [])
        }
        guard !messages.isEmpty else { return SpoolStatus(waiting: 0, obstacles: []) }
        let places = state.faults.map { place, fault in
            Obstacle(
                name: place, messages: messages.count { !state.messages[$0.unique, default: [:]].isDone(at: place) },
                since: fault.since, next: fault.next, words: fault.words)
        }
        var targets: [[String]: Obstacle] = [:]
        for message in messages {
            for (target, progress) in state.messages[message.unique] ?? [:] where !progress.isDone {
                // It is being offered one, or the run died with it.
                let isOffered = progress.deaths > 0
                guard isOffered || progress.tries > 0 else { continue }
                let words = isOffered ? "it has not yet said whether it takes the message" : progress.words
                let since = progress.tries > 0 ? progress.since : progress.begun
                var obstacle =
                    targets[[target, words]]
                    ?? Obstacle(name: target, since: since, next: progress.next, words: words)
                obstacle.messages += 1
                obstacle.since = min(obstacle.since, since)
                obstacle.next = min(obstacle.next, progress.next)
                targets[[target, words]] = obstacle
            }
        }
        let all = (places + targets.values).sorted { ($0.since, $0.name) < ($1.since, $1.name) }
        return SpoolStatus(waiting: messages.count, obstacles: Array(all.prefix(toldLimit)))
    }

    /// - Parameter now: seconds since 1970.
    func text(at now: Int) -> String {
        guard waiting > 0 else { return "" }
        return obstacles.reduce(
            into: "  \(counted(waiting, "message")) fetched and waiting for \(waiting == 1 ? "its" : "their") places\n"
        ) { text, obstacle in
            text +=
                "    \(printable(obstacle.name)), \(counted(obstacle.messages, "message")) "
                + "since \(RelativeTime.past(obstacle.since, now: now)): "
                + "\(printable(obstacle.words)); asked again "
                + (obstacle.next > now ? RelativeTime.ahead(obstacle.next, now: now) : "with the next run")
                + ", or at once with --retry\n"
        }
    }

    var json: [(name: String, JSON)] {
        let places = obstacles.map { obstacle -> JSON in
            [
                "place": .text(obstacle.name), "messages": .number(obstacle.messages), "since": .number(obstacle.since),
                "next": .number(obstacle.next),
                "words": .text(obstacle.words),
            ]
        }
        return [("waiting", .number(waiting)), ("places", .list(places))]
    }
}

extension [String: SpoolState.Progress] {
    /// Whether each target at `place` that is known has the message.
    fileprivate func isDone(at place: String) -> Bool {
        let targets = filter { $0.key == place || $0.key.hasPrefix("\(place) ") }
        return !targets.isEmpty && targets.values.allSatisfy(\.isDone)
    }
}
