// Signals as events of a descriptor to be polled, so that no handler runs between two instructions of ours.

import CMHSys
import Glibc

/// SIGTERM, SIGINT, SIGHUP and SIGCHLD as readable events of one descriptor.
struct SignalWatch: ~Copyable {
    enum Event { case stop, reload, child }

    let descriptor: Int32

    /// Blocks the signals in this thread and those it starts; call before any other thread exists.
    init() throws(KeeperError) {
        // Whoever started us may have SIGCHLD ignored: then children would vanish without a status.
        var usual = sigaction()
        unsafe sigaction(SIGCHLD, &usual, nil)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGCHLD] { _ = unsafe sigaddset(&set, signal) }
        guard unsafe pthread_sigmask(SIG_BLOCK, &set, nil) == 0 else {
            throw .system(doing: "block signals", code: errno)
        }
        let opened = unsafe signalfd(-1, &set, mh_SFD_FLAGS())
        guard opened >= 0 else { throw .system(doing: "watch signals", code: errno) }
        descriptor = opened  // last, so that deinit never meets a half-made watch
    }

    deinit { close(descriptor) }

    /// The next signal that has arrived; `nil` when there is none.
    func next() -> Event? {
        // struct signalfd_siginfo: 128 octets, the signal's number first.
        var record = [UInt8](repeating: 0, count: 128)
        let count = unsafe record.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress!, 128) }
        guard count == 128 else { return nil }
        return switch Int32(record[0]) {
        case SIGHUP: .reload
        case SIGCHLD: .child
        default: .stop
        }
    }
}
