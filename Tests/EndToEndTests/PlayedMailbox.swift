// A mailbox as a misbehaving server has it: what is said of it may be false, what is deleted from it is counted.

import MailTestKit
import Synchronization

/// Three messages that one may fetch and delete by POP3 and IMAP. It knows what is truly there; a lie for the wire may
/// stand in place of any answer.
final class PlayedMailbox: Sendable {
    private struct State {
        var left = PlayedMailbox.uids
        var next = 8
        var flagged: Set<Int> = []
        var marked: Set<Int> = []
        var deleted: [Int] = []
        var lie: (@Sendable (String) -> String?)?
    }

    static let uids = [5, 6, 7]
    /// When each message came.
    static let date = "17-Jul-1996 02:44:25 -0700"
    private let capabilities: String
    private let state = Mutex(State())

    init(hasUIDPLUS: Bool = true) { capabilities = hasUIDPLUS ? "IMAP4rev1 UIDPLUS" : "IMAP4rev1" }

    /// What it was told to delete, in that order.
    var deleted: [Int] { state.withLock { $0.deleted } }
    var left: [Int] { state.withLock { $0.left } }

    /// - Parameter lie: gets a command without its tag, and gives what is said to it; `nil` for the truth. `@tag@` stands
    ///   for the tag.
    func lie(_ lie: (@Sendable (String) -> String?)?) { state.withLock { $0.lie = lie } }

    /// More messages come in.
    func add(_ uids: ClosedRange<Int>) { state.withLock { ($0.left, $0.next) = ($0.left + uids, uids.upperBound + 1) } }

    /// The message with this UID, in wire form.
    static func wire(_ uid: Int) -> String { "Subject: \(uid)\r\n\r\n\(uid)\r\n" }

    static func file(_ uid: Int) -> [UInt8] { Array("Subject: \(uid)\n\n\(uid)\n".utf8) }

    /// The UIDs of those among `messages`.
    static func stored(_ messages: [[UInt8]]) -> [Int] { uids.filter { messages.contains(file($0)) } }

    /// A server of it: each connection is a session with `greeting`.
    func serve(_ service: String) throws -> FakeServer {
        let isIMAP = service == "imap"
        let greeting = isIMAP ? "* OK [CAPABILITY \(capabilities)] hello" : "+OK hello"
        return try FakeServer(
            [.line(greeting), .times(1000, [.skip(lines: 1), .answer { [self] in isIMAP ? imap($0) : pop3($0) }])])
    }

    private func pop3(_ line: String) -> String {
        let words = line.split(separator: " ").map(String.init)
        return state.withLock { state in
            if let said = state.lie?(line) { return said }
            let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
            let uid = state.left.indices.contains(number - 1) ? state.left[number - 1] : 0
            func listing(_ entry: (Int) -> String) -> String {
                (["+OK"] + state.left.indices.map { "\($0 + 1) \(entry(state.left[$0]))" } + ["."]).joined(
                    separator: "\r\n")
            }
            switch words.first?.uppercased() {
            case "UIDL": return listing { "id\($0)" }
            case "LIST": return listing { "\(Self.wire($0).utf8.count)" }
            case "RETR": return "+OK\r\n\(Self.wire(uid))."
            case "DELE":
                state.marked.insert(uid)
                state.deleted.append(uid)
                return "+OK"
            case "QUIT":
                state.left.removeAll { state.marked.contains($0) }
                state.marked = []
                return "+OK"
            case "CAPA": return "-ERR"
            default: return "+OK"
            }
        }
    }

    private func imap(_ line: String) -> String {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        let (tag, command) = (words[0], words.count > 1 ? words[1] : "")
        let said = state.withLock { state in state.lie?(command) ?? answer(command, &state) }
        return said.replacing("@tag@", with: tag)
    }

    private func answer(_ command: String, _ state: inout State) -> String {
        let words = command.split(separator: " ").map(String.init)
        let done = "@tag@ OK done"
        func chosen(_ set: String) -> [Int] {
            state.left.filter { uid in
                set.split(separator: ",").contains { part in
                    let ends = part.split(separator: ":").map { $0 == "*" ? Int.max : Int($0) ?? 0 }
                    return (ends[0]...(ends.count > 1 ? ends[1] : ends[0])).contains(uid)
                }
            }
        }
        func number(_ uid: Int) -> Int { (state.left.firstIndex(of: uid) ?? 0) + 1 }
        switch words.prefix(2).joined(separator: " ").uppercased() {
        case "SELECT \"INBOX\"":
            return
                "* \(state.left.count) EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT \(state.next)] ok\r\n@tag@ OK [READ-WRITE] done"
        case "UID FETCH":
            return chosen(words[2]).map { uid in
                let start = "* \(number(uid)) FETCH (UID \(uid) INTERNALDATE \"\(Self.date)\""
                return command.contains("BODY.PEEK[]")
                    ? "\(start) BODY[] \(Self.literal(uid)))\r\n"
                    : "\(start) RFC822.SIZE \(Self.wire(uid).utf8.count))\r\n"
            }.joined() + done
        case "UID SEARCH":
            return "* SEARCH\(state.left.filter { !state.flagged.contains($0) }.map { " \($0)" }.joined())\r\n\(done)"
        case "UID STORE":
            state.flagged.formUnion(chosen(words[2]))
            return done
        case "UID EXPUNGE":
            return chosen(words[2]).filter { state.flagged.contains($0) }.map { uid in
                let line = "* \(number(uid)) EXPUNGE\r\n"
                state.left.removeAll { $0 == uid }
                state.deleted.append(uid)
                return line
            }.joined() + done
        case "LOGOUT": return "* BYE bye\r\n\(done)"
        case "CAPABILITY": return "* CAPABILITY \(capabilities)\r\n\(done)"
        default: return command.uppercased().hasPrefix("EXPUNGE") ? "@tag@ BAD never asked for" : done
        }
    }

    /// The message with this UID as a literal.
    static func literal(_ uid: Int) -> String { "{\(wire(uid).utf8.count)}\r\n\(wire(uid))" }
}
