// The quickstart does what the README says of it, in an empty home, twice, and leaves nothing behind.

import Glibc
import MailTestKit
import Testing

@Suite struct QuickstartTests {
    /// Runs the script with the commands of this build, in a world that holds nothing but `scratch`.
    private func run(_ arguments: [String] = [], in scratch: ScratchDirectory) throws -> CommandResult {
        for name in ["home", "tmp", "cwd"] { _ = unsafe mkdir(scratch.file(name), 0o700) }
        return try runProgram(
            ["/bin/bash", "\(Project.path)/scripts/quickstart"] + arguments,
            environment: [
                "HOME": scratch.file("home"), "TMPDIR": scratch.file("tmp"), "PATH": "/usr/local/bin:/usr/bin:/bin",
                "MAILHUB_BIN": try InstalledCommands.directory(), "SWIFT_BACKTRACE": "enable=no",
            ],
            directory: scratch.file("cwd"), deadline: .seconds(90))
    }

    /// The processes whose context name `path`: the quickstart gives everything it starts its folder as a home.
    private func processes(naming path: String) -> [String] {
        ScratchDirectory.names(in: "/proc").filter { name in
            guard name.allSatisfy(\.isNumber), let octets = ScratchDirectory.read("/proc/\(name)/environ") else {
                return false
            }
            return String(decoding: octets, as: UTF8.self).contains(path)
        }
    }

    /// Every file and folder below the project, hidden ones at its top aside.
    private func projectFiles() -> [String] {
        var found: [String] = []
        var folders = [Project.path]
        while let folder = folders.popLast() {
            for name in ScratchDirectory.names(in: folder) where !name.hasPrefix(".") {
                let path = "\(folder)/\(name)"
                var status = stat()
                guard unsafe lstat(path, &status) == 0 else { continue }
                if status.st_mode & S_IFMT == S_IFDIR { folders.append(path) }
                found.append(path)
            }
        }
        return found.sorted()
    }

    @Test("walks a letter through a hub, twice in one home, and leaves no process and no file")
    func twice() async throws {
        let scratch = ScratchDirectory()
        let before = projectFiles()
        for round in 1...2 {
            let result = try await onThread { try run(in: scratch) }
            #expect(result.status == 0, "round \(round): \(result)")
            #expect(result.errorText == "", "round \(round)")
            for word in ["mhsend", "mhqueue list", "bob's Maildir", "octet for octet", "nothing new", "stopped"] {
                #expect(result.outputText.contains(word), "round \(round) did not see: \(word)\n\(result)")
            }
            for name in ["home", "tmp", "cwd"] {
                #expect(ScratchDirectory.names(in: scratch.file(name)) == [], "round \(round) left files in \(name)")
            }
            #expect(processes(naming: scratch.path) == [], "round \(round) left processes")
        }
        #expect(projectFiles() == before)
    }

    @Test("keeps the folder that --in names, and all of it lies there")
    func keepsItsFolder() async throws {
        let scratch = ScratchDirectory()
        let result = try await onThread { try run(["--in", scratch.file("mine")], in: scratch) }
        #expect(result.status == 0, "\(result)")
        #expect(ScratchDirectory.names(in: scratch.file("mine/home/maildirs/bob/new")).count == 1)
        for name in ["home", "tmp", "cwd"] { #expect(ScratchDirectory.names(in: scratch.file(name)) == []) }
        #expect(processes(naming: scratch.path) == [])

        let again = try await onThread { try run(["--in", scratch.file("mine")], in: scratch) }
        #expect(again.status == 1)
        #expect(again.errorText.contains("is not empty"), "\(again)")
    }

    @Test("--keep leaves the service running, and the words it prints stop it")
    func keepsRunning() async throws {
        let scratch = ScratchDirectory()
        let result = try await onThread { try run(["--keep"], in: scratch) }
        #expect(result.status == 0, "\(result)")
        let running = processes(naming: scratch.path).compactMap { pid_t($0) }
        defer { for pid in running { kill(pid, SIGKILL) } }
        #expect(!running.isEmpty)
        let stop = try #require(
            result.outputText.split(separator: "\n").first { $0.hasPrefix("  kill ") }, "no word on how to stop it")
        let stopped = try await onThread {
            let stopped = try runProgram(["/bin/sh", "-c", String(stop)])
            let begun = ContinuousClock.now
            while !processes(naming: scratch.path).isEmpty, begun.duration(to: .now) < .seconds(20) {
                _ = poll(nil, 0, 20)
            }
            return stopped
        }
        #expect(stopped.status == 0, "\(stopped)")
        #expect(processes(naming: scratch.path) == [])
        #expect(ScratchDirectory.names(in: scratch.file("tmp")) == [])
    }

    @Test("the openssl lines it prints work when typed")
    func openssl() async throws {
        let scratch = ScratchDirectory()
        let result = try await onThread { try run(["--keep"], in: scratch) }
        #expect(result.status == 0, "\(result)")
        let running = processes(naming: scratch.path).compactMap { pid_t($0) }
        defer { for pid in running { kill(pid, SIGKILL) } }
        let lines = result.outputText.split(separator: "\n").filter { $0.hasPrefix("  openssl ") }.map(String.init)
        #expect(lines.count == 2, "\(result)")
        let words = result.outputText.split { $0.isWhitespace || $0 == "," }
        let password = try #require(words.firstIndex(of: "PASS").map { words[$0 + 1] }, "no password is told")
        func type(_ line: String, _ words: String...) async throws -> CommandResult {
            try await onThread {
                try runProgram(
                    ["/bin/sh", "-c", line], input: Array(words.map { "\($0)\n" }.joined().utf8),
                    environment: ["PATH": "/usr/bin:/bin", "HOME": scratch.path])
            }
        }
        let pop3 = try await type(lines[0], "USER bob", "PASS \(password)", "STAT", "QUIT")
        let replies = pop3.outputText.split(separator: "\r\n")
        #expect(replies.count == 5 && replies.allSatisfy { $0.hasPrefix("+OK") }, "\(pop3)")
        #expect(replies.count == 5 && replies[3].hasPrefix("+OK 1 "), "\(pop3)")
        let smtp = try await type(lines[1], "EHLO me", "QUIT")
        #expect(smtp.outputText.contains("250-AUTH PLAIN") || smtp.outputText.contains("250 AUTH PLAIN"), "\(smtp)")
        #expect(smtp.outputText.split(separator: "\r\n").last?.hasPrefix("221 ") == true, "\(smtp)")
    }

    @Test("what it builds may be read and run by others, and the build's passing files stay in its folder")
    func buildFolder() async throws {
        let scratch = ScratchDirectory()
        let commands = try InstalledCommands.directory()
        try await onThread {
            for name in ["home", "tmp", "tools", "project"] { _ = unsafe mkdir(scratch.file(name), 0o755) }
            for name in ["scripts", "examples", "Package.swift"] {
                let copied = try runProgram(["cp", "-R", "\(Project.path)/\(name)", scratch.file("project")])
                #expect(copied.status == 0, "\(copied)")
            }
            _ = unsafe mkdir(scratch.file("project/Sources"), 0o755)
            // Stands in for the compiler: notes where its passing files would go, and lays out what is built already.
            scratch.write(
                """
                #!/bin/sh
                [ "$1" = --version ] && echo "Swift version 6.3.1" && exit
                while [ $# -gt 0 ]; do
                    [ "$1" = --scratch-path ] && folder=$2
                    shift
                done
                echo "$TMPDIR" >"$folder/tmpdir"
                mkdir "$folder/release"
                for name in mhfetch mhsend mhcarry mhqueue mhserve mhroute; do
                    ln -s "\(commands)/$name" "$folder/release/$name"
                done

                """, to: "tools/swift", mode: 0o700)
            scratch.write("#!/bin/sh\necho installed\n", to: "tools/dpkg-query", mode: 0o700)
            let result = try runProgram(
                ["/bin/bash", scratch.file("project/scripts/quickstart")],
                environment: [
                    "HOME": scratch.file("home"), "TMPDIR": scratch.file("tmp"),
                    "PATH": "\(scratch.file("tools")):/usr/local/bin:/usr/bin:/bin",
                ], deadline: .seconds(90))
            #expect(result.status == 0, "\(result)")
            let build = scratch.file("project/.build-release")
            #expect(
                ScratchDirectory.read("\(build)/tmpdir").map { String(decoding: $0, as: UTF8.self) } == "\(build)/tmp\n"
            )
            let closed = try runProgram(["find", build, "!", "-perm", "-444", "-o", "-type", "d", "!", "-perm", "-555"])
            #expect(closed.status == 0 && closed.outputText == "", "\(closed)")
            #expect(ScratchDirectory.names(in: scratch.file("tmp")) == [])
        }
    }

    @Test("a step that fails ends it, says which, and leaves nothing", arguments: ["mhserve", "mhsend", "mhfetch"])
    func failure(of broken: String) async throws {
        let scratch = ScratchDirectory()
        for name in ["home", "tmp", "bin"] { _ = unsafe mkdir(scratch.file(name), 0o700) }
        for name in ["mhfetch", "mhsend", "mhcarry", "mhqueue", "mhserve", "mhroute"] {
            // Behind its wrapper a command still finds the others where it really is.
            let command = name == broken ? "exit 75" : "exec '\(try InstalledCommands.path(name))' \"$@\""
            scratch.write("#!/bin/sh\n\(command)\n", to: "bin/\(name)", mode: 0o700)
        }
        let result = try await onThread {
            try runProgram(
                ["/bin/bash", "\(Project.path)/scripts/quickstart"],
                environment: ["TMPDIR": scratch.file("tmp"), "MAILHUB_BIN": scratch.file("bin")], deadline: .seconds(90)
            )
        }
        #expect(result.status == 1, "\(result)")
        #expect(result.errorText.hasPrefix("quickstart: \(broken)"), "\(result)")
        #expect(ScratchDirectory.names(in: scratch.file("tmp")) == [])
        #expect(processes(naming: scratch.path) == [])
    }
}
