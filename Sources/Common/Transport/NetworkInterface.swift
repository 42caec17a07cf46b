// Whether an interface of this machine leads anywhere.

import Glibc
import InternetAddress

public enum NetworkInterface {
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
