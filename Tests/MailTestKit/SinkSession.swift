// One session of the recording SMTP server.

import Blocking

struct SinkSession {
    var end: SocketEnd
    let number: Int
    let language: SinkServer.Language
    let extensions: [String]
    let patience: Duration
    let kept: SinkServer.Kept
    let react: @Sendable (SinkServer.Moment, String) -> SinkServer.Reaction?

    private var client = ""
    private var user: String?
    private var reversePath: String?
    private var forwardPaths: [String] = []

    init(
        end: SocketEnd, number: Int, language: SinkServer.Language, extensions: [String],
        patience: Duration,
        kept: SinkServer.Kept,
        react: @escaping @Sendable (SinkServer.Moment, String) -> SinkServer.Reaction?
    ) {
        self.end = end
        self.number = number
        self.language = language
        self.extensions = extensions
        self.patience = patience
        self.kept = kept
        self.react = react
    }

    private struct Closed: Error {}
    private var deadline: Deadline { Deadline(after: patience) }

    mutating func run() {
        do {
            _ = try answer(.greeting, "", usual: "220 sink.example ESMTP")
            while try command(String(decoding: end.line(until: deadline), as: UTF8.self)) {}
        } catch {
            // The client hung up, or a reaction closed the connection: the session is over.
        }
    }

    /// - Returns: `false` after QUIT.
    private mutating func command(_ line: String) throws -> Bool {
        kept.shared.withLock { $0.commands[number].append(line) }
        let verb = line.prefix { $0 != " " }.uppercased()
        let argument = String(line.dropFirst(verb.count).drop { $0 == " " })
        switch verb {
        case "EHLO", "HELO", "LHLO":
            client = argument
            reset()
            let lines = verb == "HELO" ? ["sink.example"] : ["sink.example"] + extensions
            let usual = lines.enumerated().map { $0 == lines.count - 1 ? "250 \($1)" : "250-\($1)" }
            _ = try answer(.hello, line, usual: usual.joined(separator: "\r\n"))
        case "AUTH": try authenticate(line)
        case "MAIL":
            let path = afterColon(line)
            if try answer(.mail, line, usual: "250 2.1.0 ok") {
                reset()
                reversePath = path
            }
        case "RCPT":
            guard reversePath != nil else { return try plain("503 5.5.1 MAIL first") }
            if try answer(.recipient, line, usual: "250 2.1.5 ok") {
                forwardPaths.append(afterColon(line))
            }
        case "DATA": try data(line)
        case "RSET":
            reset()
            return try plain("250 2.0.0 ok")
        case "NOOP": return try plain("250 2.0.0 ok")
        case "QUIT":
            _ = try answer(.quit, line, usual: "221 2.0.0 bye")
            return false
        default: return try plain("500 5.5.2 what?")
        }
        return true
    }

    private mutating func authenticate(_ line: String) throws {
        let words = line.split(separator: " ")
        func next() throws -> String {
            try end.write(Array("334 \r\n".utf8), until: deadline)
            return String(decoding: try end.line(until: deadline), as: UTF8.self)
        }
        switch words.count > 1 ? words[1].uppercased() : "" {
        case "PLAIN":
            let response = words.count > 2 ? String(words[2]) : try next()
            let parts = decoded(response).split(separator: 0, omittingEmptySubsequences: false)
            user = parts.count == 3 ? String(decoding: parts[1], as: UTF8.self) : nil
        case "LOGIN":
            let name = words.count > 2 ? String(words[2]) : try next()
            user = String(decoding: decoded(name), as: UTF8.self)
            _ = try next()
        default:
            _ = try plain("504 5.5.4 no such mechanism")
            return
        }
        if try !answer(.auth, line, usual: user == nil ? "535 5.7.8 no" : "235 2.7.0 ok") { user = nil }
    }

    private mutating func data(_ line: String) throws {
        guard !forwardPaths.isEmpty else {
            _ = try plain("503 5.5.1 RCPT first")
            return
        }
        guard try answer(.data, line, usual: "354 go on") else { return }
        var message = SinkServer.Message(
            reversePath: reversePath ?? "", forwardPaths: forwardPaths, content: try content(),
            client: client,
            user: user, connection: number)
        let place = kept.shared.withLock { shared in
            shared.messages.append(message)
            return shared.messages.count - 1
        }
        let recipients = language == .lmtp ? forwardPaths : [forwardPaths.joined(separator: " ")]
        reset()
        for recipient in recipients {
            let taken = try answer(.endOfData, recipient, usual: "250 2.0.0 kept as \(place)")
            message.acknowledged = message.acknowledged || taken
            let acknowledged = message.acknowledged
            kept.shared.withLock { $0.messages[place].acknowledged = acknowledged }
        }
    }

    /// The content up to the lone dot, which ends it only between two CRLFs (RFC 5321 §4.1.1.4).
    private mutating func content() throws -> [UInt8] {
        var content: [UInt8] = []
        var atLineStart = true
        while true {
            let line = try end.rawLine(until: deadline)
            if atLineStart, line == [0x2E, 0x0D, 0x0A] { return content }
            content.append(contentsOf: atLineStart && line.first == 0x2E ? line.dropFirst() : line[...])
            atLineStart = line.suffix(2) == [0x0D, 0x0A]
        }
    }

    /// Says the reply.
    /// - Returns: whether it was a 2xx or 3xx.
    private mutating func answer(_ moment: SinkServer.Moment, _ line: String, usual: String) throws
        -> Bool
    {
        var reply = usual
        switch react(moment, line) {
        case nil: break
        case .reply(let text): reply = text
        case .stall(let duration): try end.stall(duration)
        case .close: throw Closed()
        case .drip(let text, let pause):
            for octet in Array(text.utf8) + [0x0D, 0x0A] {
                try end.write([octet], until: deadline)
                try end.stall(pause)
            }
            return text.hasPrefix("2") || text.hasPrefix("3")
        }
        _ = try plain(reply)
        return reply.hasPrefix("2") || reply.hasPrefix("3")
    }

    private func plain(_ reply: String) throws -> Bool {
        try end.write(Array(reply.utf8) + [0x0D, 0x0A], until: deadline)
        return true
    }

    private mutating func reset() {
        reversePath = nil
        forwardPaths = []
    }

    private func afterColon(_ line: String) -> String {
        String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " })
    }

    /// Base64 (RFC 4648 §4) without checks.
    private func decoded(_ text: String) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bits: UInt32 = 0
        var count = 0
        var octets: [UInt8] = []
        for octet in text.utf8 {
            guard let value = alphabet.firstIndex(of: octet) else { continue }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                octets.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return octets
    }
}
