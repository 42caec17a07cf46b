// The keeper: reads the rc, holds the sockets, starts the worker that faces the network, and starts it again if it dies.

import CMHSys
import Glibc
import Reporting
import RunControl

/// Holds what must outlive a session's fault (DECISIONS 15): a trap in the worker ends the sessions of that moment, and
/// the next worker answers on the same sockets. A reload is a new worker, while the old one finishes what it has begun.
struct Keeper: ~Copyable {
    private let signals: SignalWatch
    private let reload: () throws -> HubSettings
    private var log: Log
    private var settings: HubSettings
    private var listeners: [BoundListener]
    private var workers: [WorkerProcess] = []
    private var carrier: CarrierRuns
    /// The worker whose settings are in force; `nil` while there is none.
    private var serving: pid_t?
    /// Whether any worker has ever answered.
    private var hasServed = false
    private var stopping = false
    /// When a dead worker may be started again, in milliseconds of the poll clock; doubled at each early death.
    private var backOff = 100
    private var restartAt: Int?

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
    }

    /// Serves until SIGTERM or SIGINT.
    mutating func run() throws -> ExitStatus {
        workers.append(try WorkerProcess(settings: settings, listeners: listeners))
        while !(stopping && workers.isEmpty) {
            wait()
            while let event = signals.next() { try take(event) }
            for worker in workers where worker.hear() { carrier.wake() }
            promote()
            if let due = restartAt, due <= Self.milliseconds(), !stopping {
                restartAt = nil
                restartWorker()
            }
        }
        return .ok
    }

    private mutating func take(_ event: SignalWatch.Event) throws {
        switch event {
        case .stop:
            if stopping {  // asked twice: at once
                for worker in workers { worker.kill() }
                return
            }
            stopping = true
            ServiceManager.notify("STOPPING=1")
            for worker in workers { worker.drain() }
            // Else clients would wait in a queue that nobody serves. Sockets of the service manager are for who comes next.
            for listener in listeners where !listener.isInherited { close(listener.descriptor) }
        case .reload:
            if !stopping { reloadSettings() }
        case .child:
            carrier.reap()
            try reapWorkers()
        }
    }

    /// Starts a worker in place of one that died; when the system has no room for it, later again.
    private mutating func restartWorker() {
        do {
            workers.append(try WorkerProcess(settings: settings, listeners: listeners))
        } catch {
            log.write(.error, "worker not started", [("error", sentence(error))])
            backOff = min(backOff * 2, 30_000)
            restartAt = Self.milliseconds() + backOff
        }
    }

    /// Starts a worker with the rc as it is now. The old one serves until the new one has said that it does.
    private mutating func reloadSettings() {
        ServiceManager.notify("RELOADING=1\nMONOTONIC_USEC=\(Self.milliseconds() * 1000)")
        do {
            let fresh = try reload()
            // Sockets stay; a listen line that is new or gone needs a restart, and that is said.
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
            for hasty in workers where !hasty.isReady && hasServed { hasty.drain() }  // of a reload a moment ago
            workers.append(try WorkerProcess(settings: fresh, listeners: sockets))
            restartAt = nil  // it stands in for one that has died, too
        } catch {
            keepSettings(sentence(error))
        }
    }

    private func keepSettings(_ why: String) {
        log.write(.error, "reload", [("error", why), ("kept", "the settings in force")])
        ServiceManager.notify("READY=1")
    }

    /// The newest worker that answers is the one that serves: what it was started with is in force, older ones drain.
    private mutating func promote() {
        guard let newest = workers.last(where: { $0.isReady && !$0.isDraining }), newest.pid != serving else { return }
        let isReload = hasServed && serving != nil
        serving = newest.pid
        settings = newest.settings
        listeners = newest.listeners
        for old in workers where old.pid != newest.pid && old.isReady && !old.isDraining { old.drain() }
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

    private mutating func reapWorkers() throws {
        var dead: [(WorkerProcess, Int32)] = []
        workers.removeAll { worker in
            guard let status = worker.reap() else { return false }
            dead.append((worker, status))
            return true
        }
        for (worker, status) in dead {
            if worker.hear() { carrier.wake() }  // its last words
            try bury(worker, status)
        }
    }

    private mutating func bury(_ worker: WorkerProcess, _ status: Int32) throws {
        guard !worker.isDraining, !stopping else {
            log.write(.info, "worker ended", [("pid", "\(worker.pid)")])
            return
        }
        if worker.pid == serving { serving = nil }
        // Of a reload that came to nothing: what it was to replace goes on.
        if serving != nil { return keepSettings("the new worker ended at once (status \(status))") }
        guard worker.isReady || hasServed else { throw KeeperError.workerWillNotStart(status: status) }
        log.write(.error, "worker died", [("pid", "\(worker.pid)"), ("status", "\(status)")])
        backOff = worker.isReady && worker.age >= 1 ? 100 : min(backOff * 2, 30_000)
        restartAt = Self.milliseconds() + backOff
    }

    /// Waits for a signal, a word from a worker, or the time to start one.
    private func wait() {
        var polled = [pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)]
        for worker in workers { polled.append(pollfd(fd: worker.line, events: Int16(POLLIN), revents: 0)) }
        let timeout = restartAt.map { Int32(clamping: max(0, $0 - Self.milliseconds())) } ?? -1
        _ = unsafe poll(&polled, nfds_t(polled.count), timeout)
    }

    private static func milliseconds() -> Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Int(now.tv_sec) * 1000 + Int(now.tv_nsec) / 1_000_000
    }
}
