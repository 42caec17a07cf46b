// Endpoints in the system's shape and in a person's, and which of them to try first.

import Glibc
import InternetAddress
import Testing

struct EndpointTests {
    @Test("an endpoint survives the system's shape", arguments: ["192.0.2.1", "2001:db8::1", "::", "0.0.0.0"])
    func shapes(text: String) throws {
        let endpoint = Endpoint(try #require(IPAddress(text)), port: 0x1234, scope: text.contains(":") ? 7 : 0)
        #expect(unsafe endpoint.withSystemShape { unsafe Endpoint($0, $1) } == endpoint)
        #expect(unsafe endpoint.withSystemShape { unsafe Endpoint($0, $1 - 1) } == nil)
    }

    @Test("the kernel binds the address and port that are printed", arguments: ["127.0.0.5", "::1"])
    func bound(text: String) throws {
        let wanted = Endpoint(try #require(IPAddress(text)))
        let descriptor = socket(wanted.systemFamily, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        try #require(unsafe wanted.withSystemShape { unsafe bind(descriptor, $0, $1) } == 0)
        let bound = try #require(Endpoint.of(socket: descriptor, peer: false))
        #expect(bound.address == wanted.address && bound.port != 0)
        #expect("\(bound)" == (text == "::1" ? "[::1]:\(bound.port)" : "127.0.0.5:\(bound.port)"))
        #expect(Endpoint.of(socket: descriptor, peer: true) == nil)
    }

    @Test("families take turns, or stand in the order asked for")
    func order() {
        let all = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"].compactMap {
            IPAddress($0).map { Endpoint($0) }
        }
        func hosts(_ inet: AddressPreference) -> [String] { inet.order(all).map(\.address.description) }
        #expect(hosts(.any) == ["192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"])
        #expect(hosts(.prefer6) == ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"])
        #expect(hosts(.prefer4) == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"])
        #expect(hosts(.only6) == ["2001:db8::1"])
        #expect(hosts(.only4) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
        #expect(AddressPreference.any.order([]).isEmpty)
    }

    @Test("a preference uses both families, `4` and `6` use their own")
    func allowed() {
        let four = AddressPreference.allCases.filter { $0.allows(.v4) }.map(\.rawValue)
        let six = AddressPreference.allCases.filter { $0.allows(.v6) }.map(\.rawValue)
        #expect(four == ["any", "4", "prefer4", "prefer6"])
        #expect(six == ["any", "6", "prefer4", "prefer6"])
    }
}
