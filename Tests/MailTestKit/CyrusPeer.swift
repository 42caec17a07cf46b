// Cyrus as a peer: IMAP and IMAPS on the loopback over mailboxes of its own, a process for each connection.

import Glibc

/// A private Cyrus, which ends when released, with all its files removed; its user is `alice` with the password `secret`.
///
/// Its `imapd -X` serves one connection, on standard input and output, and needs no master. It does not run as root, so it
/// is started as an ordinary user. INBOX and some folders for special uses are made by the first login.
public final class CyrusPeer: Sendable {
    public var imapPort: UInt16 { imap.port }
    public var imapsPort: UInt16 { imaps.port }
    public let certificate: TestCertificate
    private let scratch: ScratchDirectory
    private let imap: TestServer
    private let imaps: TestServer
    private let command: [String]
    private let environment: [String: String]

    /// - Throws: ``KitError`` when Cyrus is missing or cannot be set up, or the error of a thread that cannot be started.
    public init() throws {
        let root = try Peers.root(of: .cyrus)
        let scratch = ScratchDirectory()
        self.scratch = scratch
        certificate = try TestCertificate(in: scratch)
        var environment = try Peers.environment(for: root)
        environment["SASL_PATH"] = ["x86_64", "aarch64"].map { "\(root)/usr/lib/\($0)-linux-gnu/sasl2" }
            .joined(separator: ":")
        environment.merge(["CYRUS_SERVICE": "imap", "CYRUS_ID": "1"]) { $1 }
        for folder in ["conf", "conf/socket", "conf/db", "mail", "tmp"] {
            _ = unsafe mkdir(scratch.file(folder), 0o700)
        }
        scratch.write(Self.configuration(in: scratch, certificate), to: "imapd.conf")
        let programs = "\(root)/usr/lib/cyrus/bin"
        let command = OrdinaryUser.prefix + ["\(programs)/imapd", "-C", scratch.file("imapd.conf"), "-X"]
        (self.command, self.environment) = (command, environment)
        let passwords = [
            "\(root)/usr/sbin/saslpasswd2", "-c", "-p", "-f", scratch.file("sasldb2"), "-u", "localhost", "alice",
        ]
        try Self.demand(passwords, input: "secret", environment)
        try Self.demand(
            OrdinaryUser.prefix + ["\(programs)/ctl_cyrusdb", "-C", scratch.file("imapd.conf"), "-r"], environment)
        // The first login makes the mailboxes.
        try Self.demand(command, input: "a LOGIN alice secret\r\nb LOGOUT\r\n", environment)
        let started = environment
        imap = try TestServer("cyrus-imap") { descriptor, _ in serveByProgram(descriptor, command, started, scratch) }
        imaps = try TestServer("cyrus-imaps") { descriptor, _ in
            serveByProgram(descriptor, command + ["-s"], started, scratch)
        }
    }

    private static func configuration(in scratch: ScratchDirectory, _ certificate: TestCertificate) -> String {
        let folders = ["Sent", "Drafts", "Junk", "Trash", "Archive"]
        return """
            configdirectory: \(scratch.file("conf"))
            defaultpartition: default
            partition-default: \(scratch.file("mail"))
            temp_path: \(scratch.file("tmp"))
            servername: localhost
            sasl_pwcheck_method: auxprop
            sasl_auxprop_plugin: sasldb
            sasl_sasldb_path: \(scratch.file("sasldb2"))
            sasl_mech_list: PLAIN SCRAM-SHA-256 SCRAM-SHA-1
            allowplaintext: yes
            tls_server_cert: \(certificate.certificatePath)
            tls_server_key: \(certificate.keyPath)
            autocreate_quota: 0
            autocreate_inbox_folders: \(folders.joined(separator: " | "))
            autocreate_subscribe_folders: \(folders.joined(separator: " | "))
            munge8bit: no
            failedloginpause: 0

            """ + folders.map { "xlist-\($0.lowercased()): \($0)\n" }.joined()
    }

    @discardableResult
    private static func demand(
        _ command: [String], input: String = "", _ environment: [String: String]
    ) throws(KitError) -> String {
        let result = try runProgram(command, input: Array(input.utf8), environment: environment)
        guard result.status == 0 else { throw KitError("\(command.joined(separator: " ")): \(result)") }
        return result.outputText
    }

    /// What Cyrus wrote on standard error, or why it could not be started.
    public var logs: String { programErrors(in: scratch) }

    /// Carries out IMAP commands as alice.
    /// - Parameter commands: with their tags and line ends.
    /// - Returns: what Cyrus answered, from its greeting to its farewell.
    /// - Throws: ``KitError`` when it could not be started or did not end well.
    @discardableResult
    public func carryOut(_ commands: String) throws(KitError) -> String {
        try Self.demand(
            command, input: "login LOGIN alice secret\r\n\(commands)end LOGOUT\r\n", environment)
    }

    /// Puts messages, whose lines end with LF, into a folder.
    /// - Throws: ``KitError`` when Cyrus does not take one.
    public func deliver(_ messages: [[UInt8]], folder: String = "INBOX") throws(KitError) {
        let commands = messages.map { message in
            let octets = String(decoding: message, as: UTF8.self).replacing("\n", with: "\r\n")
            return "put APPEND \(folder) {\(octets.utf8.count)+}\r\n\(octets)\r\n"
        }
        let answers = try carryOut(commands.joined())
        guard answers.components("put OK") == messages.count else { throw KitError("not all was appended: \(answers)") }
    }

    /// How many messages a folder holds.
    /// - Throws: ``KitError`` when Cyrus does not tell.
    public func count(of folder: String = "INBOX") throws(KitError) -> Int {
        let answers = try carryOut("s STATUS \(folder) (MESSAGES)\r\n")
        guard let said = answers.split(separator: "(MESSAGES ").dropFirst().first,
            let count = Int(said.prefix { $0.isNumber })
        else { throw KitError("no count: \(answers)") }
        return count
    }
}

extension String {
    /// How often `part` stands in it.
    fileprivate func components(_ part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
