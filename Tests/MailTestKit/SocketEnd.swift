// The server's end of one connection in a test server: lines and octets with a deadline, until the test is over.

import Blocking
import CMHSys
import Glibc
import Octets

/// Why a test server ends a session before its time.
enum SessionEnd: Error {
    /// The peer closed or reset, or the server is being stopped.
    case gone
    case timedOut
}

/// A connected descriptor, used by one thread.
struct SocketEnd {
    let descriptor: Int32
    private var unread: [UInt8] = []
    private var start = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// All of `octets`, however slowly the peer takes them.
    func write(_ octets: some Collection<UInt8>, until deadline: Deadline) throws(SessionEnd) {
        let octets = Array(octets)
        var sent = 0
        while sent < octets.count {
            try wait(for: POLLOUT, until: deadline)
            let count = unsafe octets.withUnsafeBytes {
                unsafe send(
                    descriptor, $0.baseAddress! + sent, octets.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 { sent += count } else if errno != EAGAIN, errno != EINTR { throw .gone }
        }
    }

    /// One line without its LF or CRLF.
    mutating func line(until deadline: Deadline) throws(SessionEnd) -> [UInt8] {
        var line = try rawLine(until: deadline)
        line.removeLast()
        if line.last == 0x0D { line.removeLast() }
        return line
    }

    /// One line, with its LF.
    mutating func rawLine(until deadline: Deadline) throws(SessionEnd) -> [UInt8] {
        var searched = start
        while true {
            let hit = unsafe unread.span.bytes.firstOffset(of: 0x0A, from: searched)
            if let hit {
                let line = Array(unread[start...hit])
                start = hit + 1
                return line
            }
            searched = unread.count - start  // since `fill` moves what is unread to the front
            try fill(until: deadline)
        }
    }

    /// Exactly `count` octets.
    mutating func octets(_ count: Int, until deadline: Deadline) throws(SessionEnd) -> [UInt8] {
        while unread.count - start < count { try fill(until: deadline) }
        defer { start += count }
        return Array(unread[start..<start + count])
    }

    /// Reads and discards until the peer closes, which throws ``SessionEnd/gone``.
    mutating func drain(until deadline: Deadline) throws(SessionEnd) {
        while true {
            start = unread.count
            try fill(until: deadline)
        }
    }

    /// Neither reads nor writes for `duration`.
    /// - Throws: ``SessionEnd/gone`` when the peer hangs up or the server is stopped meanwhile.
    func stall(_ duration: Duration) throws(SessionEnd) {
        let deadline = Deadline(after: duration)
        while !deadline.hasPassed {
            // Without POLLIN: what the peer sends meanwhile stays unread.
            var watched = pollfd(fd: descriptor, events: Int16(0x2000), revents: 0)  // POLLRDHUP
            let ready = unsafe poll(&watched, 1, deadline.pollTimeout)
            if ready > 0 { throw .gone }
        }
    }

    /// Waits for `duration`.
    /// - Returns: whether the peer has said something by then.
    func hears(within duration: Duration) -> Bool {
        guard start == unread.count else { return true }
        do throws(SessionEnd) { try wait(for: POLLIN, until: Deadline(after: duration)) } catch { return false }
        return true
    }

    private mutating func fill(until deadline: Deadline) throws(SessionEnd) {
        try wait(for: POLLIN, until: deadline)
        if start > 0 {
            unread.removeFirst(start)
            start = 0
        }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe chunk.withUnsafeMutableBytes {
            unsafe read(descriptor, $0.baseAddress!, $0.count)
        }
        guard count > 0 else { throw .gone }
        unread.append(contentsOf: chunk[..<count])
    }

    private func wait(for events: Int32, until deadline: Deadline) throws(SessionEnd) {
        while true {
            guard !deadline.hasPassed else { throw .timedOut }
            var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if unsafe poll(&watched, 1, deadline.pollTimeout) > 0 { return }
        }
    }
}
