// One end of a connection, as a value and as the system's `sockaddr`.

import Glibc

/// An IP address with a port.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    public let address: IPAddress
    public var port: UInt16
    /// The interface a link-local IPv6 address belongs to; 0 for none.
    public let scope: UInt32

    public init(_ address: IPAddress, port: UInt16 = 0, scope: UInt32 = 0) {
        (self.address, self.port, self.scope) = (address, port, scope)
    }

    /// Our own end, or the peer's, of a connected or bound socket; `nil` when it is no IP socket.
    public static func of(socket: Int32, peer: Bool) -> Endpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                let code = unsafe peer ? getpeername(socket, raw, &length) : getsockname(socket, raw, &length)
                return code == 0 ? unsafe Endpoint(raw, length) : nil
            }
        }
    }

    /// Reads a `sockaddr` that the system filled in.
    /// - Returns: `nil` for what is neither IPv4 nor IPv6.
    public init?(_ raw: UnsafePointer<sockaddr>, _ length: socklen_t) {
        let bytes = unsafe UnsafeRawBufferPointer(start: raw, count: Int(length))
        let octets: [UInt8]
        var scope: UInt32 = 0
        switch unsafe Int32(raw.pointee.sa_family) {
        case AF_INET where length >= socklen_t(MemoryLayout<sockaddr_in>.size):
            octets = unsafe Array(bytes[4..<8])
        case AF_INET6 where length >= socklen_t(MemoryLayout<sockaddr_in6>.size):
            octets = unsafe Array(bytes[8..<24])
            scope = unsafe bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
        default: return nil
        }
        guard let address = IPAddress(octets: octets) else { return nil }
        unsafe self.init(address, port: UInt16(bytes[2]) << 8 | UInt16(bytes[3]), scope: scope)
    }

    /// AF_INET or AF_INET6.
    public var systemFamily: Int32 { address.family == .v4 ? AF_INET : AF_INET6 }

    /// Lends the endpoint as a `sockaddr`, which is valid during the call only.
    public func withSystemShape<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // Family in host order, port in network order, then: v4 address | v6 flow, address, scope (netinet/in.h).
        var shape = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
        let number = UInt16(systemFamily)
        unsafe shape.withUnsafeMutableBytes { unsafe $0.storeBytes(of: number, as: UInt16.self) }
        shape[2] = UInt8(port >> 8)
        shape[3] = UInt8(port & 0xFF)
        let isV4 = address.family == .v4
        let start = isV4 ? 4 : 8
        shape.replaceSubrange(start..<start + address.octets.count, with: address.octets)
        if !isV4 {
            unsafe shape.withUnsafeMutableBytes { unsafe $0.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self) }
        }
        let length = isV4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        return unsafe shape.withUnsafeBytes { bytes in
            // The array is never empty, and malloc aligns it for any type.
            unsafe body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }

    /// `192.0.2.1:25` or `[2001:db8::1]:25`.
    public var description: String { HostAndPort(host: "\(address)", port: Int(port)).description }
}
