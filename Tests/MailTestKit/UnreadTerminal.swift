// A terminal that nobody looks at for long.

import Glibc

/// A pseudoterminal whose other end is open, and read only when told to.
public final class UnreadTerminal: Sendable {
    private let end: Int32
    /// Of the device that programs write to.
    public let path: String

    /// - Returns: `nil` where the machine has none to give.
    public init?() {
        // ioctl_tty(2): TIOCSPTLCK, TIOCGPTN.
        let (unlock, ask): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
        end = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (isLocked, number): (Int32, Int32) = (0, 0)
        path = unsafe ioctl(end, unlock, &isLocked) == 0 && ioctl(end, ask, &number) == 0 ? "/dev/pts/\(number)" : ""
        if path.isEmpty {
            if end >= 0 { close(end) }
            return nil
        }
    }

    /// Reads `count` octets at most, as somebody who has seen enough.
    /// - Returns: how many came.
    public func read(_ count: Int) -> Int {
        var octets = [UInt8](repeating: 0, count: count)
        return unsafe Glibc.read(end, &octets, count)
    }

    deinit { close(end) }
}
