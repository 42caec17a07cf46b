// Names to addresses through the system's resolver, bounded in time though getaddrinfo is not.

internal import CMHSys
import Glibc
import InternetAddress
import Reporting
import Synchronization

/// A way to turn a host name into addresses. It may block for as long as it likes: the dialer does not wait for it
/// past its deadline.
public struct HostLookup: Sendable {
    let resolve: @Sendable (_ host: String) throws(TransportError) -> [Endpoint]

    /// - Parameter resolve: the endpoints of a host, in order of preference, with port 0.
    public init(_ resolve: @escaping @Sendable (_ host: String) throws(TransportError) -> [Endpoint]) {
        self.resolve = resolve
    }

    /// Files and DNS as the system is configured: getaddrinfo(3).
    public static let system = HostLookup { host throws(TransportError) in try askSystem(host) }

    /// Addresses taken from one answer at most; a hostile zone may list thousands.
    static let addressLimit = 16
    /// Look-ups that may be stuck at once.
    private static let stuckLimit = 32
    private static let running = Atomic(0)

    /// Asks on its own thread and gives up at `deadline`, or when `stop` is readable; the thread ends with the look-up.
    func addresses(
        of host: String, until deadline: Deadline, stop: Int32
    ) throws(TransportError) -> [Endpoint] {
        guard Self.running.load(ordering: .relaxed) < Self.stuckLimit else {
            throw .lookupFailed(host: host, reason: "too many look-ups are waiting for the resolver")
        }
        let answer = try Answer()
        let resolve = resolve
        Self.running.wrappingAdd(1, ordering: .relaxed)
        do {
            _ = try BlockingThread(name: "lookup") {
                do throws(TransportError) { answer.give(.success(try resolve(host))) } catch {
                    answer.give(.failure(error))
                }
                Self.running.wrappingSubtract(1, ordering: .relaxed)
            }
        } catch {
            Self.running.wrappingSubtract(1, ordering: .relaxed)
            throw .lookupFailed(host: host, reason: error.description)
        }
        guard let result = answer.wait(until: deadline, stop: stop) else {
            guard deadline.hasPassed else { throw .stopped(peer: host) }
            throw .lookupFailed(host: host, reason: "the resolver does not answer")
        }
        return Array(try result.get().prefix(Self.addressLimit))
    }

    /// Carries one result from the helper to the waiting thread.
    private final class Answer: Sendable {
        private let descriptor: Int32
        private let result = Mutex<Result<[Endpoint], TransportError>?>(nil)

        init() throws(TransportError) {
            descriptor = eventfd(0, mh_EFD_CLOEXEC())
            guard descriptor >= 0 else { throw .system(doing: "make an eventfd", code: errno) }
        }

        deinit { close(descriptor) }

        func give(_ answer: Result<[Endpoint], TransportError>) {
            result.withLock { $0 = answer }
            var one: UInt64 = 1
            _ = unsafe write(descriptor, &one, 8)
        }

        /// - Returns: `nil` at the deadline, and before it when the order to stop has come.
        func wait(until deadline: Deadline, stop: Int32) -> Result<[Endpoint], TransportError>? {
            var watched = [descriptor, stop].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            while unsafe poll(&watched, 2, deadline.pollTimeout) <= 0 {
                if deadline.hasPassed { return nil }
            }
            return result.withLock { $0 }
        }
    }

    private static func askSystem(_ host: String) throws(TransportError) -> [Endpoint] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            // EAI_NODATA (-5) is glibc's own: the name exists without an address.
            if code == EAI_NONAME || code == -5 { throw .hostNotFound(host: host) }
            throw .lookupFailed(host: host, reason: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [Endpoint] = []
        var next = unsafe list
        while let entry = unsafe next, found.count < addressLimit {
            if let raw = unsafe entry.pointee.ai_addr,
                let endpoint = unsafe Endpoint(raw, entry.pointee.ai_addrlen), !found.contains(endpoint)
            {
                found.append(endpoint)
            }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }
}
