// Accepts connections on the loopback and gives each a thread; stopping it wakes and ends them all.

import Blocking
import Glibc
import Synchronization

/// What all test servers have in common: the listener, the threads, and an end that does not wait for any client.
///
/// The session's closure must not retain the owner of this object, else the server never ends.
final class TestServer: Sendable {
    let port: UInt16
    private let state: State
    private let acceptor: BlockingThread

    private final class State: Sendable {
        struct Shared {
            var stopped = false
            var open: Set<Int32> = []
            var threads: [BlockingThread] = []
        }
        let shared = Mutex(Shared())

        /// Under the lock, so that `stop()` never shuts down a descriptor whose number has been reused.
        func close(_ descriptor: Int32) {
            shared.withLock { shared in
                shared.open.remove(descriptor)
                _ = Glibc.close(descriptor)
            }
        }
    }

    /// - Parameter session: plays one connection, the first being number 0; the descriptor is closed afterwards.
    init(
        _ name: String, at address: Loopback.Address = .v4, port: UInt16 = 0,
        session: @escaping @Sendable (Int32, Int) -> Void
    ) throws {
        let listener = try Loopback.listen(at: address, on: port)
        self.port = Loopback.port(of: listener)
        let state = State()
        self.state = state
        state.shared.withLock { _ = $0.open.insert(listener) }
        acceptor = try BlockingThread(name: name) { Self.accept(listener, name, state, session) }
    }

    deinit { stop() }

    func stop() {
        state.shared.withLock { shared in
            shared.stopped = true
            for descriptor in shared.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        acceptor.join()
        while let thread = state.shared.withLock({ $0.threads.popLast() }) { thread.join() }
    }

    private static func accept(
        _ listener: Int32, _ name: String, _ state: State,
        _ session: @escaping @Sendable (Int32, Int) -> Void
    ) {
        defer { state.close(listener) }
        var number = 0
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
            guard descriptor >= 0 else { return }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            // Replies to pipelined commands are small writes in a row, each of which would wait for the ACK of the
            // last.
            var on: Int32 = 1
            unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            let mine = number
            number += 1
            let thread = state.shared.withLock { shared -> BlockingThread? in
                guard !shared.stopped else { return nil }
                shared.open.insert(descriptor)
                let thread = try? BlockingThread(name: name) {
                    session(descriptor, mine)
                    state.close(descriptor)
                }
                if let thread { shared.threads.append(thread) } else { shared.open.remove(descriptor) }
                return thread
            }
            if thread == nil { Glibc.close(descriptor) }
        }
    }
}
