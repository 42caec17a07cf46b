// A host with or without a port, as people write it.

/// HOST, HOST:PORT, ADDRESS or [ADDRESS]:PORT. The characters of a host's name are not checked here.
public struct HostAndPort: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an address without brackets.
    public var host: String
    public var port: Int?

    public init(host: String, port: Int?) {
        self.host = host
        self.port = port
    }

    /// - Returns: `nil` where brackets hold no IPv6 address, the host is empty, or the port is no number up to 65,535.
    public init?(_ text: String) {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<close])
            guard host.utf8.contains(UInt8(ascii: ":")), IPAddress(host) != nil else { return nil }
            let rest = text[text.index(after: close)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let number = Self.port(rest.dropFirst()) else { return nil }
                port = number
            }
            return
        }
        host = text
        if IPAddress(text) != nil { return }
        if let colon = text.lastIndex(of: ":") {
            guard let number = Self.port(text[text.index(after: colon)...]) else { return nil }
            host = String(text[..<colon])
            port = number
        }
        guard !host.isEmpty, !host.contains(":") else { return nil }
    }

    private static func port(_ text: Substring) -> Int? {
        guard text.utf8.count <= 5, let number = decimal(text.utf8), number <= 65_535 else {
            return nil
        }
        return number
    }

    /// Whether `host` is the path of a socket, which has no port.
    public static func isSocket(_ host: String) -> Bool { host.hasPrefix("/") }

    /// Whether what is sent to `host` never leaves this machine: its address or name says so.
    public static func isHere(_ host: String) -> Bool {
        if isSocket(host) { return true }
        if let address = IPAddress(host) { return address.isLoopback }
        let name = host.lowercased()
        return name == "localhost" || name.hasSuffix(".localhost")  // RFC 6761 §6.3
    }

    /// In the form that ``init(_:)`` reads.
    public var description: String {
        let written = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port.map { "\(written):\($0)" } ?? written
    }
}
