// Hosts and ports as people write them.

import InternetAddress
import Testing

struct HostAndPortTests {
    @Test(
        "host and port are told apart, and printed as they are read",
        arguments: [
            ("mail.example.org", "mail.example.org", nil), ("mail.example.org:25", "mail.example.org", 25),
            ("192.0.2.1:65535", "192.0.2.1", 65_535), ("192.0.2.1", "192.0.2.1", nil), ("*:0", "*", 0),
            ("[2001:db8::1]:993", "2001:db8::1", 993), ("[::1]", "::1", nil),
        ] as [(String, String, Int?)])
    func read(text: String, host: String, port: Int?) throws {
        let read = try #require(HostAndPort(text))
        #expect(read == HostAndPort(host: host, port: port))
        #expect(read.description == text)
    }

    @Test("an IPv6 address may stand without brackets, where it has no port")
    func bare() {
        #expect(HostAndPort("2001:db8::1") == HostAndPort(host: "2001:db8::1", port: nil))
    }

    @Test(
        "what is neither",
        arguments: [
            "", ":25", "a:", "a:b", "a:65536", "a:000025", "a:-1", "a:+1", "a:b:1", "[::1", "[::1]25", "[::1]:",
            "[192.0.2.1]:25", "[a]:25", "[]:25", "[]", "[::1]:65536", "1:2:3:4:5:6:7:8:9",
        ])
    func neither(text: String) {
        #expect(HostAndPort(text) == nil)
    }

    @Test("this machine is known by address and by name")
    func loopback() {
        for host in [
            "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost", "a.localhost", "/run/lmtp",
        ] {
            #expect(HostAndPort.isHere(host), "\(host)")
        }
        for host in ["192.0.2.1", "128.0.0.1", "::2", "localhost.example.org", "alocalhost", ""] {
            #expect(!HostAndPort.isHere(host), "\(host)")
        }
    }
}
