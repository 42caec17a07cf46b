// A relay to a server that counts what the server sends, and kills the client at an octet of the test's choice.

import Blocking
import Glibc
import Synchronization

/// Passes octets both ways between its clients and a server on the loopback, until the server has sent so many; then
/// the client is killed, and both connections end. So the client dies at the same octet on a fast machine and on a slow
/// one.
public final class KillingRelay: Sendable {
    fileprivate struct Count {
        var octets = 0
        var limit = Int.max
        var victim: ChildProcess?
        var hasKilled = false
    }

    private let count: Shared
    private let server: TestServer
    public var port: UInt16 { server.port }

    fileprivate final class Shared: Sendable {
        let value = Mutex(Count())
    }

    /// - Parameter port: the server's.
    /// - Throws: ``KitError`` when it cannot listen, or the error of a thread that cannot be started.
    public init(to port: UInt16) throws {
        let count = Shared()
        self.count = count
        server = try TestServer("relay") { client, _ in
            do {
                let server = try Loopback.connect(to: port)
                defer { close(server) }
                try Self.pace(client)
                Self.pass(client, server, count)
            } catch {
                // The test would take the end of the connection for that of a killed client.
                preconditionFailure("the relay does not reach its server: \(error)")
            }
        }
    }

    /// Octets that the server has sent since the last ``arm(after:)``.
    public var octets: Int { count.value.withLock { $0.octets } }

    /// Whether the client was killed since the last ``arm(after:)``.
    public var hasKilled: Bool { count.value.withLock { $0.hasKilled } }

    /// Counts anew, and kills the next ``victim(_:)`` once the server has sent `octets`.
    public func arm(after octets: Int) { count.value.withLock { $0 = Count(limit: max(1, octets)) } }

    /// Names the child to kill.
    public func victim(_ child: ChildProcess) {
        count.value.withLock { count in
            count.victim = child
            if count.hasKilled { child.send(SIGKILL) }
        }
    }

    /// Keeps what the server has sent from piling up in the buffers between: else all of a run's mail is there before
    /// the client has read the first of it, and no client is killed in the midst of it.
    private static func pace(_ client: Int32) throws {
        for (option, value) in [(SO_SNDBUF, UInt32(64 << 10)), (SO_MAX_PACING_RATE, UInt32(8 << 20))] {
            var value = value
            let size = socklen_t(MemoryLayout<UInt32>.size)
            guard unsafe setsockopt(client, SOL_SOCKET, option, &value, size) == 0 else {
                throw KitError("setsockopt: \(errno)")
            }
        }
    }

    private static func pass(_ client: Int32, _ server: Int32, _ count: Shared) {
        var octets = [UInt8](repeating: 0, count: 4096)
        while true {
            var watched = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&watched, 2, 60_000) > 0 else { return }
            for index in watched.indices where watched[index].revents != 0 {
                let (from, to) = index == 0 ? (client, server) : (server, client)
                let got = unsafe octets.withUnsafeMutableBytes { unsafe recv(from, $0.baseAddress, $0.count, 0) }
                guard got > 0 else { return }
                let passed = index == 0 ? got : count.value.withLock { $0.take(got) }
                let sent = unsafe octets.withUnsafeBytes {
                    unsafe send(to, $0.baseAddress, passed, Int32(MSG_NOSIGNAL))
                }
                guard sent == got else { return }
            }
        }
    }
}

extension KillingRelay.Count {
    /// - Returns: how many of `got` octets still reach the client.
    fileprivate mutating func take(_ got: Int) -> Int {
        let left = max(0, limit - octets)
        octets += got
        guard got >= left, !hasKilled else { return hasKilled ? 0 : got }
        hasKilled = true
        victim?.send(SIGKILL)
        return left
    }
}
