// The worker: answers on the sockets its keeper holds. Has no outgoing secret and no way to get one.

import CMHSys
import Glibc
import NIOCore
import NIOPosix
import Reporting
import RunControl
import TLSEngine

/// One life of the service, from the settings in descriptor 3 to the end of the last session.
struct Worker {
    /// The argument that makes mhserve a worker.
    static let role = "--worker-of-a-keeper"

    /// Serves until the keeper says stop (SIGTERM) or is gone.
    static func run() throws -> ExitStatus {
        // Before there is a thread: each would get an arena of its own, and keep what its largest piece of work took.
        mh_limit_arenas(2)
        // What a large mailbox takes while it is open goes when it is closed.
        mh_give_back_blocks(256 * 1024)
        // The signals first: every thread made later inherits the mask.
        let signals = try SignalWatch()
        let openFiles = OpenFiles.raiseLimit()
        var (settings, _) = try Snapshot.read(from: WorkerDescriptors.settings)
        close(WorkerDescriptors.settings)
        let log = try Log(program: "mhserve", to: settings.log)
        /// What keeps a worker from answering belongs into the log: after a reload nobody reads standard error.
        func told<T>(_ work: () throws -> T) throws -> T {
            do {
                return try work()
            } catch {
                log.write(.error, "worker", [("error", sentence(error))])
                throw error
            }
        }
        OpenFiles.fit(&settings.listeners, into: openFiles, log: log)
        let house = try told { [settings] in
            try House(settings: settings, wake: WakeLine(descriptor: WorkerDescriptors.control), log: log)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: min(System.coreCount, 4))
        let pause = AcceptPause(limit: openFiles, log: log)
        var open: [any Channel] = []
        var services: [Service] = []
        for (index, listener) in settings.listeners.enumerated() {
            let service = try told { try Service(listener: listener, house: house) }
            services.append(service)
            let descriptor = WorkerDescriptors.listeners + Int32(index)
            open.append(
                try service.bootstrap(on: group).serverChannelInitializer { pause.watch($0) }
                    .withBoundSocket(descriptor).wait())
        }
        let sums = group.next().scheduleRepeatedTask(initialDelay: .minutes(1), delay: .minutes(1)) { _ in
            house.refusals.sumUp()
        }
        house.wake.isReady()
        wait(for: signals)
        // Stop accepting, say goodbye to idle sessions, give the others 30 s to end what they have begun (DECISIONS 39).
        try stopAccepting(open, on: group)
        house.isStopping = true
        for service in services { service.sessions.stopSoon() }
        let end = NIODeadline.now() + .seconds(30)
        while services.contains(where: { $0.sessions.count > 0 }), NIODeadline.now() < end { usleep(20_000) }
        sums.cancel()
        house.refusals.sumUp()
        try house.stop()
        try group.syncShutdownGracefully()
        return .ok
    }

    /// Closes the listeners, and loses nobody who was accepted a moment ago: a connection whose listener closes before a
    /// session sits on it would be dropped without a word.
    private static func stopAccepting(_ listening: [any Channel], on group: MultiThreadedEventLoopGroup) throws {
        for channel in listening { try channel.setOption(.autoRead, value: false).recover { _ in }.wait() }
        // On its way from the listener's loop to its own and back; what is there now has come through after two rounds.
        for _ in 1...2 {
            for loop in group.makeIterator() { try loop.submit {}.wait() }
        }
        for channel in listening { channel.close(promise: nil) }
    }

    /// Returns at SIGTERM, or when the keeper's end of the line is closed.
    private static func wait(for signals: borrowing SignalWatch) {
        while true {
            var polled = [
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: WorkerDescriptors.control, events: 0, revents: 0),
            ]
            _ = unsafe poll(&polled, 2, -1)
            while let event = signals.next() { if event == .stop { return } }
            if polled[1].revents & Int16(POLLHUP | POLLERR) != 0 { return }
        }
    }
}

/// The line to the keeper: an octet for every message queued, and one when the worker has begun to answer.
struct WakeLine: Sendable {
    static let queued: UInt8 = 0x71
    static let ready: UInt8 = 0x72

    let descriptor: Int32

    /// Asks for a queue run. A full line means that the keeper has been asked already.
    func wake() { say(Self.queued) }

    /// Says that this worker answers on all sockets.
    func isReady() { say(Self.ready) }

    private func say(_ octet: UInt8) {
        var octet = octet
        _ = unsafe send(descriptor, &octet, 1, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }
}
