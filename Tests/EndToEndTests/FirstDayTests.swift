// The first day: the ten lines that every text shows, the one account that is enough, and what is installed.

import Glibc
import MailTestKit
import Testing

@Suite("the first day")
struct FirstDayTests {
    /// The ten lines as README.md has them.
    private static func tenLines() throws -> [String] {
        let text = try Project.text("README.md")
        let section = try #require(text.components(after: "## Ten lines"))
        let block = try #require(section.components(after: "```\n"))
        return block.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0 != "```" }.map(String.init)
    }

    /// The lines of an rc without comments.
    private static func bare(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let code = line.prefix { $0 != "#" }
            return code.allSatisfy(\.isWhitespace) ? nil : String(code.trimmingSuffix(while: \.isWhitespace))
        }
    }

    @Test("README, quickstart and example show the same ten lines, and they are good")
    func tenLines() async throws {
        let lines = try Self.tenLines()
        #expect(lines.count == 10)
        #expect(Array(Self.bare(try Project.text("examples/mailhubrc")).prefix(10)) == lines)
        try await onThread {
            let scratch = ScratchDirectory()
            let shown = try runProgram(
                ["/bin/bash", "\(Project.path)/scripts/quickstart"],
                environment: [
                    "TMPDIR": scratch.path, "HOME": scratch.path, "PATH": "/usr/bin:/bin",
                    "MAILHUB_BIN": try InstalledCommands.directory(),
                ], deadline: .seconds(90))
            #expect(shown.outputText.contains("\n\n" + lines.joined(separator: "\n") + "\n\n"), "\(shown)")
            // The login is to be one's own.
            let login = unsafe getpwuid(geteuid()).map { unsafe String(cString: $0.pointee.pw_name) } ?? "nobody"
            let own = lines.map { $0.hasPrefix("  unix-user") ? "  unix-user \(login)" : $0 }
            scratch.write(own.joined(separator: "\n") + "\n", to: ".mailhubrc")
            for command in ["mhfetch", "mhsend", "mhqueue", "mhroute"] {
                let result = try InstalledCommands.run([command, "--check"], environment: ["HOME": scratch.path])
                #expect(result.status == 0 && result.errorText == "", "\(command) \(result)")
            }
        }
    }

    @Test("ask 13: only the account is needed: its mail comes to the Unix user, and his goes out from its address")
    func onlyTheAccount() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice@example.org"), .line("+OK"),
                .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
                .line("1 a"), .line("."), .expect("LIST"), .line("+OK"), .line("1 20"), .line("."), .expect("RETR 1"),
                .line("+OK"), .octets(Array("Subject: 1\r\n\r\nx\r\n.\r\n".utf8)), .expect("QUIT"), .line("+OK"),
            ])
            scratch.write(
                """
                account work
                  address alice@example.org
                  password secret
                  fetch pop3 127.0.0.1:\(server.port)
                  send submission 127.0.0.1:1
                  tls off
                log none
                """, to: ".mailhubrc")
            let environment = ["HOME": scratch.path]
            let fetched = try InstalledCommands.run(["mhfetch"], environment: environment)
            #expect(fetched.status == 0 && fetched.errorText == "", "\(fetched)")
            let name = unsafe getpwuid(geteuid()).map { unsafe String(cString: $0.pointee.pw_name) } ?? "nobody"
            #expect(ScratchDirectory.names(in: scratch.file("Mail/\(name)/new")).count == 1)
            let sent = try InstalledCommands.run(
                ["mhsend", "-odq", "bob@example.net"], input: Array("Subject: x\n\nx\n".utf8), environment: environment)
            #expect(sent.status == 0 && sent.errorText == "", "\(sent)")
            let listed = try InstalledCommands.run(["mhqueue", "list"], environment: environment)
            #expect(listed.outputText.contains("alice@example.org"), "\(listed)")
        }
    }
}

@Suite("scripts/install")
struct InstallTests {
    /// Installs the commands of this build.
    private func install(_ arguments: String..., to stage: String) throws -> CommandResult {
        try runProgram(
            ["/bin/bash", "\(Project.path)/scripts/install"] + arguments,
            environment: [
                "DESTDIR": stage, "PATH": "/usr/bin:/bin", "MAILHUB_BIN": try InstalledCommands.directory(),
            ], deadline: .seconds(120))
    }

    @Test("SE1: installs what README says, readable by all; the names of sendmail are links, made when asked for")
    func installs() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let plain = try install("/usr", to: scratch.file("plain"))
            #expect(plain.status == 0, "\(plain)")
            let root = scratch.file("plain/usr")
            #expect(
                ScratchDirectory.names(in: "\(root)/bin") == ["mhfetch", "mhqueue", "mhroute", "mhsend", "mhserve"])
            #expect(ScratchDirectory.names(in: "\(root)/libexec/mailhub") == ["mhcarry"])
            #expect(!ScratchDirectory.names(in: root).contains("sbin"))
            let documents = "\(root)/share/doc/mailhub"
            for folder in ["docs", "examples"] {
                #expect(
                    ScratchDirectory.names(in: "\(documents)/\(folder)")
                        == ScratchDirectory.names(in: "\(Project.path)/\(folder)"))
            }
            #expect(ScratchDirectory.names(in: documents).contains("README.md"))
            let pages = ["1", "5", "8"].flatMap { ScratchDirectory.names(in: "\(root)/share/man/man\($0)") }
            #expect(pages.sorted() == ScratchDirectory.names(in: "\(Project.path)/man"))
            let closed = try runProgram(["find", root, "!", "-perm", "-444"])
            #expect(closed.status == 0 && closed.outputText == "", "\(closed)")

            let named = try install("--sendmail-names", "/usr", to: scratch.file("plain"))
            #expect(named.status == 0, "\(named)")
            for (name, target) in [
                ("sbin/sendmail", "../bin/mhsend"), ("bin/mailq", "mhsend"), ("bin/newaliases", "mhsend"),
            ] {
                #expect(try runProgram(["readlink", "\(root)/\(name)"]).outputText == "\(target)\n")
            }
            // Through the link the queue command is found where it is installed.
            let listed = try runProgram(
                ["\(root)/bin/mailq"], environment: ["HOME": scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(listed.status == 78 && listed.errorText.hasPrefix("mailq: there is no rc"), "\(listed)")
            #expect(try install("--sendmail-names", "/usr", to: scratch.file("plain")).status == 0)
        }
    }

    @Test("a name that another program has is left to it, and nothing is installed")
    func takenName() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            for folder in ["", "/usr", "/usr/sbin"] { _ = unsafe mkdir(scratch.file("stage\(folder)"), 0o700) }
            scratch.write("another's", to: "stage/usr/sbin/sendmail")
            let result = try install("--sendmail-names", "/usr", to: scratch.file("stage"))
            #expect(result.status == 73 && result.errorText.contains("sbin/sendmail is another program's"), "\(result)")
            #expect(ScratchDirectory.names(in: scratch.file("stage/usr")) == ["sbin"])
            #expect(try install("--nonsense", to: scratch.file("stage")).status == 64)
        }
    }

    @Test("what the commands are linked with stands in scripts/packages")
    func packages() async throws {
        let text = try Project.text("scripts/packages")
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.split(separator: " ") }
        #expect(lines.allSatisfy { ["build", "run", "test", "peer", "source"].contains($0[0]) && $0.count >= 2 })
        #expect(Set(lines.map { $0[1] }).count == lines.count)
        let run = Set(lines.filter { $0[0] == "run" }.map { String($0[1]) })
        for script in ["quickstart", "install", "test"] {
            let words = try Project.text("scripts/\(script)")
            #expect(words.contains("scripts/missing\" build") || words.contains("scripts/missing build"), "\(script)")
            #expect(!words.contains("libssl"), "\(script)")
        }
        try await onThread {
            var libraries: Set<String> = []
            for name in ["mhfetch", "mhsend", "mhcarry", "mhqueue", "mhserve", "mhroute"] {
                let path = try InstalledCommands.path(name)
                let linked = try runProgram(["ldd", path])
                // What a library needs in turn its own package depends on.
                let needed = try runProgram(["readelf", "-d", path]).outputText
                for line in linked.outputText.split(separator: "\n") {
                    let words = line.split(separator: " ")
                    // A debug build has Swift's own libraries outside; a release has them inside.
                    guard let at = words.firstIndex(of: "=>"), !words[at + 1].contains("/swift/") else { continue }
                    let library = words[0].filter { !$0.isWhitespace }
                    if needed.contains("[\(library)]") { libraries.insert(library) }
                }
            }
            #expect(libraries.contains("libssl.so.3"))
            for library in libraries {
                let owner = try runProgram(["dpkg", "-S", "*/\(library)"])
                let owners = owner.outputText.split(separator: "\n").compactMap { $0.split(separator: ":").first }
                #expect(owners.contains { run.contains(String($0)) }, "\(library): \(owner)")
            }
        }
    }
}

extension String {
    /// What stands behind the first `mark`.
    fileprivate func components(after mark: String) -> String? {
        firstRange(of: mark).map { String(self[$0.upperBound...]) }
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while isDropped: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, isDropped(last) { rest.removeLast() }
        return rest
    }
}
