// A DNS server for tests: answers from a table, over UDP and TCP, on loopback only.

import Blocking
import Glibc

/// Listens on 127.0.0.1, on one port for both UDP and TCP, until released.
public final class FakeDNS: Sendable {
    /// What a name and type are answered with.
    public enum Reply: Sendable {
        case records([[UInt8]])
        case code(UInt8)
        case silence
        /// Over UDP the truncation bit only: the asker must come again over TCP.
        case overTCP([[UInt8]])
    }

    public let port: UInt16
    private let udp: Int32
    private let tcp: Int32
    private let stop: Int32
    private let thread: BlockingThread

    /// - Parameter table: by `name type`, as in `example.org 15`; a name in it exists for every type.
    public init(_ table: [String: Reply]) throws {
        let tcp = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let udp = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var bound: UInt16 = 0
        // The system picks the TCP port; the same one is nearly always free for UDP.
        repeat { bound = Self.bindLoopback(tcp, port: 0) } while Self.bindLoopback(udp, port: bound) == 0
        listen(tcp, 16)
        var gate: [Int32] = [-1, -1]
        precondition(unsafe pipe(&gate) == 0)
        let exit = gate[0]
        (self.udp, self.tcp, stop, port) = (udp, tcp, gate[1], bound)
        thread = try BlockingThread(name: "fake-dns") {
            Self.serve(udp, tcp, until: exit, table)
            for descriptor in [udp, tcp, exit] { close(descriptor) }
        }
    }

    /// - Parameters:
    ///   - exchangers: MX records of domains, such as `10 mx.example.org`; `0 ` is the null MX.
    ///   - hosts: the addresses of hosts.
    ///   - others: further answers.
    public convenience init(
        exchangers: [String: [String]], hosts: [String: [String]], others: [String: Reply] = [:]
    ) throws {
        var table = others
        for (domain, records) in exchangers {
            table["\(domain) 15"] = .records(
                records.map { record in
                    let words = record.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
                    let preference = UInt16(words[0]) ?? 0
                    return [UInt8(preference >> 8), UInt8(preference & 0xFF)] + wire(words[1])
                })
        }
        for (host, addresses) in hosts {
            for (type, family, count) in [(1, AF_INET, 4), (28, AF_INET6, 16)] {
                let octets = addresses.compactMap { address -> [UInt8]? in
                    var octets = [UInt8](repeating: 0, count: count)
                    return unsafe inet_pton(family, address, &octets) == 1 ? octets : nil
                }
                table["\(host) \(type)"] = .records(octets)
            }
        }
        try self.init(table)
    }

    deinit {
        close(stop)
        thread.join()
    }

    private static func bindLoopback(_ descriptor: Int32, port: UInt16) -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                guard unsafe bind(descriptor, raw, length) == 0 else { return 0 }
                unsafe getsockname(descriptor, raw, &length)
                return unsafe UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
    }

    private static func serve(_ udp: Int32, _ tcp: Int32, until exit: Int32, _ table: [String: Reply]) {
        while true {
            var watched = [udp, tcp, exit].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = unsafe poll(&watched, 3, -1)
            if watched[2].revents != 0 { return }
            if watched[0].revents != 0 { answerUDP(udp, table) }
            if watched[1].revents != 0 { answerTCP(accept(tcp, nil, nil), table) }
        }
    }

    private static func answerUDP(_ descriptor: Int32, _ table: [String: Reply]) {
        var query = [UInt8](repeating: 0, count: 4096)
        var from = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        unsafe withUnsafeMutablePointer(to: &from) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                let count = unsafe recvfrom(descriptor, &query, query.count, 0, raw, &length)
                guard count > 0, let reply = answer(Array(query[..<count]), table, overTCP: false) else { return }
                _ = unsafe sendto(descriptor, reply, reply.count, 0, raw, length)
            }
        }
    }

    private static func answerTCP(_ descriptor: Int32, _ table: [String: Reply]) {
        defer { close(descriptor) }
        var query = [UInt8](repeating: 0, count: 4096)
        while true {
            var count = 0
            while count < 2 || count < 2 + Int(query[0]) << 8 + Int(query[1]) {
                let start = count
                let got = unsafe query.withUnsafeMutableBytes { bytes in
                    unsafe read(descriptor, bytes.baseAddress! + start, start < 2 ? 2 - start : bytes.count - start)
                }
                guard got > 0 else { return }
                count += got
            }
            guard let reply = answer(Array(query[2..<count]), table, overTCP: true) else { return }
            let whole = [UInt8(reply.count >> 8), UInt8(reply.count & 0xFF)] + reply
            _ = unsafe send(descriptor, whole, whole.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// The reply to one query (RFC 1035 §4.1); `nil` for silence.
    private static func answer(_ query: [UInt8], _ table: [String: Reply], overTCP: Bool) -> [UInt8]? {
        guard query.count > 16 else { return nil }
        var at = 12
        var labels: [String] = []
        while at < query.count, query[at] != 0 {
            let end = at + 1 + Int(query[at])
            guard end < query.count else { return nil }
            labels.append(String(decoding: query[at + 1..<end], as: UTF8.self).lowercased())
            at = end
        }
        guard at + 4 < query.count else { return nil }
        let name = labels.joined(separator: ".")
        let type = Int(query[at + 1]) << 8 | Int(query[at + 2])
        let question = query[12...at + 4]
        var code: UInt8 = 0
        var truncated: UInt8 = 0
        var records: [[UInt8]] = []
        switch table["\(name) \(type)"] {
        case .records(let found): records = found
        case .code(let number): code = number
        case .silence: return nil
        case .overTCP(let found):
            if overTCP { records = found } else { truncated = 0x02 }
        case nil:
            let exists = table.keys.contains { $0.hasPrefix("\(name) ") || $0.contains(".\(name) ") }
            code = exists || name.isEmpty ? 0 : 3
        }
        var reply =
            query[0..<2] + [0x81 | truncated, 0x80 | code, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + question
        for record in records {
            reply += [0xC0, 12, query[at + 1], query[at + 2], 0, 1, 0, 0, 1, 0x2C]
            reply += [UInt8(record.count >> 8), UInt8(record.count & 0xFF)] + record
        }
        return Array(reply)
    }
}

/// A name in wire form.
public func wire(_ name: String) -> [UInt8] {
    name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}
