// Loopback sockets for tests: free ports, listening, connecting, waiting for a server.

import Blocking
import Glibc
import Synchronization

public enum Loopback {
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

    /// A listening descriptor on 127.0.0.1; port 0 lets the kernel choose.
    public static func listen(on port: UInt16 = 0, backlog: Int32 = 128) throws(KitError) -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw failure("make a socket") }
        var on: Int32 = 1
        unsafe setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe withAddress(port, { unsafe bind(listener, $0, $1) }) == 0,
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
        guard unsafe withAddress(port, { unsafe Glibc.connect(made, $0, $1) }) == 0 else {
            let error = failure("connect to port \(port)")
            close(made)
            throw error
        }
        return made
    }

    /// The local port of `descriptor`.
    public static func port(of descriptor: Int32) -> UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func withAddress(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func failure(_ doing: String) -> KitError {
        KitError("cannot \(doing): \(unsafe String(cString: strerror(errno)))")
    }
}

/// close(2), for tests that need nothing else of the system.
public func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
