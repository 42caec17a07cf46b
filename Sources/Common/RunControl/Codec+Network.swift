// How servers, networks, certificates and whatever else concerns connections are written in the rc.

import Credentials
import InternetAddress

extension Codec where Value == IPAddress {
    /// The IP address of a machine.
    static func ownAddress(_ what: String) -> Codec {
        Codec(
            samples: ["192.0.2.1", "2001:db8::1"],
            read: { arguments throws(RunControlFault) in try arguments.ownAddress(what) },
            write: { [.word("\($0)")] })
    }
}

extension Codec where Value == ResolverRule {
    static let resolver = Codec(
        samples: ["system", "recursive", "192.0.2.53", "127.0.0.1:5353 [2001:db8::53]:53 2001:db8::1"],
        read: { arguments throws(RunControlFault) in
            if let word = arguments.peek, ["system", "recursive"].contains(word.text) {
                _ = try arguments.next("the resolver")
                return word.text == "system" ? .system : .recursive
            }
            var servers: [HostAndPort] = []
            repeat {
                let word = try arguments.next("system, recursive, or the address of a name server")
                guard let place = HostAndPort(word.text), IPAddress(place.host) != nil, place.port != 0 else {
                    throw arguments.fault(
                        word, "a name server is an address, such as 192.0.2.53 or 127.0.0.1:5353, not \"\(word.text)\"")
                }
                servers.append(place)
            } while !arguments.isAtEnd
            return .servers(servers)
        },
        write: { rule in
            switch rule {
            case .system: [.word("system")]
            case .recursive: [.word("recursive")]
            case .servers(let servers): servers.map { .word("\($0)") }
            }
        })
}

extension Codec where Value == FetchServer {
    static let fetchServer = server(
        .service(later: [Refusal(word: "odmr", deed: "fetch by ODMR")]),
        samples: ["pop3 a.example", "imaps a.example:1993", "imap [2001:db8::1]", "pop3s 192.0.2.1:1995"],
        defaultPort: \.defaultPort, make: FetchServer.init, take: { ($0.service, $0.host, $0.port) })
}

extension Codec where Value == SendServer {
    static let sendServer: Codec = {
        let services = Codec<SendServer.Service>.service(later: [])
        return Codec(
            samples: [
                "smtp a.example", "submission a.example:2587", "submissions [2001:db8::1]:2465",
                "submissions a.example b.example:2465 [2001:db8::1]", "lmtp /run/a", "lmtp a.example b.example:2424",
            ],
            read: { arguments throws(RunControlFault) in
                let service = try services.read(&arguments)
                func place() throws(RunControlFault) -> (host: String, port: Int) {
                    try arguments.hostOrSocket(ofLMTP: service == .lmtp, "send", defaultPort: service.defaultPort)
                }
                let first = try place()
                var server = SendServer(service: service, host: first.host, port: first.port)
                while !arguments.isAtEnd {
                    let other = try place()
                    server.others.append(HostAndPort(host: other.host, port: other.port))
                }
                return server
            },
            write: { server in
                func piece(_ place: HostAndPort) -> Piece {
                    .word(HostAndPort.isSocket(place.host) ? place.host : "\(place)")
                }
                let first = HostAndPort(host: server.host, port: server.port)
                return (services.write(server.service) ?? []) + ([first] + server.others).map(piece)
            })
    }()
}

extension Arguments {
    /// A server of which the rc says that it is a host with or without a port or, by LMTP, the path of a socket, whose port
    /// is 0.
    /// - Parameter word: that of the line, for errors.
    mutating func hostOrSocket(
        ofLMTP isLMTP: Bool, _ word: String, defaultPort: Int
    ) throws(RunControlFault) -> (host: String, port: Int) {
        if let text = peek, text.text.hasPrefix("/") || text.text.hasPrefix("~") {
            guard isLMTP else { throw fault(text, "a socket speaks LMTP; write \"\(word) lmtp \(text.text)\"") }
            return (try path("the socket"), 0)
        }
        if let text = peek, text.text.contains("/"), !text.text.contains("://") {
            throw fault(text, "a socket is named by its whole path, which begins with /, unlike \"\(text.text)\"")
        }
        return try hostAndPort("the server", defaultPort: defaultPort)
    }
}

extension Codec {
    /// SERVICE HOST[:PORT]
    fileprivate static func server<Service: Sendable>(
        _ services: Codec<Service>, samples: [String], defaultPort: KeyPath<Service, Int> & Sendable,
        make: @escaping @Sendable (Service, String, Int) -> Value,
        take: @escaping @Sendable (Value) -> (service: Service, host: String, port: Int)
    ) -> Codec {
        var codec = Codec(
            samples: samples,
            read: { arguments throws(RunControlFault) in
                let service = try services.read(&arguments)
                let port = service[keyPath: defaultPort]
                let (host, given) = try arguments.hostAndPort("the server", defaultPort: port)
                return make(service, host, given)
            },
            write: { value in
                let (service, host, port) = take(value)
                return (services.write(service) ?? []) + [.word("\(HostAndPort(host: host, port: port))")]
            })
        codec.refusals = services.refusals
        return codec
    }
}

extension Codec where Value == [Network] {
    /// Addresses and networks up to the end of the line.
    /// - Parameter deed: what this release cannot do with host names.
    static func networks(hosts deed: String) -> Codec {
        let country = Refusal(word: "country", deed: "tell the country of an address")
        let host = Refusal(word: "host", deed: deed)
        var codec = Codec(
            samples: ["192.0.2.1", "192.168.0.0/16 fd00::/8", "0.0.0.0/0"],
            read: { arguments throws(RunControlFault) in try arguments.networks(country: country, host: host) },
            write: { $0.isEmpty ? nil : $0.map { .word("\($0)") } })
        codec.refusals = [country, host]
        return codec
    }
}

extension Codec where Value == CertificatePair {
    static let certificatePair: Codec = {
        var codec = Codec(
            samples: ["/a.crt key \"~/a b.key\""],
            read: { arguments throws(RunControlFault) in try arguments.certificatePair() },
            write: { [.word($0.certificate), .word("key"), .word($0.key)] })
        codec.files = { [$0.certificate, $0.key] }
        return codec
    }()
}

extension Codec where Value == [CertificatePin] {
    /// Pins up to the end of the line: 64 hexadecimal digits, with colons between octets or without, or `sha256//` and
    /// base64.
    static let fingerprints = Codec(
        samples: [
            String(repeating: "0aF1", count: 16), Array(repeating: "0A", count: 32).joined(separator: ":"),
            "sha256//" + String(repeating: "A", count: 43) + "=",
        ],
        read: { arguments throws(RunControlFault) in
            var pins: [CertificatePin] = []
            for word in try arguments.rest("the fingerprint") { pins.append(try arguments.pin(word)) }
            return pins
        },
        write: { $0.isEmpty ? nil : $0.map { .word("\($0)") } })
}

extension Codec where Value == [String] {
    /// Names of cipher suites, with blanks or, as in openssl-ciphers(1), colons between them.
    static let ciphers = Codec(
        samples: ["TLS_AES_256_GCM_SHA384", "ECDHE+AESGCM:!SHA1 TLS_CHACHA20_POLY1305_SHA256"],
        read: { arguments throws(RunControlFault) in
            var names: [String] = []
            for word in try arguments.rest("the cipher suite") {
                let parts = word.text.split(separator: ":").map(String.init)
                guard !parts.isEmpty, word.text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                    throw arguments.fault(word, "\"\(word.text)\" names no cipher suite")
                }
                names += parts
            }
            return names
        },
        write: { $0.isEmpty ? nil : $0.map { .word($0) } })
}

extension Codec where Value == TLSLine {
    static let tls = Codec(
        samples: ["", "on", "required", "off", "off insecure"],
        read: { arguments throws(RunControlFault) in
            if arguments.peek == nil || arguments.peek?.text == "on" {  // as msmtp has it
                _ = try arguments.onOff()
                return TLSLine(rule: .required)
            }
            let rule = try arguments.choice("tls", of: TLSRule.self)
            // In clear over a network only if the line says so in so many words.
            guard rule == .off, let word = arguments.peek else { return TLSLine(rule: rule) }
            _ = try arguments.next("insecure")
            guard word.text == "insecure" else {
                let hint = Nearest.hint(to: word.text, among: ["insecure"])
                throw arguments.fault(word, "tls off, or tls off insecure, not \"tls off \(word.text)\"\(hint)")
            }
            return TLSLine(rule: .off, isInsecure: true)
        },
        write: { $0.isInsecure ? [.word("off"), .word("insecure")] : [.word($0.rule.rawValue)] })
}

extension Arguments {
    fileprivate func pin(_ word: Word) throws(RunControlFault) -> CertificatePin {
        guard let pin = CertificatePin(word.text) else {
            let digits = word.text.utf8.count { $0 != 0x3A }
            let old = digits == 32 || digits == 40 ? "MD5 and SHA-1 prove nothing any more; " : ""
            throw fault(
                word,
                "\(old)a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits with or without colons, or "
                    + "that of its key: sha256//BASE64")
        }
        return pin
    }
}
