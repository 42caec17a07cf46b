// The worker: answers on the sockets of its keeper, which has left the outgoing secrets out of its settings.

import CMHSys
import Glibc
import NIOCore
import NIOPosix
import Programs
import Reporting
import RunControl
import TLSEngine

/// One life of the service, from the settings that the keeper hands over to the end of the last session. It begins in
/// three steps: it opens what it needs; it is locked in; only then does it start threads, so that each is locked in.
struct Worker: ~Copyable {
    /// The argument that makes mhserve a worker.
    static let role = "--worker-of-a-keeper"

    private let signals: SignalWatch
    private let line: KeeperLine
    private let server: ServerContext
    private let services: [Service]
    /// Listening, in the order of `services`.
    private let sockets: [Int32]
    private let pause: AcceptPause

    private init(
        signals: consuming SignalWatch, line: KeeperLine, server: ServerContext, services: [Service], sockets: [Int32],
        pause: AcceptPause
    ) {
        self.signals = signals
        (self.line, self.server, self.services, self.sockets, self.pause) = (line, server, services, sockets, pause)
    }

    /// Serves until the keeper says stop (SIGTERM) or has ended.
    static func run() throws -> ExitStatus {
        // Before there is a thread: each would get a malloc arena of its own, and keep what its largest piece of work
        // took.
        mh_limit_arenas(2)
        // What a large mailbox takes while it is open is given back when it is closed.
        mh_give_back_blocks(256 * 1024)
        let worker = try open()
        LockIn.enter()
        return try worker.serve()
    }

    /// Opens what it needs.
    private static func open() throws -> Worker {
        // The signals first: every thread made later inherits the mask.
        let signals = try SignalWatch()
        let line = KeeperLine(ProcessLine(WorkerProcess.line))
        let openFiles = OpenFileLimit.raise()
        var (settings, sockets) = try line.settings()
        let log = try Log(program: "mhserve", to: settings.log)
        OpenFiles.fit(&settings.listeners, into: openFiles, log: log)
        do {
            let server = try ServerContext(settings: settings, wake: { line.askForRun(log) }, log: log)
            let services = try settings.listeners.map { try Service(listener: $0, server: server) }
            return Worker(
                signals: signals, line: line, server: server, services: services, sockets: sockets,
                pause: AcceptPause(limit: openFiles, log: log))
        } catch {
            // What keeps a worker from answering belongs in the log: after a reload nobody reads standard error.
            log.write(.error, "worker", [("error", sentence(error))])
            throw error
        }
    }

    /// Starts the threads and answers.
    private consuming func serve() throws -> ExitStatus {
        server.start()
        let (server, pause) = (server, pause)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: min(System.coreCount, 4))
        var open: [any Channel] = []
        for (service, socket) in zip(services, sockets) {
            open.append(
                try service.bootstrap(on: group).serverChannelInitializer { pause.watch($0) }
                    .withBoundSocket(socket).wait())
        }
        let sums = group.next().scheduleRepeatedTask(initialDelay: .minutes(1), delay: .minutes(1)) { _ in
            server.refusals.sumUp()
        }
        try line.tellReady()
        wait()
        // Stop accepting, say goodbye to idle sessions, give the others 30 s to end what they have begun.
        try Self.stopAccepting(open, on: group)
        server.isStopping = true
        for service in services {
            service.sessions.stopSoon()
            service.denied.stopSoon()
        }
        let end = NIODeadline.now() + .seconds(30)
        while services.contains(where: { $0.sessions.count > 0 }), NIODeadline.now() < end { usleep(20_000) }
        sums.cancel()
        server.refusals.sumUp()
        try server.stop()
        try group.syncShutdownGracefully()
        return .ok
    }

    /// Closes the listeners, and loses no connection accepted a moment ago: one whose listener closes before it has a
    /// session would be dropped without a word.
    private static func stopAccepting(_ listening: [any Channel], on group: MultiThreadedEventLoopGroup) throws {
        for channel in listening { try channel.setOption(.autoRead, value: false).recover { _ in }.wait() }
        // An accepted connection goes from its listener's loop to its own and back: two rounds let through all there
        // are now.
        for _ in 1...2 {
            for loop in group.makeIterator() { try loop.submit {}.wait() }
        }
        for channel in listening { channel.close(promise: nil) }
    }

    /// Returns at SIGTERM, or when the keeper's end of the line is closed.
    private borrowing func wait() {
        while true {
            var polled = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: line.descriptor, events: 0, revents: 0),
            ]
            _ = unsafe poll(&polled, 2, -1)
            while let event = signals.next() { if event == .stop { return } }
            if polled[1].revents & Int16(POLLHUP | POLLERR) != 0 { return }
        }
    }
}

/// The worker's end of the line to its keeper.
struct KeeperLine: Sendable {
    private let line: ProcessLine

    init(_ line: ProcessLine) { self.line = line }

    var descriptor: Int32 { line.descriptor }

    /// Says that this worker is ready.
    /// - Throws: when that fails: the keeper would take it for one that is still starting, and never drain the worker
    ///   that it replaces.
    func tellReady() throws(KeeperError) {
        do throws(LineFault) {
            guard try line.send(WorkerMessage.ready) else {
                throw .system(doing: "tell the keeper of a new worker", code: EAGAIN)
            }
        } catch {
            if error != .ended { throw .line(error) }  // without a keeper the worker ends in order, and at once
        }
    }

    /// Asks for a queue run. A full line means that the keeper has been asked already; a keeper that has ended ends
    /// this worker soon. Whatever else the fault is, the mail is in the queue and waits for the next run.
    func askForRun(_ log: Log) {
        do throws(LineFault) { try line.send(WorkerMessage.queued) } catch {
            if error != .ended { log.write(.error, "queue run", [("error", sentence(error))]) }
        }
    }

    /// The settings, and the listening sockets in their order, which the keeper has sent before it started us.
    func settings() throws -> (HubSettings, sockets: [Int32]) {
        guard case .settings(let snapshot) = next() else { throw KeeperError.badSnapshot }
        let settings = try Snapshot.read(from: snapshot.value)
        let sockets = try settings.listeners.map { _ in
            guard case .listener(let socket) = next() else { throw KeeperError.badSnapshot }
            return socket.take()
        }
        return (settings, sockets)
    }

    /// The next message of the keeper; `nil` for none, or for nonsense: whoever started this process is no keeper.
    private func next() -> KeeperMessage? {
        do throws(LineFault) { return try line.receive() } catch { return nil }
    }
}
