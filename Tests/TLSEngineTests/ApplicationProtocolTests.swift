// ALPN (RFC 7301): what a server lets in, and that a client of ours says nothing.

import Octets
import Testing

@testable import TLSEngine

@Suite("Application protocols")
struct ApplicationProtocolTests {
    private let certificate: TestCertificate
    private let other: TestCertificate

    init() throws {
        certificate = try TestCertificate(["mail.example.org"])
        other = try TestCertificate(["other.example.org"])
    }

    @Test(
        "a client that offers no list is served; a list must hold a name of what is spoken",
        arguments: [
            (nil, true), (["smtp"], true), (["esmtp"], true), (["h2", "http/1.1", "esmtp"], true),
            (["h2", "http/1.1"], false), (["pop3"], false), (["SMTP"], false), (["smtps"], false), (["smt"], false),
            (["ftp", "imap", "xmpp-client"], false),
        ] as [([String]?, Bool)])
    func offered(_ list: [String]?, _ isServed: Bool) throws {
        // The second certificate is chosen by SNI: it must ask the same.
        for name in ["mail.example.org", "other.example.org", "unknown.example.org"] {
            let context = try TLSContext.server(
                certificates: [certificate.files, other.files], protocols: ["smtp", "esmtp"])
            let server = try TLSConnection(server: context)
            server.receive(try ClientHello(of: name).offering(list))
            if isServed {
                #expect(try server.advance() == .handshaking)
                #expect(TLSPair.octets(of: server).first == 0x16, "\(name): a handshake record")
            } else {
                #expect(throws: TLSError.self) { try server.advance() }
                let alert = TLSPair.octets(of: server)
                // Fatal, no_application_protocol (RFC 7301 §3.2).
                #expect(alert.first == 0x15 && alert.suffix(2) == [2, 120], "\(name): \(alert)")
            }
        }
    }

    @Test("a server without names does not look at the list")
    func notAsked() throws {
        let server = try TLSConnection(server: try certificate.server())
        server.receive(try ClientHello(of: "mail.example.org").offering(["h2"]))
        #expect(try server.advance() == .handshaking)
        #expect(TLSPair.octets(of: server).first == 0x16)
    }

    @Test("a client offers no list")
    func client() throws {
        #expect(try !ClientHello(of: "mail.example.org").extensions.contains(ClientHello.applicationProtocols))
    }

    @Test(
        "a list that is cut off or empty names nothing",
        arguments: [[], [0], [5, 0x73], [4, 0x73, 0x6D, 0x74], [0, 0, 0], [255]] as [[UInt8]])
    func malformed(_ list: [UInt8]) {
        #expect(SpokenProtocols(["smtp"]).firstSpoken(in: list.span) == nil)
    }
}

/// The first flight of a client of ours, taken apart as far as its extensions (RFC 8446 §4.1.2).
private struct ClientHello {
    static let applicationProtocols = 16

    private let octets: [UInt8]
    /// Where the extensions begin: behind the two octets of their length.
    private let start: Int

    init(of name: String) throws {
        octets = TLSPair.octets(of: try TLSConnection(client: .client(), to: name))
        // Record header 5, handshake header 4, version 2, random 32, then three vectors.
        var at = 43
        at += 1 + Int(octets[at])
        at += 2 + Int(octets[at]) << 8 + Int(octets[at + 1])
        at += 1 + Int(octets[at])
        start = at + 2
        try #require(octets.first == 0x16 && Self.number(octets, at) == octets.count - start)
    }

    /// The kinds of its extensions.
    var extensions: [Int] {
        var kinds: [Int] = []
        var at = start
        while at < octets.count {
            kinds.append(Self.number(octets, at))
            at += 4 + Self.number(octets, at + 2)
        }
        return kinds
    }

    /// The same with an ALPN extension first; as it is for `nil`.
    func offering(_ list: [String]?) -> [UInt8] {
        guard let list else { return octets }
        let names = list.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let body = Self.two(names.count) + names
        let more = Self.two(Self.applicationProtocols) + Self.two(body.count) + body
        var made = octets
        made.insert(contentsOf: more, at: start)
        for (at, length) in [(3, octets.count - 5), (7, octets.count - 9), (start - 2, octets.count - start)] {
            made.replaceSubrange(at..<at + 2, with: Self.two(length + more.count))
        }
        return made
    }

    private static func number(_ octets: [UInt8], _ at: Int) -> Int { Int(octets[at]) << 8 + Int(octets[at + 1]) }
    private static func two(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }
}
