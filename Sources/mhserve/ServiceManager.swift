// Messages to the service manager (sd_notify(3)): a datagram each, to the socket that it names.

import CMHSys
import Glibc

enum ServiceManager {
    /// Sends `message`, such as `READY=1`, if a service manager listens.
    static func notify(_ message: String) {
        guard let value = unsafe getenv("NOTIFY_SOCKET") else { return }
        var path = unsafe Array(String(cString: value).utf8)
        var address = sockaddr_un()
        guard path.count > 1, path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        if path[0] == 0x40 { path[0] = 0 }  // @: the abstract name space
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let octets = Array(message.utf8)
        _ = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                unsafe octets.withUnsafeBytes {
                    unsafe sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), target, length)
                }
            }
        }
    }
}
