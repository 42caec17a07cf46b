// Courier as a peer: its POP3 and IMAP servers over a Maildir, behind a login of our own.

import Blocking
import Glibc

/// A private Courier, which ends when released, with its Maildir removed.
///
/// Its login asks a service of the whole machine, so what comes before it is answered here, and all that comes after it by
/// Courier. There is no TLS. It greets at IMAP logins with an alert, as the monitor of files that it looks for is missing,
/// and needs a second for that.
public final class CourierPeer: Sendable {
    public var pop3Port: UInt16 { pop3.port }
    public var imapPort: UInt16 { imap.port }
    private let scratch: ScratchDirectory
    private let pop3: TestServer
    private let imap: TestServer

    /// What Courier itself offers in IMAP; it adds to that.
    private static let offers = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE SORT QUOTA IDLE"

    /// - Throws: ``KitError`` when Courier is missing, or the error of a thread that cannot be started.
    public init() throws {
        let root = try Peers.root(of: .courier)
        let scratch = ScratchDirectory()
        self.scratch = scratch
        var environment = try Peers.environment(
            for: root, libraries: ["usr/lib"])
        environment["HOME"] = scratch.path
        let forPOP3 = environment
        environment.merge([
            "MAILDIR": scratch.file("Maildir"), "AUTHENTICATED": "alice", "IMAP_CAPABILITY": Self.offers,
            "IMAP_ENHANCEDIDLE": "0", "IMAP_USELOCKS": "0", "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1",
        ]) { $1 }
        let forIMAP = environment
        for part in ["", "/new", "/cur", "/tmp"] { _ = unsafe mkdir(scratch.file("Maildir\(part)"), 0o700) }
        pop3 = try TestServer("courier-pop3") { descriptor, _ in
            let login = Self.talk(SocketEnd(descriptor), "+OK Hello there.") { words in
                switch words[0] {
                case "CAPA": ["-ERR"]
                case "PASS": nil
                default: ["+OK"]
                }
            }
            guard login != nil else { return }
            serveByProgram(descriptor, ["\(root)/usr/lib/courier/courier/courierpop3d", "Maildir"], forPOP3, scratch)
        }
        imap = try TestServer("courier-imap") { descriptor, _ in
            let login = Self.talk(SocketEnd(descriptor), "* OK [CAPABILITY \(Self.offers)] Courier-IMAP ready.") {
                words in
                switch words.dropFirst().first?.uppercased() {
                case "CAPABILITY": ["* CAPABILITY \(Self.offers)", "\(words[0]) OK CAPABILITY completed"]
                case "LOGIN": nil
                default: ["\(words[0]) NO Error in IMAP command received by server."]
                }
            }
            guard let login else { return }
            // Courier answers the login under its tag.
            let environment = forIMAP.merging(["IMAPLOGINTAG": login[0]]) { $1 }
            serveByProgram(descriptor, ["\(root)/usr/bin/imapd", "Maildir"], environment, scratch)
        }
    }

    /// Greets, and answers each line, up to the one that gets no answer.
    /// - Returns: the words of that line; `nil` when the client went.
    private static func talk(
        _ socket: SocketEnd, _ greeting: String, answer: ([String]) -> [String]?
    ) -> [String]? {
        var end = socket
        let deadline = Deadline(after: .seconds(30))
        do throws(SessionEnd) {
            try end.write("\(greeting)\r\n".utf8, until: deadline)
            while true {
                let words = String(decoding: try end.line(until: deadline), as: UTF8.self).split(separator: " ")
                guard !words.isEmpty, let answers = answer(words.map(String.init)) else {
                    return words.map(String.init)
                }
                for line in answers { try end.write("\(line)\r\n".utf8, until: deadline) }
            }
        } catch {
            return nil
        }
    }

    /// What Courier wrote on standard error, or why it could not be started.
    public var logs: String { programErrors(in: scratch) }

    /// Puts a message into the Maildir.
    /// - Parameter number: its place in the order of arrival.
    public func deliver(_ message: [UInt8], number: Int) {
        scratch.write(message, to: "Maildir/new/\(1_700_000_000 + number).M\(number)P1.peer")
    }

    /// The messages that are there.
    /// - Parameter folder: a Maildir++ folder; empty for INBOX.
    public func messages(folder: String = "") -> [[UInt8]] {
        paths(folder: folder).compactMap { ScratchDirectory.read($0) }
    }

    /// The files of the messages that are there.
    public func paths(folder: String = "") -> [String] {
        let maildir = scratch.file("Maildir\(folder.isEmpty ? "" : "/.\(folder)")")
        return ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: "\(maildir)/\(part)").map { "\(maildir)/\(part)/\($0)" }
        }
    }
}
