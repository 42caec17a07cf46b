// The far end of a session under test: a server that the test plays line by line, in TLS where it asks for that.

import Blocking
import Credentials
import Glibc
import MailTestKit
import Octets
import Synchronization
import TLSEngine
import Transport

/// The protocols that a session begins in alike.
enum Dialect: String, CaseIterable, Sendable { case pop3, imap, smtp }

/// What a server says and hears. For one thread.
final class Voice {
    let wire: Wire
    private var unread: [UInt8] = []
    private let note: (String) -> Void
    private let deadline = Deadline(after: .seconds(20))

    init(_ wire: Wire, note: @escaping (String) -> Void) {
        self.wire = wire
        self.note = note
    }

    func say(_ lines: String...) throws {
        try wire.write(lines.flatMap { Array("\($0)\r\n".utf8) }, until: deadline)
    }

    /// The client's next line.
    @discardableResult
    func hear() throws -> String {
        while true {
            if let end = unread.firstIndex(of: Octet.lf) {
                let line = String(decoding: unread[..<end].dropLast(), as: UTF8.self)
                unread.removeSubrange(...end)
                note(line)
                return line
            }
            let octets = try wire.read(until: deadline)
            guard !octets.isEmpty else { throw TransportError.closed(peer: "the client") }
            unread += octets
        }
    }
}

extension Voice {
    /// Greets, and offers `mechanisms` as the protocol does.
    func greet(_ dialect: Dialect, offering mechanisms: String...) throws {
        let words = mechanisms.joined(separator: " ")
        switch dialect {
        case .pop3:
            try say("+OK hi")
            try hear()
            try say("+OK", "SASL \(words)", ".")
        case .imap:
            try say("* OK [CAPABILITY IMAP4rev1 SASL-IR\(mechanisms.map { " AUTH=\($0)" }.joined())] hi")
        case .smtp:
            try say("220 hi")
            try hear()
            try say("250-hi", "250 AUTH \(words)")
        }
    }

    func challenge(_ octets: [UInt8], _ dialect: Dialect) throws {
        try say((dialect == .smtp ? "334 " : "+ ") + String(decoding: Base64.encode(octets), as: UTF8.self))
    }

    /// Accepts the login, and answers what is asked behind it.
    func accept(_ dialect: Dialect) throws {
        switch dialect {
        case .pop3:
            try say("+OK in")
            try hear()
            try say("-ERR")
        case .imap: try say("a1 OK [CAPABILITY IMAP4rev1] in")
        case .smtp: try say("235 in")
        }
    }
}

/// A connection whose far end is played.
struct PlayedServer {
    /// Our end.
    let wire: Wire
    private let thread: BlockingThread
    private let lines: Lines

    private final class Lines: Sendable { let all = Mutex<[String]>([]) }

    /// - Parameter certificate: what the server shows, in TLS from the first octet; `nil` for clear text.
    init(tls certificate: TestCertificate? = nil, _ play: @escaping @Sendable (Voice) throws -> Void) throws {
        var both: [Int32] = [-1, -1]
        precondition(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &both) == 0)
        let lines = Lines()
        let far = both[1]
        let deadline = Deadline(after: .seconds(20))
        let context = try certificate.map {
            try TLSContext.server(certificates: [
                CertificatePair(certificate: $0.certificatePath, key: $0.keyPath)
            ])
        }
        thread = try BlockingThread(name: "played server") {
            let wire = Wire(socket: far, facts: WireFacts(peer: "the client"), stop: -1)
            defer {
                // A child that another test starts holds our descriptors until its exec: closing alone ends nothing.
                shutdown(far, Int32(SHUT_RDWR))
                wire.close()
            }
            do {
                if let context { try wire.acceptTLS(context: context, until: deadline) }
                try play(Voice(wire) { line in lines.all.withLock { $0.append(line) } })
            } catch {
                // The client has left: the test sees why.
            }
        }
        self.lines = lines
        wire = Wire(socket: both[0], facts: WireFacts(peer: "mail.test:1"), stop: -1)
        guard let certificate else { return }
        let trust = TLSContext.client(trust: .file(certificate.certificatePath))
        try wire.startTLS(TLSDemand(context: trust, name: "localhost"), until: deadline)
    }

    /// Waits until the server has played its part, and its end is closed.
    func finish() { thread.join() }

    /// Ends the connection, and tells what the server heard.
    func heard() -> [String] {
        wire.close()
        thread.join()
        return lines.all.withLock { $0 }
    }
}
