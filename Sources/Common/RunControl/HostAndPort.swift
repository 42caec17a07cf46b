// Names of hosts, addresses, networks and ports as the rc writes them.

import Glibc
import MailFormat

enum HostAndPort {
    /// The octets of an IP address: 4 or 16; `nil` for anything else.
    static func address(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= 45 else { return nil }
        var four = [UInt8](repeating: 0, count: 4)
        if unsafe inet_pton(AF_INET, text, &four) == 1 { return four }
        var sixteen = [UInt8](repeating: 0, count: 16)
        return unsafe inet_pton(AF_INET6, text, &sixteen) == 1 ? sixteen : nil
    }

    /// HOST, HOST:PORT, ADDRESS or [ADDRESS]:PORT; `nil` where a port is not given.
    static func split(_ text: String) -> (host: String, port: Int?)? {
        var host = text
        var port: Int?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<close])
            guard address(host)?.count == 16 else { return nil }
            let rest = text[text.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty {
                guard let number = number(rest.dropFirst()) else { return nil }
                port = number
            }
            return (host, port)
        }
        if address(text) != nil { return (text, nil) }
        if let colon = text.lastIndex(of: ":") {
            guard let number = number(text[text.index(after: colon)...]) else { return nil }
            host = String(text[..<colon])
            port = number
        }
        guard !host.isEmpty, !host.contains(":") else { return nil }
        return (host, port)
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text).flatMap { $0 <= 65_535 ? $0 : nil }
    }

    /// Whether what is sent to `host` never leaves this machine: its address or name says so.
    static func isLoopback(_ host: String) -> Bool {
        guard let octets = address(host) else {
            let name = host.lowercased()
            return name == "localhost" || name.hasSuffix(".localhost")  // RFC 6761 §6.3
        }
        return octets.count == 4 ? octets[0] == 127 : octets == [UInt8](repeating: 0, count: 15) + [1]
    }

    static func isHost(_ text: String) -> Bool {
        address(text) != nil || (text.utf8.count <= 255 && Address.isDomain(Array(text.utf8)) && !text.hasPrefix("["))
    }
}

extension Arguments {
    mutating func hostAndPort(_ what: String, defaultPort: Int) throws(RunControlFault) -> (host: String, port: Int) {
        let word = try next(what)
        if let (_, rest) = Self.parted(word.text), HostAndPort.split(rest) != nil {
            throw fault(word, "\(what) stands without ://; write \"\(rest)\"")
        }
        guard let (host, port) = HostAndPort.split(word.text), HostAndPort.isHost(host), port != 0 else {
            throw fault(word, "\(what) is HOST, HOST:PORT or [ADDRESS]:PORT, not \"\(word.text)\"")
        }
        return (host, port ?? defaultPort)
    }

    /// The address a listener binds.
    mutating func bindAddress(defaultPort: Int) throws(RunControlFault) -> (address: String, port: Int) {
        let word = try next("the address")
        guard let (host, port) = HostAndPort.split(word.text), host == "*" || HostAndPort.address(host) != nil else {
            throw fault(
                word,
                "the address is one of this machine with a port, such as 127.0.0.1:\(defaultPort), "
                    + "[::]:\(defaultPort) or *:\(defaultPort), not \"\(word.text)\"")
        }
        return (host, port ?? defaultPort)
    }

    mutating func ownAddress(_ what: String) throws(RunControlFault) -> String {
        let word = try next(what)
        guard HostAndPort.address(word.text) != nil else {
            throw fault(word, "\(what) is an IP address, not \"\(word.text)\"")
        }
        return word.text
    }

    mutating func domain(_ what: String) throws(RunControlFault) -> String {
        let word = try next(what)
        guard word.text.utf8.count <= 255, Address.isDomain(Array(word.text.utf8)), !word.text.hasPrefix("[") else {
            throw fault(word, "\(what) is a domain, not \"\(word.text)\"")
        }
        return word.text.lowercased()
    }

    /// Addresses and networks up to the end of the line.
    mutating func networks() throws(RunControlFault) -> [NetworkRange] {
        var ranges: [NetworkRange] = []
        let words = try rest("an address or network")
        for word in words {
            if word.text == "country", let refusal = NotYet.refusal(scope, "\(line.keyword.key) country") {
                throw fault(word, refusal)
            }
            ranges.append(try network(word))
        }
        return ranges
    }

    private func network(_ word: Word) throws(RunControlFault) -> NetworkRange {
        let parts = word.text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let octets = HostAndPort.address(String(parts[0])) else {
            if HostAndPort.isHost(word.text), let refusal = NotYet.refusal(scope, "\(line.keyword.key) host") {
                throw fault(word, refusal)
            }
            throw fault(word, "\"\(word.text)\" is no IP address and no network such as 192.168.0.0/16 or fd00::/8")
        }
        guard parts.count == 2 else {
            return NetworkRange(octets: octets, prefixLength: octets.count * 8, description: word.text)
        }
        guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(parts[1]), length <= octets.count * 8
        else { throw fault(word, "behind the / stands a number from 0 to \(octets.count * 8)") }
        let masked = octets.enumerated().map { index, octet -> UInt8 in
            let bits = min(8, max(0, length - index * 8))
            return bits == 0 ? 0 : octet & ~UInt8(truncatingIfNeeded: 0xFF >> bits)
        }
        guard masked == octets else { throw fault(word, "\"\(word.text)\" has bits set behind its first \(length)") }
        return NetworkRange(octets: octets, prefixLength: length, description: word.text)
    }
}
