// Lines between processes: whole messages, descriptors with them, and ends that say what no process of the hub says.

import Glibc
import MailTestKit
import Testing

@testable import Programs

/// A message of each shape that there can be.
private enum Words: LineMessage, Equatable {
    case plain
    case named(UInt32, [UInt8])
    case handed([Int32])

    var octets: [UInt8] {
        switch self {
        case .plain: return LineFields(kind: 1).message
        case .named(let number, let name):
            var fields = LineFields(kind: 2)
            fields.add(number)
            fields.add(name)
            return fields.message
        case .handed: return LineFields(kind: 3).message
        }
    }

    var descriptors: [Int32] { if case .handed(let values) = self { values } else { [] } }

    init?(_ fields: inout LineFields) {
        switch fields.octet() {
        case 1: self = .plain
        case 2:
            guard let number = fields.number(), let name = fields.text(atMost: 4_000) else { return nil }
            self = .named(number, name)
        case 3:
            guard let first = fields.descriptor(), let second = fields.descriptor() else { return nil }
            self = .handed([first.take(), second.take()])
        default: return nil
        }
    }
}

/// One that takes no descriptor, whatever comes with it.
private struct Blind: LineMessage {
    var octets: [UInt8] { [3] }
    init?(_ fields: inout LineFields) { guard fields.octet() == 3 else { return nil } }
}

/// One that says nothing, with a descriptor.
private struct Bare: LineMessage {
    let octets: [UInt8] = []
    let descriptors: [Int32]
    init(descriptors: [Int32]) { self.descriptors = descriptors }
    init?(_ fields: inout LineFields) { return nil }
}

@Suite("A line between processes")
struct ProcessLineTests {
    private func ends() throws -> (ProcessLine, ProcessLine) {
        let (ours, theirs) = try ProcessLine.pair()
        return (ours, ProcessLine(theirs))
    }

    private func send(_ octets: [UInt8], to line: ProcessLine) -> Int {
        unsafe octets.withUnsafeBytes { unsafe Glibc.send(line.descriptor, $0.baseAddress, $0.count, 0) }
    }

    @Test("messages come whole, one by one, in order, both ways")
    func whole() throws {
        let (one, other) = try ends()
        #expect(try one.receive(Words.self) == nil)
        let long = [UInt8](repeating: 0x61, count: 4_000)
        for message in [Words.plain, .named(.max, long), .named(0, []), .plain] { #expect(try one.send(message)) }
        #expect(try other.send(Words.named(7, [1, 2, 3])))
        #expect(try other.receive(Words.self) == .plain)
        #expect(try other.receive(Words.self) == .named(.max, long))
        #expect(try other.receive(Words.self) == .named(0, []))
        #expect(try other.receive(Words.self) == .plain)
        #expect(try other.receive(Words.self) == nil)
        #expect(try one.receive(Words.self) == .named(7, [1, 2, 3]))
        #expect(try one.receive(Words.self) == nil)
    }

    @Test("descriptors come with their message, are other ones for the same files, and close on exec")
    func descriptors() throws {
        let (one, other) = try ends()
        var pipes: [Int32] = [-1, -1]
        #expect(unsafe pipe(&pipes) == 0)
        #expect(try one.send(Words.handed([pipes[0], pipes[1]])))
        let message = try #require(try other.receive(Words.self))
        guard case .handed(let came) = message else { throw KitError("\(message)") }
        #expect(Set(came).isDisjoint(with: pipes))
        for descriptor in came { #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0) }
        #expect(unsafe write(came[1], "x", 1) == 1)
        var octet: UInt8 = 0
        #expect(unsafe read(pipes[0], &octet, 1) == 1 && octet == 0x78)
        for descriptor in came + pipes { close(descriptor) }
    }

    @Test("a descriptor that nobody takes is closed, with the message that was none")
    func strayDescriptors() throws {
        let (one, other) = try ends()
        var pipes: [Int32] = [-1, -1]
        #expect(unsafe pipe(&pipes) == 0)
        #expect(try one.send(Words.handed([pipes[1], pipes[1]])))
        #expect(throws: LineFault.nonsense) { try other.receive(Blind.self) }
        // With an empty datagram, which looks like the end.
        #expect(try one.send(Bare(descriptors: [pipes[1]])))
        #expect(throws: LineFault.nonsense) { try other.receive(Words.self) }
        close(pipes[1])
        // Were one open still, the pipe would have a writer.
        var polled = pollfd(fd: pipes[0], events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&polled, 1, 10_000) == 1 && polled.revents & Int16(POLLHUP) != 0)
        close(pipes[0])
    }

    @Test(
        "what is no message is nonsense, however it looks",
        arguments: [
            [9], [1, 0], [2], [2, 0, 0, 0], [2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 0, 2, 9], [2, 0, 0, 0, 1, 0xFF, 0xFF],
            [3],
        ])
    func nonsense(_ octets: [UInt8]) throws {
        let (one, other) = try ends()
        #expect(send(octets, to: one) == octets.count)
        #expect(throws: LineFault.nonsense) { try other.receive(Words.self) }
    }

    @Test("a datagram that is too long is nonsense, not the part of it that fits")
    func tooLong() throws {
        let (one, other) = try ends()
        #expect(send([1] + [UInt8](repeating: 0, count: ProcessLine.limit), to: one) == ProcessLine.limit + 1)
        #expect(throws: LineFault.nonsense) { try other.receive(Words.self) }
    }

    @Test("a full line refuses and never waits; an end that has hung up is told, behind its last words")
    func fullAndGone() throws {
        var (one, other): (ProcessLine?, ProcessLine) = try ends()
        var sent = 0
        while try one?.send(Words.plain) == true { sent += 1 }
        #expect(sent > 5)
        one = nil
        for _ in 0..<sent { #expect(try other.receive(Words.self) == .plain) }
        #expect(throws: LineFault.ended) { try other.receive(Words.self) }
        #expect(throws: LineFault.ended) { try other.send(Words.plain) }
        _ = other
    }
}
