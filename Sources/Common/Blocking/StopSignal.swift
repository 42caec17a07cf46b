// TERM, INT and HUP as a descriptor to poll: a batch command first finishes what it is doing, then dies of the signal.

internal import CMHSys
import Glibc
import Reporting
import Synchronization

/// The order to stop, as a descriptor beside those that a program waits for. No signal handler interrupts our code, and
/// the parent process sees in the end that a signal ended us.
public enum StopSignal {
    private static let signals = [SIGTERM, SIGINT, SIGHUP]
    private static let watched = Atomic<Int32>(-1)

    /// Readable once this process is to stop; -1, which poll(2) ignores, before ``watch()``.
    public static var descriptor: Int32 { watched.load(ordering: .relaxed) }

    /// Whether the order has come.
    public static var hasCome: Bool {
        guard descriptor >= 0 else { return false }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&polled, 1, 0) > 0
    }

    /// Blocks the signals from now on, until ``takeEffect()``. Call it before any other thread exists: threads inherit
    /// the signal mask. A signal that is ignored, as SIGHUP under nohup(1), stays ignored.
    ///
    /// Where no descriptor can be had, the signals end the process as usual.
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
        OutputWait.end(at: opened)
    }

    /// Waits.
    /// - Returns: `false`, and at once, when the order to stop has come.
    public static func pause(until deadline: Deadline) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while !deadline.hasPassed {
            if unsafe poll(&polled, 1, deadline.pollTimeout) > 0 { return false }
        }
        return !hasCome
    }

    /// Takes the signals that have come, so that the order is as if it had not been given.
    /// - Returns: whether SIGHUP alone was among them, which asks a program that stays to begin anew.
    public static func takeRestart() -> Bool {
        guard hasCome else { return false }
        var taken: [Int32] = []
        var information = [UInt32](repeating: 0, count: 32)  // signalfd_siginfo: 128 octets, ssi_signo first
        while unsafe read(descriptor, &information, 128) == 128 { taken.append(Int32(information[0])) }
        guard let other = taken.first(where: { $0 != SIGHUP }) else { return true }
        // It is still to take effect.
        kill(getpid(), other)
        return false
    }

    /// Unblocks the signals, so that the one that has come ends the process. Returns when none has come.
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
