// Guessing is braked and connections are counted, within bounded memory.

import Testing

@testable import AccessControl

struct LoginThrottleTests {
    private let pause = Duration.seconds(60)
    private func throttle(capacity: Int = 100) -> LoginThrottle {
        LoginThrottle(
            address: .init(failures: 3, pause: pause), login: .init(failures: 5, pause: pause), capacity: capacity)
    }
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("the third failure from an address begins a pause, and time ends it")
    func pausesAddress() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        #expect(throttle.failed(here, now: .seconds(0)) == false)
        #expect(throttle.failed(here, now: .seconds(1)) == false)
        #expect(throttle.decide(here, now: .seconds(1)) == .allowed)
        #expect(throttle.failed(here, now: .seconds(2)) == true)
        #expect(throttle.decide(here, now: .seconds(2)) == .pause(.seconds(60)))
        #expect(throttle.decide(try address("192.0.2.2"), now: .seconds(2)) == .allowed)
        #expect(throttle.decide(here, now: .seconds(61)) == .pause(.seconds(1)))
        #expect(throttle.decide(here, now: .seconds(62)) == .allowed)
        #expect(throttle.failed(here, now: .seconds(62)) == false, "the count begins anew")
        #expect(throttle.decide(here, now: .seconds(62)) == .allowed)
    }

    @Test("one /64 is one home, one /32 is one address")
    func prefixes() throws {
        var throttle = throttle()
        for host in 1...3 { _ = throttle.failed(try address("2001:db8::\(host)"), now: .zero) }
        #expect(throttle.decide(try address("2001:db8::ffff:1"), now: .zero) != .allowed)
        #expect(throttle.decide(try address("2001:db8:0:1::1"), now: .zero) == .allowed)
        for _ in 0..<3 { _ = throttle.failed(try address("::ffff:192.0.2.1"), now: .zero) }
        #expect(throttle.decide(try address("192.0.2.1"), now: .zero) != .allowed)
    }

    @Test("a login guessed at from many addresses is braked for all, whatever its case")
    func pausesLogin() throws {
        var throttle = throttle()
        for host in 1...5 { _ = throttle.failed(try address("192.0.2.\(host)"), login: "Alice", now: .zero) }
        let elsewhere = try address("203.0.113.1")
        #expect(throttle.decide(elsewhere, login: "alice", now: .zero) == .pause(pause))
        #expect(throttle.decide(elsewhere, login: "bob", now: .zero) == .allowed)
    }

    @Test("a good login forgives the address, not the login")
    func success() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        for _ in 0..<2 { _ = throttle.failed(here, login: "alice", now: .zero) }
        throttle.succeeded(here)
        for _ in 0..<2 { #expect(throttle.failed(here, login: "alice", now: .zero) == false) }
        throttle.succeeded(here)
        #expect(throttle.failed(here, login: "alice", now: .zero) == true)
    }

    @Test("old failures are forgotten")
    func forgotten() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        for minute in 0..<20 { #expect(throttle.failed(here, now: .seconds(minute * 60)) == false) }
    }

    @Test("many addresses cannot fill the memory, and the newest are kept")
    func bounded() throws {
        var throttle = throttle(capacity: 100)
        for number in 0..<5000 {
            let here = try #require(IPAddress(octets: [10, 0, UInt8(number >> 8), UInt8(number & 255)]))
            _ = throttle.failed(here, login: "user\(number)", now: .seconds(number / 1000))
            #expect(throttle.count <= 101)
        }
        let last = try address("10.0.19.135")
        _ = throttle.failed(last, now: .seconds(5))
        #expect(throttle.failed(last, now: .seconds(5)) == true)
    }

    @Test("connections are counted per address and in all")
    func connections() throws {
        var limits = ConnectionLimits(total: 3, perAddress: 2)
        let (one, two) = (try address("2001:db8::1"), try address("192.0.2.1"))
        #expect(limits.opened(one) == .allowed)
        #expect(limits.opened(try address("2001:db8::2")) == .allowed)
        #expect(limits.opened(one) == .tooManyFromAddress(limit: 2))
        #expect(limits.opened(two) == .allowed)
        #expect(limits.opened(two) == .tooManyInAll(limit: 3))
        limits.closed(one)
        #expect(limits.opened(one) == .allowed)
        for address in [one, one, two] { limits.closed(address) }
        limits.closed(two)
        #expect(limits.count == 0)
        #expect(limits.opened(two) == .allowed)
    }
}
