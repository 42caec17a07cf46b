// Queue runs on the keeper's account: one running, one pending.

import CMHSys
import Glibc
import Programs
import Reporting

/// Starts the carrier when mail was queued. A hundred submissions make two runs, not a hundred processes.
struct CarrierRuns {
    private let rc: String
    var log: Log
    private var running: pid_t?
    private var isPending = false

    /// - Parameter rc: the path of the rc the carrier is to read.
    init(rc: String, log: Log) {
        self.rc = rc
        self.log = log
    }

    mutating func wake() {
        guard running == nil else {
            isPending = true
            return
        }
        isPending = false
        do throws(SiblingError) {
            running = try SiblingCommand.carrier.start(["-C", rc, "-q"])
        } catch {
            log.write(.error, "carrier", [("error", sentence(error))])
        }
    }

    /// Takes note of a run that has ended, and starts the pending one.
    mutating func reap() {
        guard let pid = running else { return }
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return }
        running = nil
        if isPending { wake() }
    }
}
