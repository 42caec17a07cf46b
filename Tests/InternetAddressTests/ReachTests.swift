// How far addresses reach.

import InternetAddress
import Testing

@Suite("How far an address reaches")
struct ReachTests {
    @Test(
        "SE7: what DNS of strangers must not lead us to is not globally reachable",
        arguments: [
            "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.178.1", "198.18.0.1", "198.51.100.7",
            "203.0.113.7", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
            "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
            "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::", "3fff::1", "fc00::1", "fd12::1",
            "fe80::1", "fec0::1", "ff02::1", "5f00::1",
        ])
    func unreachable(_ text: String) throws {
        #expect(try !#require(IPAddress(text)).isGloballyReachable)
    }

    @Test(
        "SE7: addresses of the internet are",
        arguments: [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.0.9", "192.0.1.1", "192.167.255.255", "192.169.0.0",
            "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
            "2001:4:112::1", "2001:200::1", "2606:4700::1111", "2a00:1450::1b", "3ffe::1",
        ])
    func reachable(_ text: String) throws {
        #expect(try #require(IPAddress(text)).isGloballyReachable)
    }
}
