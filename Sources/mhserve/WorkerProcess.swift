// A worker as its keeper sees it: a child process with the sockets, the settings without outgoing secrets, and a line.

import CMHSys
import Glibc
import Programs
import Reporting
import RunControl

/// What the keeper sends a worker, before it starts it: all that the worker needs to begin.
enum KeeperMessage: LineMessage {
    /// A memory file with the settings.
    case settings(HandedDescriptor)
    /// A listening socket; sockets come in the order of the settings' listeners.
    case listener(HandedDescriptor)

    var octets: [UInt8] {
        switch self {
        case .settings: LineFields(kind: 0x53).message
        case .listener: LineFields(kind: 0x4C).message
        }
    }

    var descriptors: [Int32] {
        switch self {
        case .settings(let handed), .listener(let handed): [handed.value]
        }
    }

    init?(_ fields: inout LineFields) {
        guard let kind = fields.octet(), let handed = fields.descriptor() else { return nil }
        switch kind {
        case 0x53: self = .settings(handed)
        case 0x4C: self = .listener(handed)
        default: return nil
        }
    }
}

/// What a worker sends its keeper.
enum WorkerMessage: UInt8, LineMessage {
    /// Mail was queued.
    case queued = 0x71
    /// The worker answers on all its sockets.
    case ready = 0x72

    var octets: [UInt8] { LineFields(kind: rawValue).message }

    init?(_ fields: inout LineFields) {
        guard let kind = fields.octet() else { return nil }
        self.init(rawValue: kind)
    }
}

final class WorkerProcess {
    /// The number of the descriptor at which a worker finds its end of the line.
    static let line: Int32 = 3

    let pid: pid_t
    /// What it was started with.
    let settings: HubSettings
    let listeners: [BoundListener]
    private(set) var isDraining = false
    /// When it is killed, in milliseconds of ``MonotonicClock``: it must become ready in time, and end in time.
    private(set) var deadline: Int?
    private static let startTime = Duration.seconds(60)
    /// The worker itself gives its sessions 30 s.
    private static let endTime = Duration.seconds(40)
    /// Whether it has sent ``WorkerMessage/ready``.
    private(set) var isReady = false
    /// Our end of the line; `nil` once the worker has closed its end, or after a fault.
    private var line: ProcessLine?

    /// Starts a worker: this very program, with the settings in a file without a name (memfd_create(2)).
    /// - Throws: ``KeeperError``, or `ProgramError` for a password file that cannot be read.
    init(settings: HubSettings, listeners: [BoundListener]) throws {
        self.settings = settings
        self.listeners = listeners
        let snapshot = try Self.memoryFile(holding: try Snapshot.write(settings))
        defer { close(snapshot) }
        let ours: ProcessLine
        let theirs: Int32
        do throws(LineFault) { (ours, theirs) = try ProcessLine.pair() } catch { throw KeeperError.line(error) }
        defer { close(theirs) }
        var isFull = false
        let needs =
            [KeeperMessage.settings(HandedDescriptor(lending: snapshot))]
            + listeners.map { .listener(HandedDescriptor(lending: $0.descriptor)) }
        do throws(LineFault) {
            for message in needs where try !ours.send(message) { isFull = true }
        } catch {
            throw KeeperError.line(error)
        }
        guard !isFull else { throw KeeperError.tooManyListeners(listeners.count) }
        pid = try Self.spawn(theirs)
        line = ours
        deadline = MonotonicClock.milliseconds(after: Self.startTime)
    }

    /// The descriptor of our end of the line, to be polled; -1 once there is none.
    var descriptor: Int32 { line?.descriptor ?? -1 }

    /// Lets the worker finish its sessions and end.
    func drain() {
        isDraining = true
        deadline = MonotonicClock.milliseconds(after: Self.endTime)
        Glibc.kill(pid, SIGTERM)
    }

    func kill() { Glibc.kill(pid, SIGKILL) }

    /// Whether its time is over. Told once.
    func isOverdue(_ now: Int = MonotonicClock.milliseconds) -> Bool {
        guard let deadline, deadline <= now else { return false }
        self.deadline = nil
        return true
    }

    /// Reads what the worker has sent since the last call.
    /// - Returns: whether mail was queued, and the fault, if any, after which the worker is not to be trusted any more.
    func hear() -> (isQueued: Bool, fault: LineFault?) {
        var isQueued = false
        do throws(LineFault) {
            // Bounded: other workers have their turn before the rest.
            for _ in 0..<64 {
                guard let line, let message = try line.receive(WorkerMessage.self) else { break }
                switch message {
                case .queued: isQueued = true
                case .ready:
                    isReady = true
                    if !isDraining { deadline = nil }
                }
            }
        } catch {
            line = nil
            return (isQueued, error == .ended ? nil : error)
        }
        return (isQueued, nil)
    }

    /// Starts `/proc/self/exe` as the worker. It stays in our process group and has our standard streams.
    private static func spawn(_ line: Int32) throws -> pid_t {
        var start = ChildStart(file: "/proc/self/exe", arguments: ["mhserve: worker", Worker.role])
        (start.input, start.output, start.errors) = (.ours, .ours, .ours)
        start.handed = [line]
        start.group = .ours
        do throws(ChildStart.Refusal) { return try start.start() } catch {
            throw KeeperError.system(doing: "start the worker", code: error.code)
        }
    }

    private static func memoryFile(holding octets: [UInt8]) throws -> Int32 {
        let descriptor = unsafe memfd_create("mhserve-settings", mh_MFD_CLOEXEC())
        guard descriptor >= 0 else { throw KeeperError.system(doing: "make a memory file", code: errno) }
        var written = 0
        while written < octets.count {
            let count = unsafe octets.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress! + written, octets.count - written)
            }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                throw KeeperError.system(doing: "fill a memory file", code: code)
            }
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }
}
