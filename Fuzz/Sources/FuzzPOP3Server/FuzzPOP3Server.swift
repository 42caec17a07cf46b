// POP3, server side: any octets, any verdicts, any cuts.

import FuzzKit
import POP3Protocol

@main
enum FuzzPOP3Server {
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
    claimSame(octets, place) { cut in
        var session = Session(setting)
        for piece in cut.pieces(of: octets) { session.hear(piece) }
        return session.trace
    }
    examineTop(octets, place, lines: Int(setting & 7))
}

private struct Session {
    var trace = Trace<POP3Server.Event>()
    private var engine: POP3Server
    private let verdicts: Int
    private var asked = 0

    /// - Parameter setting: bits 0-4 choose what is refused (0: nothing), bit 5 says that TLS stands.
    init(_ setting: UInt8) {
        engine = POP3Server(isTLS: setting & 32 != 0)
        verdicts = Int(setting & 31)
        trace.answer(engine.send(.greeting("ready")))
    }

    mutating func hear(_ octets: [UInt8]) {
        engine.receive(octets)
        var events = 0
        while let event = engine.nextEvent() {
            events += 1
            claim(events < 100_000, "events without end")
            take(event)
        }
        claim(!engine.awaitingReply, "an answer is awaited, though all were given")
        claim(engine.backlog < 12_288, "\(engine.backlog) octets wait")
        if engine.isClosed { claim(engine.backlog == 0, "a closed session that hears") }
    }

    private mutating func take(_ event: POP3Server.Event) {
        if event == .stls || event == .injectionAfterSTLS { trace.seal() }
        trace.note(event) { _, _ in nil }
        check(event)
        if event == .injectionAfterSTLS { return claim(engine.isClosed, "goes on behind an injection") }
        let wasLoggedIn = engine.isAuthenticated
        let replies = answers(to: event)
        let wire = Array(replies.map { engine.send($0) }.joined())  // content in pieces: lines only as a whole
        claim(claimLines(wire, limit: 512).count >= replies.count - 1, "nothing said")
        trace.answer(wire)
        if engine.isAuthenticated, !wasLoggedIn {
            switch event {
            case .pass, .auth, .saslResponse: claim(replies == [.ok("")], "a login out of a refusal")
            default: claim(false, "a login out of \(event)")
            }
        }
        if event == .stls, replies == [.ok("")] { engine.tlsEstablished() }
        if case .quit = event { claim(engine.isClosed, "goes on behind QUIT") }
    }

    private func check(_ event: POP3Server.Event) {
        switch event {
        case .stat, .noop, .rset: claim(engine.isAuthenticated, "\(event) of a stranger")
        case .list(let number), .uidl(let number): claim(engine.isAuthenticated && number ?? 1 > 0, "\(event)")
        case .retr(let number), .dele(let number): claim(engine.isAuthenticated && number > 0, "\(event)")
        case .top(let number, let lines): claim(engine.isAuthenticated && number > 0 && lines >= 0, "\(event)")
        case .pass(let user, _): claim(!engine.isAuthenticated && !user.isEmpty, "PASS without USER")
        case .user(let name): claim(!engine.isAuthenticated && !name.contains(0), "USER out of order")
        case .auth(let mechanism, _): claim(!engine.isAuthenticated && mechanism.utf8.count <= 20, "AUTH out of order")
        case .stls: claim(!engine.isTLS && !engine.isAuthenticated, "STLS out of order")
        case .quit(let update): claim(update == engine.isAuthenticated, "an update without login")
        case .capa, .utf8, .saslResponse, .saslCancelled, .fault, .injectionAfterSTLS: break
        }
    }

    private mutating func answers(to event: POP3Server.Event) -> [POP3Server.Reply] {
        asked += 1
        if verdicts != 0, (asked &* verdicts) % 7 == 0 { return [.err(nil, "no\r\n+OK")] }
        switch event {
        case .capa: return [.capabilities(["USER", "UIDL", "SASL PLAIN"])]
        case .stls, .user, .pass, .saslResponse, .utf8, .dele, .noop, .rset, .quit: return [.ok("")]
        case .auth(_, let initial): return [initial == nil ? .challenge([]) : .ok("")]
        case .stat: return [.stat(messages: 2, octets: 20)]
        case .list(nil): return [.listBegin("2"), .sizes([.init(message: 1, octets: 9)]), .listEnd]
        case .list(.some(let number)): return [.size(.init(message: number, octets: 9))]
        case .uidl(nil): return [.listBegin("2"), .uniqueIDs([.init(message: 1, id: [0x61, 0x0A])]), .listEnd]
        case .uidl(.some(let number)): return [.uniqueID(.init(message: number, id: [0x62]))]
        case .retr: return [.contentBegin(octets: 9), .content(Array("a: b\n\n.x".utf8)), .contentEnd]
        case .top: return [.contentBegin(octets: nil), .content(Array(".\n".utf8)), .contentEnd]
        case .saslCancelled: return [.err(nil, "cancelled")]
        case .fault(let fault): return [.fault(fault)]
        case .injectionAfterSTLS: return []
        }
    }
}

/// What TOP shows does not depend on the pieces in which a file is read.
private func examineTop(_ file: [UInt8], _ place: UInt8, lines: Int) {
    var whole = TopCounter(lines: lines)
    let end = whole.take(file, in: 0..<file.count)
    claim(end == file.count || whole.isFinished, "TOP stops without an end")
    for cut in [Cut.singly, .at(Int(place))] {
        var counter = TopCounter(lines: lines)
        var taken = 0
        for piece in cut.pieces(of: file) { taken += counter.take(piece, in: 0..<piece.count) }
        claim(taken == end && counter.isFinished == whole.isFinished, "TOP, cut \(cut): \(taken) and not \(end)")
    }
}
