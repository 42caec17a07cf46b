// A policy in a few lines and a server engine under it, fed from a string.

import Octets

@testable import SMTPProtocol

/// A server conversation in memory: what was fed, what happened, what was answered.
struct ServerPlay {
    typealias Policy = (SMTPServer.Event) -> SMTPServer.Command

    var server: SMTPServer
    /// Events, content joined.
    private(set) var events: [SMTPServer.Event] = []
    private(set) var wire: [UInt8] = []
    /// The code of each reply so far, the lines of one reply counted once.
    private(set) var codes: [Int] = []
    let policy: Policy

    init(_ options: SMTPServerOptions, isTLS: Bool = false, policy: @escaping Policy = ServerPlay.lenient) {
        server = SMTPServer(options, isTLS: isTLS)
        self.policy = policy
        run()
    }

    /// Accepts all but recipients whose local part begins with "no" (550) or "later" (450).
    static func lenient(_ event: SMTPServer.Event) -> SMTPServer.Command {
        switch event {
        case .rcpt(let recipient):
            let name = recipient.forwardPath.address.localPart
            if name.hasPrefix("no") { return .refuse(550, .permanent(1, 1), "no such user") }
            if name.hasPrefix("later") { return .refuse(450, .transient(2, 1), "later") }
            return .accept("")
        case .mail, .contentBegin, .contentEnd: return .accept("")
        case .auth(_, let initial): return initial == nil ? .challenge([]) : .accept("")
        case .saslResponse: return .accept("")
        case .greeting, .ehlo, .content, .refusedContent, .chunkEnd, .rset, .vrfy, .help, .noop, .startTLS, .quit,
            .fault, .close:
            return .proceed
        }
    }

    mutating func feed(_ octets: [UInt8]) {
        server.receive(octets)
        run()
    }

    /// Feeds `text`, in which a line end stands for CRLF.
    mutating func say(_ text: String) { feed(crlf(text)) }

    private mutating func run() {
        while let event = server.nextEvent() {
            if case .content(let more) = event, case .content(let before) = events.last {
                events[events.count - 1] = .content(before + more)
            } else if case .refusedContent(let more) = event, case .refusedContent(let before) = events.last {
                events[events.count - 1] = .refusedContent(octets: before + more)
            } else {
                events.append(event)
            }
            let answer = server.send(policy(event))
            wire += answer
            codes += String(decoding: answer, as: UTF8.self).split(separator: "\r\n")
                .filter { !$0.dropFirst(3).hasPrefix("-") }.compactMap { Int($0.prefix(3)) }
        }
    }

    var text: String { String(decoding: wire, as: UTF8.self) }

    var contents: [[UInt8]] {
        events.compactMap { if case .content(let octets) = $0 { octets } else { nil } }
    }

    var faults: [ServerFault] {
        events.compactMap { if case .fault(let fault) = $0 { fault } else { nil } }
    }
}

func crlf(_ text: String) -> [UInt8] {
    Array(text.utf8).flatMap { $0 == Octet.lf ? [Octet.cr, Octet.lf] : [$0] }
}

func mailOptions(_ mode: SMTPServerOptions.Mode = .mail, change: (inout SMTPServerOptions) -> Void = { _ in })
    -> SMTPServerOptions
{
    var options = SMTPServerOptions(mode: mode, hostname: "hub.example", sizeLimit: 1000)
    change(&options)
    return options
}
