// TERM, INT and HUP as something to poll: a batch command first ends what it is at, and dies of the signal then.

internal import CMHSys
import Glibc
import Synchronization

/// The order to stop, as a descriptor beside those that a program waits for. No handler runs between two instructions of
/// ours, and whoever started us sees at the end that a signal ended us.
public enum StopSignal {
    private static let signals = [SIGTERM, SIGINT, SIGHUP]
    private static let watched = Atomic<Int32>(-1)

    /// Readable from the moment on that this process is to stop; -1, which poll(2) passes over, while nobody watches.
    public static var descriptor: Int32 { watched.load(ordering: .relaxed) }

    /// Whether the order has come.
    public static var hasCome: Bool {
        guard descriptor >= 0 else { return false }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&polled, 1, 0) > 0
    }

    /// Holds the signals back from now on, until ``takeEffect()``. Call it before any other thread exists: threads inherit
    /// what is held back. A signal that is ignored, as SIGHUP under nohup(1), stays ignored.
    ///
    /// Without a descriptor to be had, the signals end the process as they always did.
    public static func watch() {
        guard descriptor < 0 else { return }
        var set = heeded()
        let opened = unsafe signalfd(-1, &set, mh_SFD_FLAGS())
        guard opened >= 0 else { return }
        guard unsafe pthread_sigmask(SIG_BLOCK, &set, nil) == 0 else {
            close(opened)
            return
        }
        watched.store(opened, ordering: .relaxed)
    }

    /// Lets the signal that has come take its course, which ends the process. Returns when none has come.
    public static func takeEffect() {
        guard hasCome else { return }
        var set = heeded()
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// The signals that are not ignored.
    private static func heeded() -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals where mh_isIgnored(signal) == 0 { _ = unsafe sigaddset(&set, signal) }
        return set
    }
}
