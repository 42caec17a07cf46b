// Programs that do not read, do not stop, do not end, or leave children behind; and those that behave.

import Blocking
import Glibc
import MailTestKit
import Testing

@testable import Programs

/// Runs a program of /bin/sh's words: the child may use a shell, we do not.
func run(
    _ script: String, input: Program.Input = .none, within duration: Duration = .seconds(20), limit: Int = 65_536,
    environment: [String: String] = [:], directory: String = "/", patience: Duration = .milliseconds(50)
) async throws -> ProgramResult {
    try await onThread { () throws in
        var program = Program(
            argv: ["/bin/sh", "-c", script, "sh"], environment: environment, directory: directory, input: input,
            deadline: Deadline(after: duration), outputLimit: limit)
        program.patience = patience
        program.isRoot = { false }
        return try program.run()
    }
}

@Suite struct ProgramTests {
    @Test("input goes in, output and errors come out, the status is told")
    func conversation() async throws {
        let result = try await run("cat; echo oops >&2; exit 3", input: .octets(Array("hello".utf8)))
        #expect(result.output == Array("hello".utf8))
        #expect(result.errors == Array("oops\n".utf8))
        #expect(result.ending == .exited(3))
        #expect(throws: ProgramError.failed(program: "x", how: "exit status 3", said: "oops")) {
            try result.requireSuccess(of: "x")
        }
    }

    @Test("a megabyte each way does not deadlock")
    func bulk() async throws {
        let octets = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let result = try await run("cat", input: .octets(octets), limit: 2 << 20)
        #expect(result.output == octets)
        #expect(result.succeeded)
    }

    @Test("a program that does not read its input is no fault")
    func deaf() async throws {
        let result = try await run("exec 0<&-; echo done", input: .octets([UInt8](repeating: 1, count: 1 << 20)))
        #expect(result.output == Array("done\n".utf8))
        #expect(result.succeeded)
    }

    @Test("a flood is read to its end, and cut in memory")
    func flood() async throws {
        let result = try await run("head -c 3000000 /dev/zero; head -c 100000 /dev/zero >&2; echo end >&2", limit: 1000)
        #expect(result.output == [UInt8](repeating: 0, count: 1000))
        #expect(result.isOutputCut)
        #expect(result.succeeded)
        #expect(result.errors.count == Program.errorLimit)
        #expect(result.errors.suffix(4) == Array("end\n".utf8))
    }

    @Test("an endless flood ends at the deadline")
    func endless() async throws {
        let result = try await run("exec cat /dev/zero", within: .seconds(3), limit: 1000)
        #expect(result.ending == .timedOut)
        #expect(result.output.count == 1000)
    }

    @Test("a program that ignores SIGTERM is killed all the same")
    func stubborn() async throws {
        let result = try await run("trap '' TERM; echo ready; while :; do sleep 30; done", within: .seconds(3))
        #expect(result.ending == .timedOut)
        #expect(result.output == Array("ready\n".utf8))
        #expect(throws: ProgramError.timedOut(program: "x")) { try result.requireSuccess(of: "x") }
    }

    @Test("a program may tidy up on SIGTERM, and still has timed out")
    func polite() async throws {
        let result = try await run(
            "trap 'echo bye; exit 0' TERM; echo hi; sleep 30 & wait", within: .seconds(3), patience: .seconds(20))
        #expect(result.ending == .timedOut)
        #expect(result.output == Array("hi\nbye\n".utf8))
    }

    @Test("a grandchild that holds the pipe delays nothing and is gone afterwards")
    func grandchild() async throws {
        let start = Deadline.now
        let result = try await run("sleep 600 & echo $!")
        #expect(start.elapsed < .seconds(300))
        #expect(result.succeeded)
        let process = try #require(pid_t(String(decoding: result.output.dropLast(), as: UTF8.self)))
        // Killed with its group, which takes a moment; until init reaps it, its directory in /proc says zombie.
        func isThere() -> Bool {
            let status = ScratchDirectory.read("/proc/\(process)/stat").map { String(decoding: $0, as: UTF8.self) }
            return status.map { !$0.contains(") Z") && !$0.contains(") X") && $0.contains("(sleep)") } ?? false
        }
        let deadline = Deadline(after: .seconds(60))
        while isThere(), !deadline.hasPassed { sched_yield() }
        #expect(!isThere())
    }

    @Test("what died by a signal says so")
    func signal() async throws {
        let result = try await run("kill -SEGV $$")
        #expect(result.ending == .killed(signal: SIGSEGV))
        #expect(throws: ProgramError.failed(program: "x", how: "killed by signal 11", said: "")) {
            try result.requireSuccess(of: "x")
        }
    }

    @Test("nothing of ours is open in it but the three")
    func descriptors() async throws {
        let leak = unsafe open("/dev/null", O_RDONLY)
        defer { close(leak) }
        let result = try await run("exec ls /proc/self/fd")
        // The fourth is the directory that ls reads.
        #expect(String(decoding: result.output, as: UTF8.self) == "0\n1\n2\n3\n")
    }

    @Test("signals are as a new program expects them, in a group of its own")
    func signals() async throws {
        ignoreBrokenPipes()
        let result = try await run("grep -E 'SigBlk|SigIgn' /proc/self/status; ps -o pgid= -p $$ | tr -d ' '; echo $$")
        let lines = String(decoding: result.output, as: UTF8.self).split(separator: "\n")
        try #require(lines.count >= 2)
        #expect(lines[0] == "SigBlk:\t0000000000000000")
        // Signals 32 and 33 are the C library's own; its posix_spawn ignores them until exec'd programs set them up anew.
        let ignored = try #require(UInt64(lines[1].dropFirst(8), radix: 16))
        #expect(ignored & ~0x1_8000_0000 == 0)
        if lines.count == 4 { #expect(lines[2] == lines[3]) }
    }

    @Test("the environment is the fixed one and what was added")
    func environment() async throws {
        let result = try await run("exec env", environment: ["SENDER": "a@b.test", "LANG": "C"])
        let lines = Set(String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init))
        let names = Set(lines.compactMap { $0.split(separator: "=").first.map(String.init) })
        #expect(
            names.subtracting(["PWD", "OLDPWD", "SHLVL", "_"]) == ["PATH", "LANG", "HOME", "USER", "LOGNAME", "SENDER"])
        #expect(lines.contains("PATH=/usr/local/bin:/usr/bin:/bin"))
        #expect(lines.contains("LANG=C"))
        #expect(lines.contains("SENDER=a@b.test"))
    }

    @Test("it starts in the directory given, and reads the file given")
    func directoryAndInput() async throws {
        let scratch = ScratchDirectory()
        let file = unsafe open(scratch.write("skip this\nfrom a file", to: "input"), O_RDONLY)
        defer { close(file) }
        lseek(file, 10, SEEK_SET)
        let result = try await run("pwd; cat", input: .file(file), directory: scratch.path)
        #expect(result.output == Array("\(scratch.path)\nfrom a file".utf8))
        await #expect(throws: ProgramError.self) { try await run("pwd", directory: scratch.file("missing")) }
    }

    @Test("root's programs are refused, with a way out")
    func root() {
        var program = Program(argv: ["/bin/true"], deadline: .never)
        program.isRoot = { true }
        let expected = ProgramError.refusedAsRoot(program: "/bin/true")
        #expect(throws: expected) { try program.run() }
        #expect(expected.description == "/bin/true: programs are never run as root; run this as the hub's own user")
        #expect(expected.exitStatus == .noPermission)
    }

    @Test("what cannot be started says why")
    func unstartable() async throws {
        let scratch = ScratchDirectory()
        let text = scratch.write("no program", to: "text", mode: 0o755)
        let cases: [([String], String)] = [
            (["mailhub-no-such-program"], "not found in /usr/local/bin:/usr/bin:/bin; write its whole path"),
            (["/nowhere/x"], "No such file or directory"),
            ([text], "Exec format error"),
        ]
        for (argv, words) in cases {
            await #expect(throws: ProgramError.cannotStart(program: argv[0], reason: words)) {
                try await onThread { () throws in
                    var program = Program(argv: argv, deadline: Deadline(after: .seconds(20)))
                    program.isRoot = { false }
                    return try program.run()
                }
            }
        }
        for argv in [[], [""], ["a", "b\0c"]] {
            #expect(throws: ProgramError.self) { try Program(argv: argv, deadline: .never).run() }
        }
    }
}
