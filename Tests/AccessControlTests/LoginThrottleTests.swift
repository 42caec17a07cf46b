// Guessing is braked and connections are counted, within bounded memory.

import InternetAddress
import Testing

@testable import AccessControl

struct LoginThrottleTests {
    private let pause = Duration.seconds(60)
    private func throttle(capacity: Int = 100) -> LoginThrottle {
        LoginThrottle(
            address: .init(failures: 3, pause: pause), login: .init(failures: 5, pause: pause), capacity: capacity)
    }
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    /// A try from beginning to end.
    /// - Returns: whether it began a pause; `nil` when it was not allowed.
    private func attempt(
        _ throttle: inout LoginThrottle, _ address: IPAddress, login: String = "somebody",
        as outcome: LoginThrottle.Outcome = .wrong, isKnown: Bool = false, now: Duration
    ) -> Bool? {
        guard throttle.begin(address, login: login, isKnown: isKnown, now: now) == .allowed else { return nil }
        return throttle.end(address, login: login, as: outcome, now: now)
    }

    @Test("the third failure from an address begins a pause, and time ends it")
    func pausesAddress() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        #expect(attempt(&throttle, here, login: "a", now: .seconds(0)) == false)
        #expect(attempt(&throttle, here, login: "b", now: .seconds(1)) == false)
        #expect(throttle.decide(here, now: .seconds(1)) == .allowed)
        #expect(attempt(&throttle, here, login: "c", now: .seconds(2)) == true)
        #expect(throttle.decide(here, now: .seconds(2)) == .pause(.seconds(60)))
        #expect(throttle.decide(try address("192.0.2.2"), now: .seconds(2)) == .allowed)
        #expect(attempt(&throttle, here, login: "d", now: .seconds(61)) == nil)
        #expect(throttle.decide(here, now: .seconds(61)) == .pause(.seconds(1)))
        #expect(throttle.decide(here, now: .seconds(62)) == .allowed)
        #expect(attempt(&throttle, here, login: "d", now: .seconds(62)) == false, "the count begins anew")
        #expect(throttle.decide(here, now: .seconds(62)) == .allowed)
    }

    @Test("one /64 is one home, one /32 is one address")
    func prefixes() throws {
        var throttle = throttle()
        for host in 1...3 { #expect(attempt(&throttle, try address("2001:db8::\(host)"), now: .zero) != nil) }
        #expect(throttle.decide(try address("2001:db8::ffff:1"), now: .zero) != .allowed)
        #expect(throttle.decide(try address("2001:db8:0:1::1"), now: .zero) == .allowed)
        throttle = self.throttle()
        for _ in 0..<3 { #expect(attempt(&throttle, try address("::ffff:192.0.2.1"), now: .zero) != nil) }
        #expect(throttle.decide(try address("192.0.2.1"), now: .zero) != .allowed)
    }

    @Test("a login guessed at from many addresses is braked for all, whatever its case, but not for its owner's place")
    func pausesLogin() throws {
        var throttle = throttle()
        for host in 1...5 {
            #expect(attempt(&throttle, try address("192.0.2.\(host)"), login: "Alice", now: .zero) == (host == 5))
        }
        let elsewhere = try address("203.0.113.1")
        #expect(throttle.decide(elsewhere, login: "alice", now: .zero) == .pause(pause))
        #expect(throttle.decide(elsewhere, login: "bob", now: .zero) == .allowed)
        #expect(attempt(&throttle, elsewhere, login: "alice", isKnown: true, now: .zero) == false)
    }

    @Test("a good login forgives the address, not the login")
    func success() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        for _ in 0..<2 { #expect(attempt(&throttle, here, login: "alice", now: .zero) == false) }
        #expect(attempt(&throttle, here, login: "bob", as: .right, now: .zero) == false)
        for _ in 0..<2 { #expect(attempt(&throttle, here, login: "alice", now: .zero) == false) }
        #expect(attempt(&throttle, here, login: "bob", as: .right, now: .zero) == false)
        #expect(attempt(&throttle, here, login: "alice", now: .zero) == true)
    }

    @Test("tries begun at once are no more than tries one after the other, from one address as for one login")
    func concurrent() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        let begun = (0..<100).map { _ in throttle.begin(here, login: "alice", now: .zero) }
        #expect(begun.count { $0 == .allowed } == 3 && begun.suffix(97).allSatisfy { $0 == .full })
        for number in 1...3 {
            #expect(throttle.end(here, login: "alice", as: .wrong, now: .seconds(1)) == (number == 3))
        }
        #expect(throttle.decide(here, now: .seconds(1)) == .pause(pause))

        throttle = self.throttle()
        let spread = try (1...100).map { try address("203.0.113.\($0)") }
        let allowed = spread.filter { throttle.begin($0, login: "alice", now: .zero) == .allowed }
        #expect(allowed.count == 5)
        for one in allowed { throttle.end(one, login: "alice", as: .wrong, now: .zero) }
        #expect(throttle.decide(here, login: "alice", now: .zero) == .pause(pause))
    }

    @Test("a try that was right, or that could not be checked, is given back and leaves nothing")
    func givenBack() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        for outcome in [LoginThrottle.Outcome.right, .unchecked] {
            for second in 0..<20 {
                #expect(attempt(&throttle, here, login: "alice", as: outcome, now: .seconds(second)) == false)
            }
            #expect(throttle.count == 0)
        }
        // Right logins do not keep old failures alive.
        #expect(attempt(&throttle, here, login: "alice", now: .zero) == false)
        for second in 1...60 {
            #expect(attempt(&throttle, here, login: "alice", as: .unchecked, now: .seconds(second)) == false)
        }
        #expect(attempt(&throttle, here, login: "alice", now: .seconds(60)) == false)
        #expect(attempt(&throttle, here, login: "alice", now: .seconds(60)) == false)
        // Given back while others are under way: those still count.
        throttle = self.throttle()
        for _ in 0..<3 { #expect(throttle.begin(here, login: "alice", now: .zero) == .allowed) }
        throttle.end(here, login: "alice", as: .right, now: .zero)
        #expect(throttle.begin(here, login: "alice", now: .zero) == .allowed)
        #expect(throttle.begin(here, login: "alice", now: .zero) == .full)
    }

    @Test("old failures are forgotten")
    func forgotten() throws {
        var throttle = throttle()
        let here = try address("192.0.2.1")
        for minute in 0..<20 { #expect(attempt(&throttle, here, now: .seconds(minute * 60)) == false) }
    }

    @Test("many addresses cannot fill the memory, and the newest are kept")
    func bounded() throws {
        var throttle = throttle(capacity: 100)
        for number in 0..<5000 {
            let here = try #require(IPAddress(octets: [10, 0, UInt8(number >> 8), UInt8(number & 255)]))
            #expect(attempt(&throttle, here, login: "user\(number)", now: .seconds(number / 1000)) == false)
            #expect(throttle.count <= 101)
        }
        let last = try address("10.0.19.135")
        #expect(attempt(&throttle, last, now: .seconds(5)) == false)
        #expect(attempt(&throttle, last, now: .seconds(5)) == true)
    }

    @Test(
        "listeners that want more connections than there is room for get the same part of what they want, one at least")
    func fitted() {
        #expect(ConnectionLimits.fitted([500, 500], into: 1000) == [500, 500])
        #expect(ConnectionLimits.fitted([500, 500], into: 75) == [37, 37])
        #expect(ConnectionLimits.fitted([1000, 100, 1], into: 110) == [99, 9, 1])
        #expect(ConnectionLimits.fitted([500, 500], into: 0) == [1, 1])
        #expect(ConnectionLimits.fitted([.max, .max], into: 100) == [50, 50])
        #expect(ConnectionLimits.fitted([], into: 0) == [])
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
