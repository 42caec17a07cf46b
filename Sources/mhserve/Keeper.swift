// The keeper: reads the rc, holds the sockets, starts the worker that faces the network, and replaces one that dies.

import CMHSys
import Glibc
import Programs
import Reporting
import RunControl

/// Holds what must outlive a fault in a session: a trap in the worker ends the sessions of that moment, and the next
/// worker answers on the same sockets. A reload starts a new worker, while the old one finishes what it has begun.
struct Keeper: ~Copyable {
    private let signals: SignalWatch
    private let reload: () throws -> HubSettings
    private var log: Log
    private var settings: HubSettings
    private var listeners: [BoundListener]
    private var children = Children()
    private var workers: [WorkerProcess] = []
    private var carrier: CarrierRuns
    private var drop: DropWatch
    /// The worker whose settings are in force; `nil` while there is none.
    private var serving: pid_t?
    /// Whether any worker has ever answered.
    private var hasServed = false
    private var stopping = false
    private var backOff = BackOff()

    /// - Parameter reload: reads the rc anew; what it throws leaves the old settings in force.
    init(
        settings: HubSettings, listeners: [BoundListener], signals: consuming SignalWatch, log: Log,
        reload: @escaping () throws -> HubSettings
    ) {
        self.settings = settings
        self.listeners = listeners
        self.signals = signals
        self.log = log
        self.reload = reload
        carrier = CarrierRuns(rc: settings.source, log: log)
        drop = DropWatch(isWanted: settings.isSystem)
    }

    /// Serves until SIGTERM or SIGINT.
    mutating func run() throws -> ExitStatus {
        try startWorker(settings, listeners)
        lookIntoDrop()
        while !(stopping && workers.isEmpty) {
            wait()
            while let event = signals.next() { try take(event) }
            for worker in workers where !hear(worker) { worker.kill() }
            for worker in workers where worker.isOverdue() {
                log.write(
                    .error, "worker killed",
                    [
                        ("pid", "\(worker.pid)"),
                        ("why", worker.isDraining ? "it does not end" : "it does not become ready"),
                    ])
                worker.kill()
            }
            promote()
            lookIntoDrop()
            carrier.startPending(&children)
            if backOff.isDue(), !stopping { restartWorker() }
        }
        return .ok
    }

    /// Starts a queue run where somebody has left mail.
    private mutating func lookIntoDrop() {
        guard drop.isDue(), !settings.isQueueOnly, !stopping else { return }
        carrier.wake(&children)
    }

    private mutating func startWorker(_ settings: HubSettings, _ listeners: [BoundListener]) throws {
        let worker = try WorkerProcess(settings: settings, listeners: listeners)
        children.add(worker.pid, .worker)
        workers.append(worker)
        backOff.clear()  // it also replaces one that has died
    }

    /// Reads what the worker has sent, and starts a queue run if it asks for one.
    /// - Returns: `false` when what it sent makes no sense: it is to be killed then.
    private mutating func hear(_ worker: WorkerProcess) -> Bool {
        let (isQueued, fault) = worker.hear()
        if isQueued, !settings.isQueueOnly { carrier.wake(&children) }
        guard let fault else { return true }
        log.write(.error, "worker", [("pid", "\(worker.pid)"), ("error", sentence(fault))])
        return false
    }

    private mutating func take(_ event: SignalWatch.Event) throws {
        switch event {
        case .stop:
            if stopping {  // asked twice: at once
                for worker in workers { worker.kill() }
                return
            }
            stopping = true
            backOff.clear()
            ServiceManager.notify("STOPPING=1")
            for worker in workers { worker.drain() }
            // Else clients would wait in a backlog from which nobody accepts. The service manager's sockets stay open
            // for the next start.
            for listener in listeners where !listener.isInherited { close(listener.descriptor) }
        case .reload:
            if !stopping { reloadSettings() }
        case .child:
            for ended in children.reap() {
                switch ended.kind {
                case .worker: try bury(ended)
                case .run: carrier.ended(ended, &children)
                case nil: break  // an orphan that we have adopted as process 1: to reap it is all there is to do
                }
            }
        }
    }

    /// Starts a worker in place of one that died; tries again later when the system has no room for it.
    private mutating func restartWorker() {
        do {
            try startWorker(settings, listeners)
        } catch {
            log.write(.error, "worker not started", [("error", sentence(error))])
            backOff.noteDeath(at: 0)
        }
    }

    /// Starts a worker with the rc as it is now. The old one serves until the new one is ready.
    private mutating func reloadSettings() {
        ServiceManager.notify("RELOADING=1\nMONOTONIC_USEC=\(MonotonicClock.milliseconds * 1000)")
        do {
            let fresh = try reload()
            // The sockets stay: a `listen` line that is new or removed needs a restart, and the log says so.
            guard fresh.listeners.map(\.description) == listeners.map(\.settings.description) else {
                return keepSettings("the listen lines have changed; restart mhserve to use them")
            }
            if fresh.log == settings.log {
                try log.reopen()
            } else {
                log = try Log(program: "mhserve", to: fresh.log)
                carrier.log = log
            }
            let sockets = zip(listeners, fresh.listeners).map { old, new in
                BoundListener(settings: new, descriptor: old.descriptor, port: old.port, isInherited: old.isInherited)
            }
            for hasty in workers where !hasty.isReady && hasServed { hasty.drain() }  // of an earlier reload
            try startWorker(fresh, sockets)
        } catch {
            keepSettings(sentence(error))
        }
    }

    private func keepSettings(_ why: String) {
        log.write(.error, "reload", [("error", why), ("kept", "the settings in force")])
        ServiceManager.notify("READY=1")
    }

    /// Lets the newest worker that is ready serve: what it was started with is in force, and older ones drain.
    private mutating func promote() {
        guard let at = workers.lastIndex(where: { $0.isReady && !$0.isDraining }) else { return }
        let newest = workers[at]
        // Also those that were still starting when it became ready: never two generations at once.
        for old in workers[..<at] where !old.isDraining { old.drain() }
        guard newest.pid != serving else { return }
        backOff.clear()  // it also replaces one that has died
        let isReload = hasServed && serving != nil
        serving = newest.pid
        settings = newest.settings
        listeners = newest.listeners
        if isReload { log.write(.notice, "reloaded") }
        if !hasServed {
            for listener in listeners {
                log.write(
                    .notice, "listening",
                    [
                        ("service", listener.settings.service.rawValue),
                        ("address", listener.settings.hostAndPort.host),
                        ("port", "\(listener.port)"),
                    ])
            }
        }
        hasServed = true
        ServiceManager.notify("READY=1")
    }

    private mutating func bury(_ ended: Children.Ended) throws {
        guard let at = workers.firstIndex(where: { $0.pid == ended.pid }) else { return }
        let (worker, status) = (workers.remove(at: at), ended.status)
        _ = hear(worker)  // what it sent last
        guard !worker.isDraining, !stopping else {
            log.write(.info, "worker ended", [("pid", "\(worker.pid)"), ("status", "\(status)")])
            return
        }
        if worker.pid == serving { serving = nil }
        // It was started by a reload, which has failed: the worker that it was to replace goes on.
        if serving != nil { return keepSettings("the new worker ended at once (status \(status))") }
        guard worker.isReady || hasServed else { throw KeeperError.workerWillNotStart(status: status) }
        log.write(.error, "worker died", [("pid", "\(worker.pid)"), ("status", "\(status)")])
        // A worker that is starting replaces it, with newer settings if there are any.
        guard !workers.contains(where: { !$0.isDraining }) else { return }
        backOff.noteDeath(at: worker.isReady ? ended.age : 0)
    }

    /// Waits for a signal, a message from a worker, or the time to start something.
    private func wait() {
        var polled = [pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)]
        if drop.descriptor >= 0 { polled.append(pollfd(fd: drop.descriptor, events: Int16(POLLIN), revents: 0)) }
        for worker in workers { polled.append(pollfd(fd: worker.descriptor, events: Int16(POLLIN), revents: 0)) }
        let due = ([backOff.due, carrier.due, drop.due] + workers.map(\.deadline)).compactMap { $0 }.min()
        let timeout = due.map { Int32(clamping: max(0, $0 - MonotonicClock.milliseconds)) } ?? -1
        _ = unsafe poll(&polled, nfds_t(polled.count), timeout)
    }
}
