// IMAP, client side: any server, any cuts; and the names and sets that it writes.

import FuzzKit

@testable import IMAPProtocol

@main
enum FuzzIMAPClient {
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
    if let set = UIDSet(parsing: octets[...]) {
        claim(UIDSet(parsing: set.octets[...]) == set && !set.contains(0), "a set does not come back")
        claim(UIDSet(ranges: set.pieces(atMost: 16).flatMap(\.ranges)) == set, "a set loses parts when it is cut")
    }
    if let name = IMAPMailboxName(encoded: octets).decoded {
        claim(IMAPMailboxName(name).decoded == name, "a mailbox name does not come back: \(name)")
    }
    if let text = String(validating: octets, as: UTF8.self) {
        claim(IMAPMailboxName(text).decoded == text, "a mailbox name is lost: \(text)")
    }
}

/// One session of a client that asks for everything once.
private struct Session {
    var trace = Trace<IMAPClient.Event>()
    private var engine: IMAPClient
    private var plan: ArraySlice<IMAPCommand>
    /// Octets told by `contentBegin`, and octets that came since.
    private var content: (told: Int, came: Int)?
    private var hasEnded = false

    /// - Parameter setting: bits 0-1 the way to log in, 2 STARTTLS, 3 a small limit of content, 4 a literal, 5 COMPRESS.
    init(_ setting: UInt8) {
        engine = IMAPClient(contentLimit: setting & 8 == 0 ? 1 << 32 : 24)
        let name = IMAPMailboxName(setting & 16 == 0 ? "INBOX" : "Entw\u{fc}rfe \"1\"")
        let logins: [[IMAPCommand]] = [
            [.login(user: "me", password: setting & 16 == 0 ? "secret" : "ge\u{e4}h\"eim")],
            [.authenticate(mechanism: "PLAIN", initialResponse: [0, 0x61, 0, 0x62])],
            [.authenticate(mechanism: "LOGIN", initialResponse: nil)],
            [],
        ]
        let uids = UIDSet([1, 2, 5])
        var commands: [IMAPCommand] = [.capability]
        if setting & 4 != 0 { commands.append(.startTLS) }
        commands += logins[Int(setting & 3)]
        if setting & 32 != 0 { commands.append(.compress) }
        commands += [
            .list(reference: .init(""), pattern: .init("*")), .select(name), .uidSearch(.all),
            .uidFetch(uids, [.flags, .size, .internalDate]), .uidFetch(uids, [.body, .flags]), .idle,
            .uidStore(uids, add: ["\\Deleted"]), .uidFetch(uids, [.header]), .noop, .logout,
        ]
        plan = commands[...]
    }

    mutating func hear(_ octets: [UInt8]) {
        if hasEnded { return }
        engine.receive(octets)
        var events = 0
        do throws(IMAPError) {
            while let event = try engine.nextEvent() {
                events += 1
                claim(events < 100_000, "events without end")
                take(event)
            }
            claim(engine.lines.count < IMAPClient.lineLimit, "\(engine.lines.count) octets wait")
            claim(
                engine.response.count <= IMAPClient.responseLimit + IMAPClient.smallLiteralLimit, "a response too long")
            claim(engine.outstandingCount <= IMAPClient.outstandingLimit, "commands without end")
        } catch {
            end(error)
        }
    }

    private mutating func end(_ error: IMAPError) {
        switch error {
        case .injectionAfterSTARTTLS: trace.seal()
        case .malformed, .unsolicitedResponse: trace.end("refused")  // the octets it shows are those that had come
        default: trace.end("\(error)")
        }
        // Numbers of the line that is wrong were told or not, as they came.
        if case .searchResult = trace.events.last { trace.dropLast() }
        hasEnded = true
        engine.receive(Array("* OK\r\n".utf8))
        do throws(IMAPError) {
            _ = try engine.nextEvent()
            claim(false, "hears behind an error")
        } catch let again {
            claim(again == error, "another error the second time")
        }
    }

    private mutating func take(_ event: IMAPClient.Event) {
        if event == .startTLSReady { trace.seal() }
        trace.note(event) { last, next in
            switch (last, next) {
            case (.content(let first), .content(let more)): .content(first + more)
            case (.searchResult(let first), .searchResult(let more)): .searchResult(first + more)
            default: nil
            }
        }
        check(event)
        switch event {
        case .startTLSReady:
            engine.tlsEstablished()
            next()
        case .compressionReady:
            // Nothing compresses here: what came is read as it is.
            engine.receive(engine.compressionBegun())
            next()
        case .preauthenticated:
            plan = plan.dropFirst(plan.firstIndex { if case .list = $0 { true } else { false } } ?? 0)
            next()
        case .challenge(let octets): say(octets.count > 3 ? .saslCancel : .saslResponse([0x61]))
        case .proceed: say(.proceed)
        case .idling: say(.idleEnd)
        case .greeting, .done: next()
        default: break
        }
    }

    private mutating func next() {
        guard engine.outstandingCount == 0, engine.state != .closed, engine.state != .handshake,
            engine.state != .switching
        else { return }
        if let command = plan.popFirst() { say(command) }
    }

    private mutating func say(_ command: IMAPCommand) {
        let wire = engine.send(command)
        if !wire.isEmpty { claim(wire.suffix(2) == [0x0D, 0x0A], "a command without line end") }
        trace.answer(wire)
    }

    private mutating func check(_ event: IMAPClient.Event) {
        switch event {
        case .contentBegin(_, let uid, let octets):
            claim(content == nil, "content within content")
            claim(octets > 0 && octets <= engine.contentLimit && uid != 0, "content of \(octets) octets")
            content = (octets, 0)
        case .content(let octets):
            claim(content != nil && !octets.isEmpty, "content outside of a message, or none")
            content?.came += octets.count
        case .fetched(let fetched):
            if case .streamed(let octets, _) = fetched.body {
                claim(content?.told == octets && content?.came ?? 0 <= octets, "content of another length")
                claim(content?.came ?? 0 >= octets / 2, "content lost")
            } else {
                claim(content == nil, "content that belongs to no message")
            }
            content = nil
        default: claim(content == nil, "\(event) within content")
        }
    }
}
