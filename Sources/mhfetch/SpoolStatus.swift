// What `--status` tells of fetched mail that waits for its places.

import FetchSpool
import Reporting
import RunControl

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

    /// - Throws: `SpoolError` when the spool cannot be read or relied on.
    static func read(_ account: AccountSettings, in stateDirectory: String) throws(SpoolError) -> SpoolStatus {
        guard let (state, messages) = try FetchSpool.look(at: account.name, in: stateDirectory) else {
            return SpoolStatus(waiting: 0, obstacles: [])
        }
        guard !messages.isEmpty else { return SpoolStatus(waiting: 0, obstacles: []) }
        // What was taken out of the rc keeps nothing any more.
        let named = account.destinations.map(\.description)
        let places = state.faults.filter { named.contains($0.key) }.map { place, fault in
            Obstacle(
                name: place, messages: messages.count { !state.messages[$0.unique, default: [:]].isDone(at: place) },
                since: fault.since, next: fault.next, words: fault.words)
        }
        var targets: [[String]: Obstacle] = [:]
        for message in messages {
            for (target, progress) in state.messages[message.unique] ?? [:]
            where !progress.isDone && named.contains(where: { target == $0 || target.hasPrefix("\($0) ") }) {
                // It is being offered one, or the run died with it.
                let isOffered = progress.deaths > 0
                guard isOffered || progress.tries > 0 else { continue }
                let words =
                    progress.deaths > 1
                    ? "the last \(progress.deaths) runs died while handing it on, or the last is at it"
                    : isOffered ? "it has not yet said whether it takes the message" : progress.words
                let next = HandOverLane.nextAttempt(after: progress)
                let since = progress.tries > 0 ? progress.since : progress.begun
                var obstacle =
                    targets[[target, words]]
                    ?? Obstacle(name: target, since: since, next: next, words: words)
                obstacle.messages += 1
                obstacle.since = min(obstacle.since, since)
                obstacle.next = min(obstacle.next, next)
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
