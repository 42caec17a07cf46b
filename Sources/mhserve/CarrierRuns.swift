// Queue runs on the keeper's account: one running, one pending.

import Glibc
import Programs
import Reporting

/// Starts the carrier when mail was queued. A hundred submissions make two runs, not a hundred processes.
struct CarrierRuns {
    private let rc: String
    var log: Log
    private var isRunning = false
    private var isPending = false
    private var backOff = BackOff()

    /// - Parameter rc: the path of the rc the carrier is to read.
    init(rc: String, log: Log) {
        self.rc = rc
        self.log = log
    }

    /// When a run is to be started that could not be before, or died, in milliseconds of ``MonotonicClock``.
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
            // A system without room for a process has some again soon; the mail is asked for until then.
            log.write(.error, "carrier", [("error", sentence(error))])
            backOff.noteDeath(at: 0)
        }
    }

    /// Takes note of the end of the run, and starts the pending one. One that a signal ended has left mail behind, unless
    /// the signal was an order to stop.
    mutating func ended(_ run: Children.Ended, _ children: inout Children) {
        isRunning = false
        if run.status < 128 || [SIGTERM, SIGINT, SIGHUP].contains(run.status - 128) {
            backOff.succeeded()
        } else {
            log.write(.error, "carrier", [("pid", "\(run.pid)"), ("status", "\(run.status)")])
            isPending = true
            backOff.noteDeath(at: 0)  // however long it lived: what ends it may come late, each time
        }
        startPending(&children)
    }
}
