// Whether an interface of this machine leads anywhere.

import Glibc
import InternetAddress

public enum NetworkInterface {
    /// The addresses of this machine, at all its interfaces.
    public static func addresses() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var found: [IPAddress] = []
        var at = unsafe first
        while let entry = unsafe at {
            unsafe at = entry.pointee.ifa_next
            guard let address = unsafe entry.pointee.ifa_addr else { continue }
            let length =
                unsafe Int32(address.pointee.sa_family) == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            guard let endpoint = unsafe Endpoint(address, socklen_t(length)) else { continue }
            found.append(endpoint.address)
        }
        return found
    }

    /// Whether the interface `name` is up, running, and has an address that other networks can be reached from.
    public static func isUp(_ name: String) -> Bool {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard unsafe getifaddrs(&first) == 0 else { return false }
        defer { unsafe freeifaddrs(first) }
        let wanted = UInt32(IFF_UP | IFF_RUNNING)
        var at = unsafe first
        while let entry = unsafe at {
            let interface = unsafe entry.pointee
            unsafe at = interface.ifa_next
            guard unsafe String(cString: interface.ifa_name) == name,
                unsafe interface.ifa_flags & wanted == wanted, let address = unsafe interface.ifa_addr
            else { continue }
            switch unsafe Int32(address.pointee.sa_family) {
            case AF_INET: return true
            case AF_INET6:
                let octets = unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { other in
                    unsafe withUnsafeBytes(of: other.pointee.sin6_addr) { unsafe Array($0.prefix(2)) }
                }
                // A link-local one (fe80::/10) comes with the cable.
                if !(octets[0] == 0xFE && octets[1] & 0xC0 == 0x80) { return true }
            default: continue
            }
        }
        return false
    }
}
