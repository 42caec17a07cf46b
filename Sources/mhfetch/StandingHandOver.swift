// The way of an account's fetched mail to its places that goes on between its runs.

/// What the runs of one account share while places are at work, under the spool's lock: a place that is slow keeps the account
/// neither from its server nor from its other places. Used by one thread.
final class StandingHandOver {
    /// How long a run waits for places that may be done at once.
    static let patience = Duration.seconds(5)

    private(set) var handOver: HandOver?

    /// Whether places may be at work.
    var stands: Bool { handOver != nil }

    /// Keeps it for the next run.
    func keep(_ handOver: HandOver) { self.handOver = handOver }

    /// Ends it after what is under way.
    func end() {
        handOver?.end()
        handOver = nil
    }
}
