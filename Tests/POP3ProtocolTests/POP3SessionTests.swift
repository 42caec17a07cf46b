// Whole sessions in memory: our client talks to our server.

import MailTestKit
import Octets
import Testing

@testable import POP3Protocol

/// A maildrop in memory and the policy that serves it.
private struct Maildrop {
    var messages: [[UInt8]]
    var deleted: Set<Int> = []

    func size(_ number: Int) -> Int {
        var wire: [UInt8] = []
        var encoder = LineEndEncoder()
        let file = messages[number - 1]
        encoder.encode(file, in: 0..<file.count, into: &wire)
        return wire.count + (encoder.atLineStart ? 0 : 2)
    }

    /// The answer to `event`, all its parts.
    mutating func answer(_ event: POP3Server.Event) -> [POP3Server.Reply] {
        switch event {
        case .capa: return [.capabilities(["USER", "PIPELINING", "UIDL", "TOP"])]
        case .user, .noop, .utf8, .stls, .rset, .quit: return [.ok("")]
        case .pass(_, let password): return [password == [UInt8]("right") ? .ok("") : .err(.auth, "no")]
        case .auth, .saslResponse, .saslCancelled: return [.err(nil, "no")]
        case .stat: return [.stat(messages: messages.count, octets: (1...messages.count).map(size).reduce(0, +))]
        case .list(nil):
            return [.listBegin("")] + (1...messages.count).map { .sizes([.init(message: $0, octets: size($0))]) } + [
                .listEnd
            ]
        case .uidl(nil):
            let all = (1...messages.count).map { POP3Server.UniqueID(message: $0, id: Array("id\($0)".utf8)) }
            return [.listBegin(""), .uniqueIDs(all), .listEnd]
        case .list(.some(let number)): return [.size(.init(message: number, octets: size(number)))]
        case .uidl(.some(let number)): return [.uniqueID(.init(message: number, id: [0x78]))]
        case .retr(let number):
            guard number <= messages.count else { return [.err(nil, "no such message")] }
            let pieces = messages[number - 1].map { POP3Server.Reply.content([$0]) }
            return [.contentBegin(octets: size(number))] + pieces + [.contentEnd]
        case .top(let number, let lines):
            var counter = TopCounter(lines: lines)
            let file = messages[number - 1]
            let end = counter.take(file, in: 0..<file.count)
            return [.contentBegin(octets: nil), .content(Array(file[..<end])), .contentEnd]
        case .dele(let number):
            deleted.insert(number)
            return [.ok("")]
        case .fault(let fault): return [.fault(fault)]
        case .injectionAfterSTLS: return []
        }
    }
}

@Suite struct POP3SessionTests {
    static let messages: [[UInt8]] = [
        [UInt8]("Subject: a\n\nbody\n"), [], [UInt8]("no last line end"), [UInt8](".\n..\n.x\n\n.\n"), [UInt8]("\n"),
        [UInt8]("From me\n\nbare\rcr \0 nul\n"), [0x80, 0xFF, 0x0A], [UInt8]("."),
        [UInt8](repeating: 0x2E, count: 3_000),
    ]

    /// What the client hears when it says `commands` at once; octets travel in pieces of `piece`.
    private func run(_ commands: [POP3Command], piece: Int) throws -> [POP3Client.Event] {
        var drop = Maildrop(messages: Self.messages)
        var server = POP3Server()
        var client = POP3Client()
        var events: [POP3Client.Event] = []
        var toClient = server.send(.greeting("ready"))
        var toServer: [UInt8] = []
        var greeted = false
        while true {
            var moved = false
            while !toClient.isEmpty {
                client.receive(Array(toClient.prefix(piece)))
                toClient.removeFirst(min(piece, toClient.count))
                while let event = try client.nextEvent() {
                    if let last = events.last, let joined = merged(last, event) {
                        events[events.count - 1] = joined
                    } else {
                        events.append(event)
                    }
                }
                moved = true
            }
            if !greeted {
                greeted = true
                for command in commands { toServer += client.send(command) }
            }
            while !toServer.isEmpty {
                server.receive(Array(toServer.prefix(piece)))
                toServer.removeFirst(min(piece, toServer.count))
                while let event = server.nextEvent() {
                    #expect(server.awaitingReply)
                    for reply in drop.answer(event) { toClient += server.send(reply) }
                    #expect(!server.awaitingReply)
                }
                moved = true
            }
            if !moved { break }
        }
        #expect(!client.isWaiting)
        #expect(server.isClosed)
        return events
    }

    @Test("a pipelined session brings every message home unchanged", arguments: [1, 2, 7, 64, 100_000])
    func whole(_ piece: Int) throws {
        let count = Self.messages.count
        let commands: [POP3Command] =
            [.capa, .user("a"), .pass("right"), .stat, .list(nil), .uidl(nil)] + (1...count).map { .retr($0) }
            + [.retr(count + 1), .top(1, lines: 0), .dele(1), .quit]
        let events = try run(commands, piece: piece)
        var bodies: [[UInt8]] = []
        for event in events {
            if case .contentBegin = event { bodies.append([]) }
            if case .content(let octets) = event { bodies[bodies.count - 1] += octets }
        }
        // The wire ends every message with a line end; all else is as it was.
        let expected = Self.messages.map { $0.isEmpty || $0.last == Octet.lf ? $0 : $0 + [Octet.lf] }
        #expect(bodies == expected + [[UInt8]("Subject: a\n\n")])
        #expect(events.contains(.size(message: 4, octets: 16)))
        var listing = UniqueIDListing()
        for case .uniqueIDs(let more) in events { listing.append(more) }
        #expect(listing.indices == 0..<count)
        for index in listing.indices {
            #expect(listing.number(at: index) == index + 1)
            #expect(listing.id(at: index).elementsEqual("id\(index + 1)".utf8))
        }
        #expect(events.last == .ok(.quit, text: []))
    }

    @Test("a wrong password leaves the commands behind it refused")
    func refused() throws {
        let events = try run([.user("a"), .pass("wrong"), .stat, .quit], piece: 5)
        #expect(events.dropFirst(2).first == .err(.pass, code: .auth, text: [UInt8]("no")))
        #expect(events.contains(.err(.stat, code: nil, text: [UInt8]("log in first"))))
    }
}
