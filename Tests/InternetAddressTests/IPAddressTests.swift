// Addresses and networks, read strictly.

import InternetAddress
import Testing

struct IPAddressTests {
    @Test(
        "what is read is printed in the one form",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
            ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0db8::0001", "2001:db8::1"), ("fe80::", "fe80::"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("0:0:0:0:0:0:0:0", "::"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"), ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
            ("1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ])
    func round(text: String, printed: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == printed)
        #expect(IPAddress(printed) == address)
    }

    @Test(
        "what other programs read in two ways is not read",
        arguments: [
            "", "1", "127.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", "1.2.3.4 ",
            " 1.2.3.4",
            "0x7f.0.0.1", "1..2.3", "1.2.3.", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:::2",
            ":1::2",
            "1::2:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "[::1]", "fe80::1%eth0", "1.2.3.4::",
            "::1.2.3.4:5", "::1.2.3", "::+1", "::-1", "1.2.3.4:25", "1.2.3.4/8", "::1/128", "\u{661}.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
        ])
    func strict(text: String) {
        #expect(IPAddress(text) == nil, "\(text)")
    }

    @Test("IPv4 within IPv6 is the IPv4 address")
    func mapped() throws {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 192, 0, 2, 1]
        #expect(IPAddress(octets: mapped) == IPAddress("192.0.2.1"))
        #expect(IPAddress(octets: [1, 2, 3]) == nil)
        #expect(try #require(IPAddress("127.9.9.9")).isLoopback)
        #expect(try #require(IPAddress("::1")).isLoopback)
        #expect(try #require(IPAddress("::2")).isLoopback == false)
    }

    @Test(
        "an address literal names its family, and both ways agree",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("IPv6:2001:DB8::1", "IPv6:2001:db8::1"), ("ipv6:::1", "IPv6:::1"),
            ("IPv6:::ffff:192.0.2.1", "192.0.2.1"), ("::1", nil), ("2001:db8::1", nil), ("IPv6:192.0.2.1", nil),
            ("IPv6:", nil), ("", nil), ("IPv6::1", nil), ("IPv4:192.0.2.1", nil), ("mx.example.org", nil),
        ])
    func literals(text: String, printed: String?) {
        #expect(IPAddress(literal: Array(text.utf8))?.literal == printed)
    }

    @Test(
        "networks are masked, printed and compared",
        arguments: [
            ("192.168.7.9/16", "192.168.0.0/16"), ("192.0.2.1", "192.0.2.1"), ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.1.2.3/9", "10.0.0.0/9"),
            ("fd00::1/8", "fd00::/8"), ("::/0", "::/0"), ("2001:db8::ff/121", "2001:db8::80/121"), ("::1", "::1"),
            ("::ffff:192.0.2.9/120", "192.0.2.0/24"),
        ])
    func networks(text: String, printed: String) throws {
        #expect(try #require(Network(text)).description == printed)
    }

    @Test(
        "what is no network",
        arguments: [
            "", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/08", "1.2.3.4/8/8", "::/129", "::1/+1",
            "1.2.3.0/255.255.255.0",
            "::ffff:192.0.2.0/24", "1.2.3.4/99999999999999999999",
        ])
    func noNetwork(text: String) {
        #expect(Network(text) == nil, "\(text)")
    }

    @Test("membership is decided bit by bit, for every prefix")
    func membership() throws {
        let base = try #require(IPAddress("170.85.204.51"))
        for prefix in 0...32 {
            let network = try #require(Network(base, prefix: prefix))
            for bit in 0..<32 {
                var octets = base.octets
                octets[bit / 8] ^= UInt8(0x80 >> (bit % 8))
                let other = try #require(IPAddress(octets: octets))
                #expect(network.contains(other) == (bit >= prefix), "/\(prefix), bit \(bit)")
            }
        }
        #expect(try #require(Network("::/0")).contains(base) == false)
    }

    @Test(
        "private means all of it",
        arguments: [
            ("10.0.0.0/8", true), ("10.0.0.0/7", false), ("172.31.0.0/16", true), ("172.32.0.0/16", false),
            ("::1", true),
            ("fd12::/16", true), ("2001:db8::/32", false), ("0.0.0.0/0", false), ("192.168.1.7", true),
        ])
    func privateNetworks(text: String, isPrivate: Bool) throws {
        #expect(try #require(Network(text)).isPrivate == isPrivate)
    }
}
