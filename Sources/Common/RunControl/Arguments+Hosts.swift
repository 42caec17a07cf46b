// Hosts, addresses and networks as arguments of the rc.

import InternetAddress
import MailFormat

extension Arguments {
    mutating func hostAndPort(_ what: String, defaultPort: Int) throws(RunControlFault) -> (host: String, port: Int) {
        let word = try next(what)
        if let (_, rest) = Self.parted(word.text), HostAndPort(rest) != nil {
            throw fault(word, "\(what) is written without ://; write \"\(rest)\"")
        }
        if let colon = word.text.lastIndex(of: ":"), IPAddress(word.text) == nil {
            let port = word.text[word.text.index(after: colon)...]
            let isNumber = !port.isEmpty && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
            guard !isNumber || (1...65_535).contains(Int(port) ?? 0) else {
                throw fault(word, "a port is a number from 1 to 65,535, not \"\(port)\"")
            }
        }
        guard let read = HostAndPort(word.text), Self.isHost(read.host), read.port != 0 else {
            throw fault(word, "\(what) is HOST, HOST:PORT or [ADDRESS]:PORT, not \"\(word.text)\"")
        }
        return (read.host, read.port ?? defaultPort)
    }

    private static func isHost(_ text: String) -> Bool {
        IPAddress(text) != nil
            || (text.utf8.count <= 255 && Address.isDomain(Array(text.utf8)) && !text.hasPrefix("["))
    }

    /// The address a listener binds; `nil` for `*`.
    mutating func bindAddress(defaultPort: Int) throws(RunControlFault) -> (address: IPAddress?, port: Int) {
        let word = try next("the address")
        let read = HostAndPort(word.text)
        let address = read.flatMap { IPAddress($0.host) }
        guard let read, read.host == "*" || address != nil else {
            throw fault(
                word,
                "the address is one of this machine with a port, such as 127.0.0.1:\(defaultPort), "
                    + "[::]:\(defaultPort) or *:\(defaultPort), not \"\(word.text)\"")
        }
        return (address, read.port ?? defaultPort)
    }

    mutating func ownAddress(_ what: String) throws(RunControlFault) -> IPAddress {
        let word = try next(what)
        guard let address = IPAddress(word.text) else {
            throw fault(word, "\(what) is an IP address, not \"\(word.text)\"")
        }
        return address
    }

    mutating func domain(_ what: String) throws(RunControlFault) -> String {
        let word = try next(what)
        guard word.text.utf8.count <= 255, Address.isDomain(Array(word.text.utf8)), !word.text.hasPrefix("[") else {
            throw fault(word, "\(what) is a domain, not \"\(word.text)\"")
        }
        return word.text.lowercased()
    }

    /// The name of a host, as greetings and EHLO have it.
    mutating func hostName(_ what: String) throws(RunControlFault) -> String {
        let word = peek
        let name = try domain(what)
        guard let word, !name.utf8.allSatisfy({ $0 < 0x80 }) || IPAddress(name) != nil else { return name }
        throw fault(
            word, "\(what) is a name in ASCII (xn-- for other letters), and no address, unlike \"\(word.text)\"")
    }

    /// Addresses and networks up to the end of the line.
    mutating func networks(country: Refusal, host: Refusal) throws(RunControlFault) -> [Network] {
        var networks: [Network] = []
        let words = try rest("an address or network")
        for word in words {
            guard word.text != country.word else { throw fault(word, country.message) }
            networks.append(try network(word, host: host))
        }
        return networks
    }

    private func network(_ word: Word, host: Refusal) throws(RunControlFault) -> Network {
        guard let address = IPAddress(word.text.prefix { $0 != "/" }) else {
            // Digits and dots alone were meant for an address.
            let isNumeric = word.text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2F }
            guard isNumeric || !Self.isHost(word.text) else { throw fault(word, host.message) }
            throw fault(word, "\"\(word.text)\" is no IP address and no network such as 192.168.0.0/16 or fd00::/8")
        }
        guard let network = Network(word.text) else {
            throw fault(word, "a number from 0 to \(address.octets.count * 8) must follow the /")
        }
        guard network.base == address else {
            throw fault(word, "\"\(word.text)\" has bits set after its first \(network.prefix)")
        }
        return network
    }
}
