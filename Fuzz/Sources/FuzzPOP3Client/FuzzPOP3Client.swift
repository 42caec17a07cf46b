// POP3, client side: any server, any cuts.

import FuzzKit
import Octets

@testable import POP3Protocol

@main
enum FuzzPOP3Client {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let setting = input.choice()
    let place = input.choice()
    let octets = input.rest
    let lines = octets.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) + [0x0A] }
    claimSame(octets, place) { cut in
        var session = Session(setting)
        // A line at a time: a server that answers before it is asked is left, which shows only where it all comes at once.
        for line in lines { for piece in cut.pieces(of: line) { session.hear(piece) } }
        return session.trace
    }
}

/// One session of a client that asks for everything once.
private struct Session {
    var trace = Trace<POP3Client.Event>()
    private var engine = POP3Client()
    /// What is still to be said, the commands of one batch together.
    private var plan: ArraySlice<[POP3Command]>
    private var isInContent = false
    private var hasEnded = false

    /// - Parameter setting: bits 0-1 the way to log in, 2 STLS, 3 pipelining.
    init(_ setting: UInt8) {
        let logins: [[[POP3Command]]] = [
            [[.user("mrose")], [.pass("tanstaaf")]],
            [[.auth(mechanism: "PLAIN", initialResponse: [0, 0x61, 0, 0x62])]],
            [[.auth(mechanism: "PLAIN", initialResponse: [UInt8](repeating: 0x61, count: 300))]],
            [[.auth(mechanism: "LOGIN", initialResponse: nil)]],
        ]
        let batch: [POP3Command] = [
            .stat, .list(nil), .uidl(nil), .list(2), .uidl(2), .retr(1), .top(2, lines: 0), .dele(1),
        ]
        var plan: [[POP3Command]] = [[.capa]] + (setting & 4 == 0 ? [] : [[.stls]]) + logins[Int(setting & 3)]
        plan += setting & 8 == 0 ? batch.map { [$0] } : [batch]
        plan += [[.retr(2)], [.quit]]
        self.plan = plan[...]
    }

    mutating func hear(_ octets: [UInt8]) {
        if hasEnded { return }
        engine.receive(octets)
        var events = 0
        do throws(POP3Error) {
            while let event = try engine.nextEvent() {
                events += 1
                claim(events < 100_000, "events without end")
                take(event)
            }
            claim(engine.lines.count < 12_290, "\(engine.lines.count) octets wait")
            claim(engine.outstandingCount <= POP3Client.outstandingLimit, "replies without end")
            claim(engine.capabilities?.lines.count ?? 0 <= POP3Client.capabilityLimit, "capabilities without end")
        } catch {
            if error == .injectionAfterSTLS { trace.seal() }
            trace.end("\(error)")
            hasEnded = true
            engine.receive(Array("+OK\r\n".utf8))
            do throws(POP3Error) {
                _ = try engine.nextEvent()
                claim(false, "hears behind an error")
            } catch let again {
                claim(again == error, "another error the second time")
            }
        }
    }

    private mutating func take(_ event: POP3Client.Event) {
        if event == .startTLSReady { trace.seal() }
        trace.note(event) { last, next in
            switch (last, next) {
            case (.content(let first), .content(let more)): return .content(first + more)
            case (.uniqueIDs(var first), .uniqueIDs(let more)):
                first.append(more)
                return .uniqueIDs(first)
            default: return nil
            }
        }
        check(event)
        switch event {
        case .startTLSReady: engine.tlsEstablished()
        case .challenge(let octets): return say(octets.count > 3 ? .saslCancel : .saslResponse([0x61]))
        case .proceed: return say(.proceed)
        default: break
        }
        guard engine.outstandingCount == 0, engine.reading == .status, engine.state != .closed else { return }
        for command in plan.popFirst() ?? [] { say(command) }
    }

    private mutating func say(_ command: POP3Command) {
        let wire = engine.send(command)
        // Nothing where the server has said too much: the next event throws it.
        claim(wire.isEmpty || claimLines(wire, limit: 12_288).count == 1, "\(command.verb) is not one line")
        trace.answer(wire)
    }

    private func check(_ message: Int, _ id: ArraySlice<UInt8>) {
        claim(message > 0 && (1...255).contains(id.count), "an identifier of \(id.count) octets")
        claim(id.allSatisfy { (0x21...0x7E).contains($0) }, "an identifier with foreign octets")
    }

    private mutating func check(_ event: POP3Client.Event) {
        switch event {
        case .contentBegin:
            claim(!isInContent, "content within content")
            isInContent = true
        case .content(let octets): claim(isInContent && !octets.isEmpty, "content outside of a message, or none")
        case .contentEnd:
            claim(isInContent, "an end without content")
            isInContent = false
        case .uniqueID(let message, let id): check(message, id[...])
        case .uniqueIDs(let listing):
            claim(!listing.isEmpty, "a listing of nothing")
            for index in listing.indices { check(listing.number(at: index), listing.id(at: index)) }
        case .size(let message, let octets): claim(message > 0 && octets ?? 0 >= 0, "message \(message)")
        case .stat(let messages, let octets): claim(messages >= 0 && octets >= 0, "less than nothing")
        default: break
        }
        switch event {
        case .content, .contentBegin, .contentEnd: break
        default: claim(!isInContent, "\(event) within content")
        }
    }
}
