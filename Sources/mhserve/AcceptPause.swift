// What happens when the process, or the machine, is out of file descriptors: clients that are connected come first.

import CMHSys
import Glibc
import NIOCore
import Reporting
import Synchronization

/// Stops accepting on all listeners while there is no descriptor for one more connection, instead of asking the system
/// for one over and over.
///
/// Some descriptors are set aside. When accepting fails they are closed, so that sessions can still open the files that
/// they need; when as many can be had again, all listeners go on.
final class AcceptPause: Sendable {
    /// Descriptors set aside: for the files that 16 threads of the disk pool open at once.
    static let reserve = 64
    /// How often to look whether there are descriptors again.
    private static let interval = TimeAmount.seconds(1)
    /// A shortage that comes and goes is logged once in this time.
    private static let silence = TimeAmount.minutes(1)

    private struct State {
        var channels: [any Channel] = []
        var setAside: [Int32] = []
        var isPaused = false
        var told: NIODeadline?
        /// Whether the log says that accepting pauses.
        var isTold = false
    }

    private let log: Log
    private let limit: Int
    private let wanted: Int
    private let state = Mutex(State())

    /// - Parameter limit: the descriptors that this process may have.
    init(limit: Int, log: Log) {
        self.limit = limit
        self.log = log
        wanted = min(Self.reserve, limit / 4)
        state.withLock { $0.setAside = Self.take(wanted) }
    }

    deinit { state.withLock { Self.give($0.setAside) } }

    /// Watches a listening channel; to be called in its initializer.
    func watch(_ channel: any Channel) -> EventLoopFuture<Void> {
        state.withLock { $0.channels.append(channel) }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(AcceptPauseHandler(self))
        }
    }

    fileprivate func begin(_ error: IOError, on loop: any EventLoop) {
        let (channels, isNew, tells) = state.withLock { state in
            let isNew = !state.isPaused
            state.isPaused = true
            if isNew {
                Self.give(state.setAside)
                state.setAside = []
            }
            let tells = isNew && state.told.map { $0 + Self.silence <= loop.now } ?? isNew
            if tells {
                state.told = loop.now
                state.isTold = true
            }
            return (state.channels, isNew, tells)
        }
        for channel in channels { channel.setOption(.autoRead, value: false).whenFailure { _ in } }  // closed meanwhile
        if tells {
            log.write(
                .error, "accepting pauses",
                [
                    ("error", reason(error.errnoCode)), ("open-files", "\(limit)"),
                    ("until", "there are descriptors again"),
                ])
        }
        if isNew { lookAgain(on: loop) }
    }

    private func lookAgain(on loop: any EventLoop) {
        loop.scheduleTask(in: Self.interval) { self.end(on: loop) }
    }

    private func end(on loop: any EventLoop) {
        let taken = Self.take(wanted)
        guard taken.count == wanted else {
            Self.give(taken)
            return lookAgain(on: loop)
        }
        let (channels, wasTold) = state.withLock { state in
            state.setAside = taken
            state.isPaused = false
            defer { state.isTold = false }
            return (state.channels, state.isTold)
        }
        if wasTold { log.write(.notice, "accepting again", [("open-files", "\(limit)")]) }
        for channel in channels { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
    }

    private static func take(_ count: Int) -> [Int32] {
        var taken: [Int32] = []
        while taken.count < count {
            let descriptor = eventfd(0, mh_EFD_CLOEXEC())
            guard descriptor >= 0 else { break }
            taken.append(descriptor)
        }
        return taken
    }

    private static func give(_ descriptors: [Int32]) {
        for descriptor in descriptors { close(descriptor) }
    }
}

/// Catches the errors of accept(2).
private final class AcceptPauseHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let pause: AcceptPause

    init(_ pause: AcceptPause) { self.pause = pause }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        pause.begin(error, on: context.eventLoop)
    }
}
