// Loopback sockets for tests: free ports, listening, connecting, waiting for a server.

import Blocking
import Glibc
import Synchronization

public enum Loopback {
    /// The loopback's address of one family: 127.0.0.1 or ::1.
    public enum Address: Sendable { case v4, v6 }

    private static let handedOut = Mutex<Set<UInt16>>([])

    /// A TCP port on which nobody listened just now, given to no other caller in this process.
    ///
    /// It is below the range from which the kernel picks source ports, so that no outgoing connection takes it
    /// meanwhile.
    /// - Throws: ``KitError`` when none is found.
    public static func freePort() throws(KitError) -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: 12_000..<32_000)
            guard handedOut.withLock({ $0.insert(port).inserted }) else { continue }
            if let listener = try? listen(on: port, backlog: 1) {
                close(listener)
                return port
            }
        }
        throw KitError("no free port on the loopback")
    }

    /// Waits until somebody accepts connections on `port`.
    /// - Parameter alive: asked between the tries; `false` gives up at once.
    /// - Returns: `false` when `deadline` has passed or `alive` has given up.
    public static func waitForListener(
        on port: UInt16, until deadline: Deadline, while alive: () -> Bool = { true }
    ) -> Bool {
        while !deadline.hasPassed, alive() {
            if let socket = try? connect(to: port) {
                close(socket)
                return true
            }
            usleep(10_000)
        }
        return false
    }

    /// A listening descriptor; port 0 lets the kernel choose.
    public static func listen(
        at address: Address = .v4, on port: UInt16 = 0, backlog: Int32 = 128
    ) throws(KitError) -> Int32 {
        let listener = socket(
            address == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw failure("make a socket") }
        var on: Int32 = 1
        unsafe setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe withAddress(address, port, { unsafe bind(listener, $0, $1) }) == 0,
            Glibc.listen(listener, backlog) == 0
        else {
            let error = failure("listen on port \(port)")
            close(listener)
            throw error
        }
        return listener
    }

    /// A connected, blocking descriptor to 127.0.0.1.
    public static func connect(to port: UInt16) throws(KitError) -> Int32 {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw failure("make a socket") }
        guard unsafe withAddress(.v4, port, { unsafe Glibc.connect(made, $0, $1) }) == 0 else {
            let error = failure("connect to port \(port)")
            close(made)
            throw error
        }
        return made
    }

    /// The local port of `descriptor`.
    public static func port(of descriptor: Int32) -> UInt16 {
        var address = sockaddr_in6()  // the larger shape; the port stands at the same place in both
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: address.sin6_port)
    }

    /// The address at the other end of `descriptor`.
    public static func peer(of descriptor: Int32) -> String {
        var address = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { shape in
                guard unsafe getpeername(descriptor, shape, &size) == 0 else { return Int32(EAI_FAIL) }
                return unsafe getnameinfo(shape, size, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            }
        }
        return code == 0 ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
    }

    private static func withAddress(
        _ address: Address, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = port.bigEndian
        four.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        six.sin6_addr = in6addr_loopback
        func call<Shape>(_ shape: Shape) -> Int32 {
            unsafe withUnsafePointer(to: shape) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<Shape>.size))
                }
            }
        }
        return address == .v4 ? call(four) : call(six)
    }

    private static func failure(_ doing: String) -> KitError {
        KitError("cannot \(doing): \(unsafe String(cString: strerror(errno)))")
    }
}

/// close(2), for tests that need nothing else of the system.
public func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
