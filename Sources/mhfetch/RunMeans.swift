// What a run works with that it shares with others, or that outlives it.

import Blocking

/// The means of one run. By itself a run has a connection of its own, and looks at all folders.
struct RunMeans {
    /// The threads that put batches on disk.
    var pool = WorkerPool(threads: 8)
    /// The files that may be open; `nil` where that is nobody's concern.
    var files: OpenFileRoom.Share?
    /// Tells whether another account waits for its turn.
    var othersWait: () -> Bool = { false }
    /// How long an account may keep another one waiting.
    var turnLimit = AccountRun.turnLimit
    /// Among whose connections one more is opened; `nil` where that is nobody's concern.
    var seat: Seat?
    /// The session that runs of `--idle` share.
    var standing: StandingSession?
    /// The hand-over that they share.
    var standingHandOver: StandingHandOver?
    /// Whether a failure is nobody's concern, as it is mended here; gets it, and whether the server had let us in.
    var excuses: (any Error, Bool) -> Bool = { _, _ in false }
    /// The one folder that is looked at; `nil` for all that the rc names.
    var folder: String?
}
