// Waiting for the carriers of a hub.

import Blocking
import Glibc

/// Waits until the queue below `state` is empty and no run is under way: the last lines of the log are written after
/// the last removal.
/// - Parameter log: what the error shows.
/// - Throws: ``KitError`` when the queue is not empty after `patience`, or a run does not end.
public func waitUntilQueueIsEmpty(
    in state: String, patience: Duration = .seconds(30), log: () -> String
) throws {
    let deadline = Deadline(after: patience)
    while ["new", "cur"].contains(where: { !ScratchDirectory.names(in: "\(state)/queue/\($0)").isEmpty }) {
        guard !deadline.hasPassed else {
            throw KitError("the queue is not empty after \(patience): \(log().suffix(4000))")
        }
        usleep(20_000)
    }
    try waitForRuns(in: state, log: log)
}

/// Waits for the end of the runs in the background.
/// - Throws: ``KitError`` when one takes longer than 20 s.
public func waitForRuns(in state: String, log: () -> String) throws {
    for number in 0..<3 {
        let slot = "\(state)/run/slot.\(number)"
        guard unsafe access(slot, F_OK) == 0 else { continue }
        let waited = try runProgram(["flock", "-w", "20", slot, "true"])
        guard waited.status == 0 else { throw KitError("a run does not end: \(log().suffix(4000))") }
    }
}
