// Dialling: each address in turn, a hung resolver left behind, complaints that name host, port, address and reason.

import Blocking
import Glibc
import InternetAddress
import MailTestKit
import Testing

@testable import Transport

private func table(_ addresses: [String]) -> HostLookup {
    HostLookup { _ throws(TransportError) in addresses.compactMap { IPAddress($0).map { Endpoint($0) } } }
}

/// A port nobody listens on: bound, and given back.
private func deafPort() -> UInt16 { Listener().port }

@Suite struct DialerTests {
    @Test("a connection stands, with its facts and options, and is closed on exec")
    func connects() async throws {
        try await onThread { () throws in
            let listener = Listener()
            let wire = try Dialer.connect(host: "localhost", port: listener.port, until: Deadline(after: .seconds(5)))
            let peer = listener.accepted()
            defer { close(peer) }
            #expect(wire.facts.peer == "localhost:\(listener.port)")
            #expect(wire.facts.remoteAddress?.description == "127.0.0.1:\(listener.port)")
            #expect(wire.facts.localAddress == Endpoint.of(socket: peer, peer: true))
            #expect(fcntl(wire.reading, F_GETFD) & FD_CLOEXEC != 0)
            var value: Int32 = 0
            var length = socklen_t(4)
            unsafe getsockopt(wire.reading, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length)
            #expect(value != 0)
            put(Array("hello".utf8), on: peer)
            #expect(try wire.readText() == "hello")
        }
    }

    @Test("the next address is tried when one refuses")
    func nextAddress() async throws {
        try await onThread { () throws in
            let listener = Listener("127.0.0.1")
            let wire = try Dialer.connect(
                host: "two.test", port: listener.port, until: Deadline(after: .seconds(5)),
                lookup: table(["127.0.0.9", "127.0.0.1"]))
            #expect(wire.facts.remoteAddress?.address.description == "127.0.0.1")
        }
    }

    @Test("a refusal names host, port, address and reason")
    func refused() async throws {
        try await onThread { () throws in
            let port = deafPort()
            var message = ""
            do {
                _ = try Dialer.connect(
                    host: "mail.test", port: port, until: Deadline(after: .seconds(5)),
                    lookup: table(["127.0.0.1", "127.0.0.2"]))
            } catch let error as TransportError {
                message = error.description
                #expect(error.isTemporary)
                #expect(error.exitStatus == .temporaryFailure)
            }
            #expect(
                message == "mail.test port \(port): cannot connect: 127.0.0.1:\(port): Connection refused; "
                    + "127.0.0.2:\(port): Connection refused")
        }
    }

    @Test("a hung resolver is left at the deadline")
    func hungResolver() async throws {
        try await onThread { () throws in
            var gate: [Int32] = [-1, -1]
            #expect(unsafe pipe(&gate) == 0)
            let (exit, entry) = (gate[0], gate[1])
            let hung = HostLookup { _ throws(TransportError) in
                _ = take(1, from: exit)
                close(exit)
                return []
            }
            let expected = TransportError.lookupFailed(host: "slow.test", reason: "the resolver does not answer")
            #expect(throws: expected) {
                _ = try Dialer.connect(
                    host: "slow.test", port: 25, until: Deadline(after: .milliseconds(20)), lookup: hung)
            }
            close(entry)
        }
    }

    @Test("a host that does not exist is permanent, one that nobody can resolve is not")
    func noHost() async throws {
        try await onThread { () throws in
            for error in [TransportError.hostNotFound(host: "a.test"), .lookupFailed(host: "a.test", reason: "down")] {
                let lookup = HostLookup { _ throws(TransportError) in throw error }
                #expect(throws: error) {
                    _ = try Dialer.connect(host: "a.test", port: 1, until: Deadline(after: .seconds(5)), lookup: lookup)
                }
            }
            #expect(TransportError.hostNotFound(host: "a").exitStatus == .noHost)
            #expect(!TransportError.hostNotFound(host: "a").isTemporary)
            #expect(TransportError.lookupFailed(host: "a", reason: "").isTemporary)
        }
    }

    @Test("an address that takes no connections gets its share of the time only")
    func share() async throws {
        try await onThread { () throws in
            // A full accept queue: further attempts to connect wait for ever.
            let full = Listener("127.0.0.3", backlog: 0)
            var fillers: [Int32] = []
            for _ in 0..<4 {
                let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                let endpoint = Endpoint(try #require(IPAddress("127.0.0.3")), port: full.port)
                _ = unsafe endpoint.withSystemShape { unsafe connect(filler, $0, $1) }
                fillers.append(filler)
            }
            defer { for filler in fillers { close(filler) } }
            var message = ""
            do {
                _ = try Dialer.connect(
                    host: "slow.test", port: full.port, until: Deadline(after: .milliseconds(80)),
                    lookup: table(["127.0.0.3", "127.0.0.4"]))
            } catch { message = "\(error)" }
            #expect(
                message == "slow.test port \(full.port): cannot connect: 127.0.0.3:\(full.port): no answer in time; "
                    + "127.0.0.4:\(full.port): Connection refused")
        }
    }

    @Test("the source address is used, and must exist")
    func source() async throws {
        try await onThread { () throws in
            let listener = Listener()
            let wire = try DirectPath(sourceAddress: IPAddress("127.0.0.77")).dial(
                host: "127.0.0.1", port: listener.port, until: Deadline(after: .seconds(5)))
            #expect(wire.facts.localAddress?.address == IPAddress("127.0.0.77"))
            let expected = TransportError.sourceAddress(
                address: "192.0.2.1", reason: "Cannot assign requested address")
            #expect(throws: expected) {
                _ = try DirectPath(sourceAddress: IPAddress("192.0.2.1")).dial(
                    host: "127.0.0.1", port: listener.port, until: Deadline(after: .seconds(5)))
            }
            #expect(expected.exitStatus == .configuration)
            #expect(throws: TransportError.self) {
                _ = try DirectPath(inet: .only6).dial(host: "127.0.0.1", port: 1, until: Deadline(after: .seconds(5)))
            }
        }
    }

    @Test("what is no host name never reaches a resolver", arguments: ["", "a b", "a\0b", "ü.test", "a\nb", "[::1"])
    func badHost(_ host: String) async throws {
        let lookup = HostLookup { host throws(TransportError) in
            if host != "[::1" { Issue.record("asked for \(host)") }
            throw .hostNotFound(host: host)
        }
        await #expect(throws: TransportError.self) {
            try await onThread { () throws in
                _ = try Dialer.connect(host: host, port: 1, until: Deadline(after: .seconds(5)), lookup: lookup)
            }
        }
    }
}
