// Courier as a peer: its POP3 server over a Maildir, behind a login of our own.

import Blocking
import Glibc

/// A private Courier, which ends when released, with its Maildir removed.
///
/// Its login asks a service of the whole machine, so what comes before it is answered here, and all that comes after it by
/// Courier. There is no TLS.
public final class CourierPeer: Sendable {
    public var pop3Port: UInt16 { pop3.port }
    private let scratch: ScratchDirectory
    private let pop3: TestServer

    /// - Throws: ``KitError`` when Courier is missing, or the error of a thread that cannot be started.
    public init() throws {
        let root = try Peers.root(of: .courier)
        let scratch = ScratchDirectory()
        self.scratch = scratch
        var environment = try Peers.environment(
            for: root, libraries: ["usr/lib"])
        environment["HOME"] = scratch.path
        let started = environment
        for part in ["", "/new", "/cur", "/tmp"] { _ = unsafe mkdir(scratch.file("Maildir\(part)"), 0o700) }
        pop3 = try TestServer("courier-pop3") { descriptor, _ in
            guard Self.talk(SocketEnd(descriptor), "+OK Hello there.", until: "PASS", else: "+OK") != nil else {
                return
            }
            Self.serve(descriptor, ["\(root)/usr/lib/courier/courier/courierpop3d", "Maildir"], started, scratch)
        }
    }

    /// Greets, and gives each line the same answer, up to the one that has the word `last`.
    /// - Returns: that line; `nil` when the client went.
    private static func talk(
        _ socket: SocketEnd, _ greeting: String, until last: String, else answer: String
    ) -> String? {
        var end = socket
        let deadline = Deadline(after: .seconds(30))
        do throws(SessionEnd) {
            try end.write("\(greeting)\r\n".utf8, until: deadline)
            while true {
                let line = String(decoding: try end.line(until: deadline), as: UTF8.self)
                if line.split(separator: " ").contains(where: { $0.uppercased() == last }) { return line }
                try end.write((line == "CAPA" ? "-ERR\r\n" : "\(answer)\r\n").utf8, until: deadline)
            }
        } catch {
            return nil
        }
    }

    private static func serve(
        _ descriptor: Int32, _ command: [String], _ environment: [String: String], _ scratch: ScratchDirectory
    ) {
        let errors = unsafe open(scratch.file("errors"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(errors) }
        do throws(KitError) {
            let child = try ChildProcess(
                command, environment: environment, directory: scratch.path,
                descriptors: (descriptor, descriptor, errors))
            _ = child.wait(until: Deadline(after: .seconds(60)))
        } catch {
            scratch.write("\(error)\n", to: "errors")
        }
    }

    /// What Courier wrote on standard error, or why it could not be started.
    public var logs: String { String(decoding: ScratchDirectory.read(scratch.file("errors")) ?? [], as: UTF8.self) }

    /// Puts a message into the Maildir.
    /// - Parameter number: its place in the order of arrival.
    public func deliver(_ message: [UInt8], number: Int) {
        scratch.write(message, to: "Maildir/new/\(1_700_000_000 + number).M\(number)P1.peer")
    }

    /// The messages that are there.
    public func messages() -> [[UInt8]] {
        ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: scratch.file("Maildir/\(part)")).compactMap {
                ScratchDirectory.read(scratch.file("Maildir/\(part)/\($0)"))
            }
        }
    }
}
