// One thread of the system with a stack of a given size: the only way the batch commands run two things at once.

internal import CMHSys
import Glibc
import Reporting
import Synchronization

/// A pthread that runs one closure.
///
/// The closure must not come from main-actor code or from the top level of a `main.swift`: it runs on another thread.
public final class BlockingThread: Sendable {
    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    private enum State { case running, joined }
    private let state = Mutex(State.running)
    private let identity: Identity

    /// `pthread_t` is a number on Linux; only pthread_join and pthread_detach get it, under the lock of `state`.
    private struct Identity: Sendable { let value: pthread_t }

    /// Starts `body` on a thread of its own.
    /// - Parameters:
    ///   - name: shown by ps -L and gdb; the kernel keeps 15 octets.
    ///   - stackSize: octets of stack; at least what the system demands. The default suits protocol code.
    /// - Throws: ``ThreadError`` when the system grants no thread.
    public init(name: String, stackSize: Int = 512 * 1024, _ body: sending @escaping () -> Void) throws(ThreadError) {
        identity = Identity(value: try Self.start(name: name, stackSize: stackSize, Work(body)))
    }

    deinit {
        state.withLock { state in
            guard state == .running else { return }
            pthread_detach(identity.value)
        }
    }

    /// Waits for the end of the closure; a second call returns at once.
    public func join() {
        state.withLock { state in
            guard state == .running else { return }
            pthread_join(identity.value, nil)
            state = .joined
        }
    }

    // Nonisolated on purpose: a C callback written in main-actor code traps when another thread calls it.
    private nonisolated static func start(
        name: String, stackSize: Int, _ work: sending Work
    ) throws(ThreadError) -> pthread_t {
        var attributes = pthread_attr_t()
        var code = unsafe pthread_attr_init(&attributes)
        guard code == 0 else { throw ThreadError(code: code) }
        defer { unsafe pthread_attr_destroy(&attributes) }
        code = unsafe pthread_attr_setstacksize(&attributes, max(stackSize, 64 * 1024))
        guard code == 0 else { throw ThreadError(code: code) }

        let context = unsafe Unmanaged.passRetained(work)
        var thread = pthread_t()
        code = unsafe pthread_create(
            &thread, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw ThreadError(code: code)
        }
        _ = unsafe pthread_setname_np(thread, String(decoding: name.utf8.prefix(15), as: UTF8.self))
        return thread
    }
}

/// The system grants no further thread.
public struct ThreadError: Complaint {
    let code: Int32
    public var exitStatus: ExitStatus { .temporaryFailure }
    public var description: String {
        "cannot start a thread: \(reason(code)); raise the limit of processes (ulimit -u)"
    }
}
