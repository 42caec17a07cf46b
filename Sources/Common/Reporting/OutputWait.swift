// How long is waited for whoever reads our output.

import Glibc
import Synchronization

/// The wait for a reader of standard output or standard error who does not read.
///
/// By itself it takes as long as it takes, as any program's does. A program that heeds the order to stop by a descriptor, and
/// one that stays, must not be kept by a pipe that is full.
public enum OutputWait {
    private static let stop = Atomic<Int32>(-1)
    /// In milliseconds.
    private static let limit = Atomic<Int32>(-1)
    /// Bits of those descriptors that are not waited for, as their readers have let the limit pass.
    private static let abandoned = Atomic<UInt32>(0)
    /// What a pipe takes in one piece or not at all (PIPE_BUF, pipe(7)); where there is room for it a write does not wait.
    private static let pieceSize = 4096

    /// From now on no reader is waited for once `descriptor` is readable.
    public static func end(at descriptor: Int32) { stop.store(descriptor, ordering: .relaxed) }

    /// From now on no reader is waited for longer than `patience`, and then not at all until it reads again.
    public static func setLimit(_ patience: Duration) {
        limit.store(Int32(clamping: patience.components.seconds * 1000), ordering: .relaxed)
    }

    /// How long is waited before the next try where the kernel has said that there is room and there was none, in milliseconds.
    private static let pause: Int32 = 20
    /// Other ways to the same output that keep nobody waiting: a terminal says that it has room when it has some.
    private static let ways: [Int32: Int32] = {
        var ways: [Int32: Int32] = [:]
        for descriptor: Int32 in [1, 2] where isatty(descriptor) == 1 {
            let opened = unsafe open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            if opened >= 0 { ways[descriptor] = opened }
        }
        return ways
    }()

    /// Writes all of `octets` to `descriptor`, which is 1 or 2.
    /// - Returns: `false` when that cannot be done; errno says why: EAGAIN where the reader does not read.
    static func write(_ octets: [UInt8], to descriptor: Int32) -> Bool {
        let (stop, limit) = (stop.load(ordering: .relaxed), limit.load(ordering: .relaxed))
        guard stop >= 0 || limit >= 0 else { return writeAll(octets, to: descriptor) }
        let way = ways[descriptor] ?? descriptor
        var rest = octets[...]
        // Pauses that are left; what was said to have room counts them, too.
        var pauses = limit / pause
        while !rest.isEmpty {
            guard isReady(descriptor, by: way, stop, limit) else {
                errno = EAGAIN
                return false
            }
            let count = unsafe rest.prefix(pieceSize).withUnsafeBytes {
                unsafe Glibc.write(way, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno != EINTR {
                guard errno == EAGAIN, limit < 0 || pauses > 0, !hasStopped(within: pause, at: stop) else {
                    return false
                }
                pauses -= 1
            }
        }
        return true
    }

    private static func isReady(_ descriptor: Int32, by way: Int32, _ stop: Int32, _ limit: Int32) -> Bool {
        let bit: UInt32 = 1 << UInt32(descriptor)
        let isAbandoned = abandoned.load(ordering: .relaxed) & bit != 0
        var watched = [
            pollfd(fd: way, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        ]
        let count = wait(for: &watched, within: isAbandoned ? 0 : limit)
        guard watched[0].revents == 0 else {
            abandoned.bitwiseAnd(~bit, ordering: .relaxed)
            return true
        }
        if count == 0 { abandoned.bitwiseOr(bit, ordering: .relaxed) }
        return false
    }

    private static func hasStopped(within time: Int32, at stop: Int32) -> Bool {
        var watched = [pollfd(fd: stop, events: Int16(POLLIN), revents: 0)]
        guard wait(for: &watched, within: time) > 0 else { return false }
        errno = EAGAIN
        return true
    }

    private static func wait(for watched: inout [pollfd], within time: Int32) -> Int32 {
        while true {
            let count = unsafe poll(&watched, nfds_t(watched.count), time)
            guard count < 0, errno == EINTR else { return count }
        }
    }
}
