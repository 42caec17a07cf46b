// The sockets mhserve answers on: bound from the rc, or handed over by the service manager.

import CMHSys
import Glibc
import InternetAddress
import Programs
import Reporting
import RunControl

/// A listening socket and the `listen` line it serves.
struct BoundListener {
    let settings: ListenerSettings
    let descriptor: Int32
    /// The port it has: the rc's, or the one the system chose for port 0.
    let port: Int
    /// Handed over by the service manager: it stays open there when we stop.
    let isInherited: Bool
}

enum Listeners {
    /// Gives every `listen` line its socket: one of the service manager's that has the name of the line's protocol
    /// (`smtp`, `submission`, `submissions`, `pop3`, `pop3s`; sd_listen_fds(3)), else a new one.
    static func open(_ wanted: [ListenerSettings]) throws(KeeperError) -> [BoundListener] {
        var inherited = try activated()
        var bound: [BoundListener] = []
        for settings in wanted {
            let name = settings.service.rawValue
            if let at = inherited.firstIndex(where: { $0.name == name }) {
                let descriptor = inherited.remove(at: at).descriptor
                bound.append(
                    BoundListener(
                        settings: settings, descriptor: descriptor, port: port(of: descriptor) ?? settings.port,
                        isInherited: true))
            } else {
                bound.append(try listen(settings))
            }
        }
        if let stray = inherited.first { throw .strayActivation(name: stray.name) }
        return bound
    }

    /// Why we may not serve as `settings` says, tried without answering there for a moment. An address in use is none:
    /// the service that uses it may be us.
    static func obstacle(to settings: ListenerSettings) -> KeeperError? {
        do throws(KeeperError) {
            close(try bind(settings))
            return nil
        } catch {
            if case .cannotListen(_, EADDRINUSE) = error { return nil }
            return error
        }
    }

    private static func listen(_ settings: ListenerSettings) throws(KeeperError) -> BoundListener {
        let descriptor = try bind(settings)
        guard Glibc.listen(descriptor, 1024) == 0 else {
            let code = errno
            close(descriptor)
            throw .cannotListen(settings.description, code: code)
        }
        return BoundListener(
            settings: settings, descriptor: descriptor, port: port(of: descriptor) ?? settings.port, isInherited: false)
    }

    private static func bind(_ settings: ListenerSettings) throws(KeeperError) -> Int32 {
        let address = settings.address ?? .anyV4
        let endpoint = Endpoint(address, port: UInt16(clamping: settings.port))
        let descriptor = socket(
            endpoint.systemFamily, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .cannotListen(settings.description, code: errno) }
        var on: Int32 = 1
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        if address.family == .v6 {
            var v6only: Int32 = address == .anyV6 ? 0 : 1  // [::] answers IPv4 too, as mailhubrc(5) says
            _ = unsafe setsockopt(
                descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &v6only, socklen_t(MemoryLayout<Int32>.size))
        }
        guard unsafe endpoint.withSystemShape({ unsafe Glibc.bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw .cannotListen(settings.description, code: code)
        }
        return descriptor
    }

    /// The sockets that LISTEN_FDS and LISTEN_FDNAMES tell of, if LISTEN_PID is us.
    private static func activated() throws(KeeperError) -> [(name: String, descriptor: Int32)] {
        guard let pid = environment("LISTEN_PID"), pid == "\(getpid())", let text = environment("LISTEN_FDS"),
            let count = Int32(text), count > 0, count <= 64
        else { return [] }
        let names = (environment("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var found: [(name: String, descriptor: Int32)] = []
        for index in 0..<count {
            let descriptor = 3 + index
            let name = Int(index) < names.count ? String(names[Int(index)]) : ""
            guard isListening(descriptor) else { throw .badActivation(name: name, descriptor: descriptor) }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            found.append((name, descriptor))
        }
        return found
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        var answer: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &answer, &size) == 0 && answer != 0
    }

    private static func port(of descriptor: Int32) -> Int? {
        Endpoint.of(socket: descriptor, peer: false).map { Int($0.port) }
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

/// What keeps the service from starting or going on.
enum KeeperError: Complaint {
    case system(doing: String, code: Int32)
    case cannotListen(String, code: Int32)
    case strayActivation(name: String)
    case badActivation(name: String, descriptor: Int32)
    case nothingToListen
    case workerWillNotStart(status: Int32)
    case badSnapshot
    /// The line between keeper and worker failed.
    case line(LineFault)
    case tooManyListeners(Int)

    var exitStatus: ExitStatus {
        switch self {
        case .system, .line: .osError
        case .strayActivation, .badActivation, .nothingToListen, .tooManyListeners: .configuration
        case .cannotListen(_, let code): code == EACCES || code == EPERM ? .noPermission : .unavailable
        case .workerWillNotStart(let status): ExitStatus(rawValue: status) ?? .software
        case .badSnapshot: .software
        }
    }

    var description: String {
        switch self {
        case .line(let fault): fault.description
        case .tooManyListeners(let count): "\(count) `listen` lines are more than a worker can be handed"
        case .system(let doing, let code): "cannot \(doing): \(reason(code))"
        case .cannotListen(let place, let code) where code == EACCES || code == EPERM:
            "cannot listen on \(place): \(reason(code)); ports below 1024 need the service manager's sockets or "
                + "CAP_NET_BIND_SERVICE"
        case .cannotListen(let place, let code):
            "cannot listen on \(place): \(reason(code))"
        case .strayActivation(let name):
            "the service manager hands over a socket named \"\(name)\", and no `listen` line of the rc asks for it"
        case .badActivation(let name, let descriptor):
            "the service manager hands over descriptor \(descriptor) (\"\(name)\"), and it is no listening socket"
        case .nothingToListen: ListenerSettings.noneAdvice
        case .badSnapshot: "the settings from the keeper cannot be read; start mhserve, not its worker"
        case .workerWillNotStart(let status): "the worker ends at once (status \(status)); see the log above"
        }
    }
}
