// The queue runs that the keeper starts: one running, one pending.

import Glibc
import Programs
import Reporting

/// Starts the carrier when mail has been queued. A hundred submissions make two runs, not a hundred processes.
struct CarrierRuns {
    private let rc: String
    var log: Log
    private var isRunning = false
    private var isPending = false
    private var backOff = BackOff()

    /// - Parameter rc: the path of the rc that the carrier is to read.
    init(rc: String, log: Log) {
        self.rc = rc
        self.log = log
    }

    /// When to start again a run that could not be started, or was killed, in milliseconds of ``MonotonicClock``; `nil`
    /// when none waits for that.
    var due: Int? { backOff.due }

    mutating func wake(_ children: inout Children) {
        isPending = true
        startPending(&children)
    }

    /// Starts the pending run, unless one is under way, or it is too early after a failure.
    mutating func startPending(_ children: inout Children) {
        guard isPending, !isRunning, backOff.due == nil || backOff.isDue() else { return }
        do throws(SiblingError) {
            children.add(try SiblingCommand.carrier.start(["-C", rc, "-q"]), .run)
            (isPending, isRunning) = (false, true)
            backOff.clear()
        } catch {
            // A system without room for one more process has room again soon; the run stays pending until then.
            log.write(.error, "carrier", [("error", sentence(error))])
            backOff.noteDeath(at: 0)
        }
    }

    /// Notes the end of a run, and starts the pending one. A run that a signal ended has left mail behind, unless the
    /// signal was an order to stop.
    mutating func ended(_ run: Children.Ended, _ children: inout Children) {
        isRunning = false
        if run.status < 128 || [SIGTERM, SIGINT, SIGHUP].contains(run.status - 128) {
            backOff.succeeded()
        } else {
            log.write(.error, "carrier", [("pid", "\(run.pid)"), ("status", "\(run.status)")])
            isPending = true
            backOff.noteDeath(at: 0)  // however long it ran: what kills it may come late in each run
        }
        startPending(&children)
    }
}
