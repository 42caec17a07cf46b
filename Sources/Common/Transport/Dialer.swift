// Opening a TCP connection: every address of a host in turn, each with its share of the time.

internal import CMHSys
import Glibc
import InternetAddress
import Reporting

/// Opens TCP connections straight from this machine.
enum Dialer {
    /// Connects to the host of `path`.
    /// - Parameter deadline: for look-up and all attempts together.
    /// - Returns: a wire on a connected socket with no delay, keep-alive and close-on-exec.
    /// - Throws: ``TransportError`` with the fate of each address.
    static func connect(_ path: Path, until deadline: Deadline) throws(TransportError) -> Wire {
        let (host, port) = (path.host, path.port)
        guard !HostAndPort.isSocket(host) else { return try connect(toSocket: host, stop: path.stop, until: deadline) }
        var wanted = path.family.order(try addresses(path, until: deadline))
        if let source = path.source { wanted = wanted.filter { $0.address.family == source.family } }
        guard !wanted.isEmpty else {
            throw .unusableHost(host: host, reason: "has no address of the kind the rc asks for (`inet`, `source-ip`)")
        }

        var attempts: [TransportError.Attempt] = []
        for (index, endpoint) in wanted.enumerated() {
            var endpoint = endpoint
            endpoint.port = port
            let share = Deadline(after: deadline.remaining / (wanted.count - index)).earlier(of: deadline)
            switch try attempt(endpoint, from: path.source, stop: path.stop, until: share) {
            case .success(let socket):
                let facts = WireFacts(
                    peer: "\(host):\(port)", remoteAddress: endpoint,
                    localAddress: Endpoint.of(socket: socket, peer: false))
                return Wire(socket: socket, facts: facts, stop: path.stop)
            case .failure(let why):
                attempts.append(TransportError.Attempt(address: "\(endpoint)", reason: why.reason))
            }
        }
        throw .connectFailed(host: host, port: port, attempts: attempts)
    }

    /// Connects to a socket of this machine.
    private static func connect(
        toSocket path: String, stop: Int32, until deadline: Deadline
    ) throws(TransportError) -> Wire {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .system(doing: "open a socket", code: errno) }
        var stands = false
        defer { if !stands { close(descriptor) } }
        while unsafe mh_connect_local(descriptor, path) != 0 {
            // More wait to be accepted than the server lets wait.
            guard errno == EAGAIN || errno == EINTR, !deadline.hasPassed else {
                let attempt = TransportError.Attempt(address: path, reason: reason(errno))
                throw .connectFailed(host: path, port: 0, attempts: [attempt])
            }
            guard !StopSignal.hasCome else { throw .stopped(peer: path) }
            usleep(socketPace)
        }
        stands = true
        return Wire(socket: descriptor, facts: WireFacts(peer: path), stop: stop)
    }

    /// Microseconds between two looks whether a socket takes one more.
    private static var socketPace: UInt32 { 20_000 }

    /// RFC 1035 §2.3.4 allows 255 octets in a name; a resolver should see printable ASCII only.
    private static func addresses(_ path: Path, until deadline: Deadline) throws(TransportError) -> [Endpoint] {
        let host = path.host
        if let address = IPAddress(host) { return [Endpoint(address)] }
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .unusableHost(host: printable(host), reason: "not a host name")
        }
        switch path.names {
        case .here(let lookup), .overPath(let lookup):
            return try lookup.addresses(of: host, until: deadline, stop: path.stop)
        case .farEnd:
            throw .unusableHost(
                host: host, reason: "its address may be asked for at the far end of the path only, and there is no hop")
        }
    }

    private struct Refusal: Error { let reason: String }

    /// One non-blocking connect; the socket is closed unless it is connected.
    private static func attempt(
        _ endpoint: Endpoint, from source: IPAddress?, stop: Int32, until deadline: Deadline
    ) throws(TransportError) -> Result<Int32, Refusal> {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(endpoint.systemFamily, kind, 0)
        guard descriptor >= 0 else {
            if errno == EAFNOSUPPORT { return .failure(Refusal(reason: reason(EAFNOSUPPORT))) }
            throw .system(doing: "open a socket", code: errno)
        }
        var stands = false
        defer { if !stands { close(descriptor) } }
        if let source, unsafe Endpoint(source).withSystemShape({ unsafe bind(descriptor, $0, $1) }) != 0 {
            throw .sourceAddress(address: "\(source)", reason: reason(errno))
        }
        switchOn(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        switchOn(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        switchOn(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 120)  // seconds; NAT boxes forget after 5 minutes

        if unsafe endpoint.withSystemShape({ unsafe Glibc.connect(descriptor, $0, $1) }) != 0 {
            guard errno == EINPROGRESS || errno == EINTR else { return .failure(Refusal(reason: reason(errno))) }
            var watched = [
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            while unsafe poll(&watched, 2, deadline.pollTimeout) <= 0 {
                if deadline.hasPassed { return .failure(Refusal(reason: "no answer in time")) }
            }
            if watched[1].revents != 0 { throw .stopped(peer: "\(endpoint)") }
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
            guard code == 0 else { return .failure(Refusal(reason: reason(code))) }
        }
        stands = true
        return .success(descriptor)
    }

    /// Best effort: a system that refuses the option still connects.
    private static func switchOn(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
