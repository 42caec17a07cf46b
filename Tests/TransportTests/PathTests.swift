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

/// Opens a path, resolved by the system unless `lookup` is given.
private func dial(
    _ host: String, _ port: UInt16, within patience: Duration = .seconds(5), _ lookup: HostLookup = .system,
    _ change: (inout Path) -> Void = { _ in }
) throws(TransportError) -> Wire {
    var path = Path(to: host, port: port, patience: patience)
    path.names = .here(lookup)
    change(&path)
    return try path.open()
}

/// Asked for nothing.
private let nobody = HostLookup { host throws(TransportError) in
    Issue.record("asked for \(host)")
    return []
}

/// A port nobody listens on: bound, and given back.
private func deafPort() -> UInt16 { Listener().port }

@Suite struct PathTests {
    @Test("a connection stands, with its facts and options, and is closed on exec")
    func connects() async throws {
        try await onThread { () throws in
            let listener = Listener()
            let wire = try dial("localhost", listener.port, within: .seconds(5))
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
            let wire = try dial("two.test", listener.port, within: .seconds(5), table(["127.0.0.9", "127.0.0.1"]))
            #expect(wire.facts.remoteAddress?.address.description == "127.0.0.1")
        }
    }

    @Test("a refusal names host, port, address and reason")
    func refused() async throws {
        try await onThread { () throws in
            let port = deafPort()
            var message = ""
            do {
                _ = try dial("mail.test", port, within: .seconds(5), table(["127.0.0.1", "127.0.0.2"]))
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
                _ = try dial("slow.test", 25, within: .milliseconds(20), hung)
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
                    _ = try dial("a.test", 1, within: .seconds(5), lookup)
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
            let full = FullListener("127.0.0.3")
            var message = ""
            do {
                _ = try dial("slow.test", full.port, within: .milliseconds(80), table(["127.0.0.3", "127.0.0.4"]))
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
            let wire = try dial("127.0.0.1", listener.port, within: .seconds(5)) { $0.source = IPAddress("127.0.0.77") }
            #expect(wire.facts.localAddress?.address == IPAddress("127.0.0.77"))
            let expected = TransportError.sourceAddress(
                address: "192.0.2.1", reason: "Cannot assign requested address")
            #expect(throws: expected) {
                _ = try dial("127.0.0.1", listener.port, within: .seconds(5)) { $0.source = IPAddress("192.0.2.1") }
            }
            #expect(expected.exitStatus == .configuration)
            #expect(throws: TransportError.self) {
                _ = try dial("127.0.0.1", 1, within: .seconds(5)) { $0.family = .only6 }
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
                _ = try dial(host, 1, within: .seconds(5), lookup)
            }
        }
    }

    @Test("a name goes to the resolver of the path, or to nobody here: only an address can be dialled then")
    func resolution() async throws {
        try await onThread { () throws in
            let listener = Listener()
            let wire = try dial("far.test", listener.port) { $0.names = .overPath(table(["127.0.0.1"])) }
            #expect(wire.facts.remoteAddress?.address.description == "127.0.0.1")
            #expect(wire.facts.peer == "far.test:\(listener.port)")
            let expected = TransportError.unusableHost(
                host: "localhost",
                reason: "its address may be asked for at the far end of the path only, and there is no hop")
            #expect(throws: expected) { _ = try dial("localhost", listener.port, nobody) { $0.names = .farEnd } }
            let numeric = try dial("127.0.0.1", listener.port, nobody) { $0.names = .farEnd }
            #expect(numeric.facts.remoteAddress?.port == listener.port)
        }
    }

    @Test("the order to stop wakes who waits for a resolver, and who waits for a connection")
    func stopped() async throws {
        try await onThread { () throws in
            let order = Pair()
            defer { order.hangUp() }
            try order.wire.write([1], until: Deadline(after: .seconds(5)))
            var gate: [Int32] = [-1, -1]
            #expect(unsafe pipe(&gate) == 0)
            let (exit, entry) = (gate[0], gate[1])
            let hung = HostLookup { _ throws(TransportError) in
                _ = take(1, from: exit)
                close(exit)
                return []
            }
            #expect(throws: TransportError.stopped(peer: "slow.test")) {
                _ = try dial("slow.test", 25, within: .seconds(600), hung) { $0.stop = order.peer }
            }
            close(entry)
            let full = FullListener("127.0.0.5")
            #expect(throws: TransportError.stopped(peer: "127.0.0.5:\(full.port)")) {
                _ = try dial("127.0.0.5", full.port, within: .seconds(600)) { $0.stop = order.peer }
            }
            withExtendedLifetime(full) {}
            // And the wire of a path heeds it from its first wait on.
            let listener = Listener()
            let quiet = Pair()
            defer { quiet.hangUp() }
            let wire = try dial("127.0.0.1", listener.port) { $0.stop = quiet.peer }
            try quiet.wire.write([1], until: Deadline(after: .seconds(5)))
            #expect(throws: TransportError.stopped(peer: "127.0.0.1:\(listener.port)")) {
                _ = try wire.read(until: .never)
            }
        }
    }

    @Test(
        "a path to an address meets the name that it demands, at once or when TLS is asked for",
        arguments: [true, false])
    func demand(atOnce: Bool) async throws {
        try await onThread { () throws in
            let (files, listener) = (try Certified(), Listener())
            let context = try files.server()
            let thread = try BlockingThread(name: "server") {
                do {
                    let server = Wire(socket: listener.accepted(), facts: WireFacts(peer: "the client"))
                    try server.acceptTLS(context: context, until: Deadline(after: .seconds(20)))
                    try server.write([1, 2, 3], until: Deadline(after: .seconds(20)))
                    _ = try server.read(until: Deadline(after: .seconds(20)))
                } catch {
                    Issue.record("server: \(error)")
                }
            }
            let wire = try dial("127.0.0.1", listener.port, within: .seconds(20)) {
                ($0.demand, $0.beginsWithTLS) = (files.demand, atOnce)
            }
            #expect((wire.facts.tls != nil) == atOnce)
            if !atOnce { try wire.startTLS(until: Deadline(after: .seconds(20))) }
            #expect(wire.facts.tls?.peerNames == ["peer.test"])
            #expect(try wire.read(until: Deadline(after: .seconds(20))) == [1, 2, 3])
            try wire.endOutput(until: Deadline(after: .seconds(20)))
            thread.join()
        }
    }
}

/// A port that takes no connections: its accept queue is full, and further attempts wait for ever.
private final class FullListener {
    private let listener: Listener
    private var fillers: [Int32] = []
    var port: UInt16 { listener.port }

    init(_ host: String) {
        listener = Listener(host, backlog: 0)
        for _ in 0..<4 {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            let endpoint = IPAddress(host).map { Endpoint($0, port: listener.port) }
            _ = unsafe endpoint?.withSystemShape { unsafe connect(filler, $0, $1) }
            fillers.append(filler)
        }
    }

    deinit { for filler in fillers { close(filler) } }
}
