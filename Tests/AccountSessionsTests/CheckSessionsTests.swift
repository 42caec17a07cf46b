// The checks of accounts that need more than the rc: what they find, where, and what they leave alone.

import Glibc
import MailTestKit
import Testing

@testable import AccountSessions
@testable import RunControl

@Suite("A check of sessions")
struct CheckSessionsTests {
    private let scratch = ScratchDirectory()

    /// What `checks` find in an rc of these lines, in one line each.
    private func findings(_ lines: [String], _ checks: Check...) throws -> [String] {
        let settings = try HubSettings.read(
            Array((lines.joined(separator: "\n") + "\n").utf8), source: "rc",
            context: ProcessContext(environment: ["HOME": scratch.path]))
        return settings.findings(of: checks).all.map(\.description)
    }

    private func account(_ name: String, _ words: String...) -> [String] {
        ["account \(name)", "  user u", "  fetch imaps i.test"] + words.map { "  \($0)" }
    }

    // MARK: Secrets

    @Test("finds fault with a password's file that is not there, says nothing, or lies open: at its line")
    func files() throws {
        let good = scratch.write("tanstaaf\n", to: "good")
        let empty = scratch.write("\n", to: "empty")
        let open = scratch.write("tanstaaf\n", to: "open", mode: 0o640)
        let gone = scratch.file("gone")
        let found = try findings(
            ["mailbox m"] + account("a", "passwordfile \(good)") + account("b", "passwordfile \(gone)")
                + account("c", "passwordfile \(empty)") + account("d", "passwordfile \(open)")
                + account("e", "passwordfile \(scratch.path)"),
            .secrets(\.fetchServer))
        #expect(found.count == 4, "\(found)")
        let wanted = [("rc:9:3: account b: ", gone), ("rc:13:3: account c: ", empty), ("rc:17:3: account d: ", open)]
        for (line, (place, path)) in zip(found, wanted + [("rc:21:3: account e: ", scratch.path)]) {
            #expect(line.hasPrefix(place) && line.contains(path), "\(line)")
            #expect(!line.contains("tanstaaf"), "no secret is told")
        }
    }

    @Test("finds fault with a password's program that cannot be run, and runs none")
    func programs() throws {
        let mark = scratch.file("mark")
        let found = try findings(
            ["mailbox m"] + account("a", "passwordeval /usr/bin/touch \(mark)")
                + account("b", "passwordeval no-such-program-here x"),
            .secrets(\.fetchServer))
        #expect(ScratchDirectory.read(mark) == nil)
        // Root runs no programs, whatever they are.
        let wanted = geteuid() == 0 ? ["rc:5:3: account a: ", "rc:9:3: account b: "] : ["rc:9:3: account b: "]
        #expect(found.count == wanted.count, "\(found)")
        for (line, place) in zip(found, wanted) { #expect(line.hasPrefix(place), "\(line)") }
    }

    @Test("looks at no secret that this command's sessions do not need")
    func otherSecrets() throws {
        let gone = scratch.file("gone")
        let lines =
            ["mailbox m"] + account("a", "password x")
            + ["account b", "  user u", "  auth off", "  passwordfile \(gone)", "  send smtp s.test"]
            + ["account c", "  user u", "  passwordfile \(gone)", "  send smtp s.test"]
        #expect(try findings(lines, .secrets(\.fetchServer)) == [])
        let found = try findings(lines, .secrets(\.sendServer))
        #expect(found.count == 1 && found.first?.hasPrefix("rc:13:3: account c: \(gone)") == true, "\(found)")
    }

    // MARK: Trust

    @Test("finds fault with certificates to trust that are not there or are none, at the line that names them")
    func trust() throws {
        let certificate = try TestCertificate(in: scratch)
        let gone = scratch.file("gone")
        let text = scratch.write("no certificate\n", to: "text")
        let found = try findings(
            ["tls_trust_file \(gone)", "mailbox m"]
                + account("a", "password x", "tls_trust_file \(certificate.certificatePath)")
                + account("b", "password x", "tls_trust_file \(text)") + account("c", "password x"),
            .trust(\.fetchServer))
        #expect(found.count == 2, "\(found)")
        // In the order of their lines: the hub's file is only used by who has no other.
        for (line, (place, path)) in zip(found, [("rc:1:1: account c: ", gone), ("rc:12:3: account b: ", text)]) {
            #expect(line.hasPrefix(place) && line.contains(path), "\(line)")
        }
    }

    @Test("looks at no certificates where none count: without TLS, with a pin, on the other side")
    func otherTrust() throws {
        let pin = String(repeating: "AB:", count: 31) + "AB"
        let lines =
            ["tls_trust_file \(scratch.file("gone"))", "mailbox m"]
            + ["account a", "  user u", "  password x", "  fetch imap i.test", "  tls off insecure"]
            + account("b", "password x", "tls_fingerprint \(pin)")
            + ["account c", "  user u", "  password x", "  send smtp s.test"]
        #expect(try findings(lines, .trust(\.fetchServer)) == [])
        let found = try findings(lines, .trust(\.sendServer))
        #expect(found.count == 1 && found.first?.hasPrefix("rc:1:1: account c: ") == true, "\(found)")
    }
}
