// An IP address with a port, as a value.

import Glibc

/// An IPv4 or IPv6 address and a TCP port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    public enum Family: Sendable, Hashable { case ipv4, ipv6 }

    public let family: Family
    /// The address in network order: 4 or 16 octets.
    public let octets: [UInt8]
    public var port: UInt16
    /// The interface a link-local IPv6 address belongs to; 0 for none.
    public let scope: UInt32

    /// - Returns: `nil` unless there are 4 or 16 octets.
    public init?(octets: [UInt8], port: UInt16, scope: UInt32 = 0) {
        switch octets.count {
        case 4: family = .ipv4
        case 16: family = .ipv6
        default: return nil
        }
        (self.octets, self.port, self.scope) = (octets, port, scope)
    }

    /// Reads an address without its port, as in `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`; never asks DNS.
    public init?(numeric text: String, port: UInt16) {
        var text = text
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        guard !text.utf8.contains(0) else { return nil }
        var address = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &address) == 1 {
            self.init(octets: Array(address[..<4]), port: port)
        } else if unsafe inet_pton(AF_INET6, text, &address) == 1 {
            self.init(octets: address, port: port)
        } else {
            return nil
        }
    }

    /// Our own end, or the peer's, of a connected or bound socket; `nil` when it is no IP socket.
    public static func of(socket: Int32, peer: Bool) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                let code = unsafe peer ? getpeername(socket, raw, &length) : getsockname(socket, raw, &length)
                return code == 0 ? unsafe SocketAddress(raw, length) : nil
            }
        }
    }

    /// Reads what the system filled in.
    init?(_ raw: UnsafePointer<sockaddr>, _ length: socklen_t) {
        let bytes = unsafe UnsafeRawBufferPointer(start: raw, count: Int(length))
        switch unsafe Int32(raw.pointee.sa_family) {
        case AF_INET where length >= socklen_t(MemoryLayout<sockaddr_in>.size):
            let port = unsafe UInt16(bytes[2]) << 8 | UInt16(bytes[3])
            unsafe self.init(octets: Array(bytes[4..<8]), port: port)
        case AF_INET6 where length >= socklen_t(MemoryLayout<sockaddr_in6>.size):
            let port = unsafe UInt16(bytes[2]) << 8 | UInt16(bytes[3])
            let scope = unsafe bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self)
            unsafe self.init(octets: Array(bytes[8..<24]), port: port, scope: scope)
        default: return nil
        }
    }

    /// Lends the address in the system's shape.
    func withSystemShape<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // Family in host order, port in network order, then: v4 address | v6 flow, address, scope (netinet/in.h).
        var shape = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
        let number = UInt16(family == .ipv4 ? AF_INET : AF_INET6)
        unsafe shape.withUnsafeMutableBytes { unsafe $0.storeBytes(of: number, as: UInt16.self) }
        shape[2] = UInt8(port >> 8)
        shape[3] = UInt8(port & 0xFF)
        let start = family == .ipv4 ? 4 : 8
        shape.replaceSubrange(start..<start + octets.count, with: octets)
        if family == .ipv6 {
            unsafe shape.withUnsafeMutableBytes { unsafe $0.storeBytes(of: scope, toByteOffset: 24, as: UInt32.self) }
        }
        let length = family == .ipv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
        return unsafe shape.withUnsafeBytes { bytes in
            // The array is never empty, and malloc aligns it for any type.
            unsafe body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }

    /// The address without its port, as in `192.0.2.1` or `2001:db8::1`.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let made = unsafe inet_ntop(family == .ipv4 ? AF_INET : AF_INET6, octets, &text, socklen_t(text.count))
        return unsafe made == nil
            ? "?" : String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// `192.0.2.1:25` or `[2001:db8::1]:25`.
    public var description: String { family == .ipv4 ? "\(host):\(port)" : "[\(host)]:\(port)" }
}
