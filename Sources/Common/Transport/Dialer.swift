// Opening a TCP connection: every address of a host in turn, each with its share of the time.

internal import CMHSys
import Glibc
import InternetAddress
import Reporting

/// Opens TCP connections straight from this machine.
public enum Dialer {
    /// Connects to `host`, which is a name or an address.
    /// - Parameters:
    ///   - sourceAddress: the local address to come from (the rc's `source-ip`); addresses of its family only are tried.
    ///   - deadline: for look-up and all attempts together.
    /// - Returns: a wire on a connected socket with no delay, keep-alive and close-on-exec.
    /// - Throws: ``TransportError`` with the fate of each address.
    public static func connect(
        host: String, port: UInt16, inet: AddressPreference = .any, sourceAddress: IPAddress? = nil,
        until deadline: Deadline, lookup: HostLookup = .system
    ) throws(TransportError) -> Wire {
        let all = try addresses(of: host, until: deadline, lookup)
        var wanted = inet.order(all)
        if let sourceAddress { wanted = wanted.filter { $0.address.family == sourceAddress.family } }
        guard !wanted.isEmpty else {
            throw .unusableHost(host: host, reason: "has no address of the kind the rc asks for (`inet`, `source-ip`)")
        }

        var attempts: [TransportError.Attempt] = []
        for (index, endpoint) in wanted.enumerated() {
            var endpoint = endpoint
            endpoint.port = port
            let share = Deadline(after: deadline.remaining / (wanted.count - index)).earlier(of: deadline)
            switch try attempt(endpoint, from: sourceAddress, until: share) {
            case .success(let socket):
                let facts = WireFacts(
                    peer: "\(host):\(port)", remoteAddress: endpoint,
                    localAddress: Endpoint.of(socket: socket, peer: false))
                return Wire(socket: socket, facts: facts)
            case .failure(let why):
                attempts.append(TransportError.Attempt(address: "\(endpoint)", reason: why.reason))
            }
        }
        throw .connectFailed(host: host, port: port, attempts: attempts)
    }

    /// RFC 1035 §2.3.4 allows 255 octets in a name; anything but printable ASCII is nothing a resolver should see.
    private static func addresses(
        of host: String, until deadline: Deadline, _ lookup: HostLookup
    ) throws(TransportError) -> [Endpoint] {
        if let address = IPAddress(host) { return [Endpoint(address)] }
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .unusableHost(host: printable(host), reason: "not a host name")
        }
        return try lookup.addresses(of: host, until: deadline)
    }

    private struct Refusal: Error { let reason: String }

    /// One non-blocking connect; the socket is closed unless it stands.
    private static func attempt(
        _ endpoint: Endpoint, from source: IPAddress?, until deadline: Deadline
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
                pollfd(fd: StopSignal.descriptor, events: Int16(POLLIN), revents: 0),
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

    /// Comfort only: a system that refuses the option still connects.
    private static func switchOn(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
