// What a child gets of ours, and what it does not.

import Blocking
import Glibc
import MailTestKit
import Testing

@testable import Programs

@Suite struct ChildStartTests {
    private let scratch = ScratchDirectory()

    /// Runs a shell script under `change`d circumstances.
    /// - Returns: what it writes to its standard output.
    private func run(_ script: String, _ change: (inout ChildStart) -> Void = { _ in }) throws -> String {
        let said = unsafe open(scratch.write("", to: "said"), O_RDWR | O_CLOEXEC)
        defer { close(said) }
        var start = ChildStart(file: "/bin/sh", arguments: ["sh", "-c", script])
        start.output = .descriptor(said)
        change(&start)
        let child = try start.start()
        var status: Int32 = -1
        #expect(unsafe waitpid(child, &status, 0) == child && status == 0)
        return String(decoding: ScratchDirectory.read(scratch.file("said")) ?? [], as: UTF8.self)
    }

    @Test("handed descriptors arrive as 3, 4, 5, whatever their numbers here, and no other one does")
    func handed() async throws {
        try await onThread { () throws in
            let opened = ["a", "b", "c"].map { unsafe open(scratch.write($0, to: $0), O_RDONLY | O_CLOEXEC) }
            let stray = unsafe open(scratch.file("a"), O_RDONLY)  // not even close-on-exec
            defer { for descriptor in opened + [stray] { close(descriptor) } }
            let said = try run("cat <&3; cat <&4; cat <&5; ls /proc/$$/fd; true") {
                $0.handed = [opened[2], opened[0], opened[1]]
            }
            #expect(said.hasPrefix("cab"))
            let numbers = said.dropFirst(3).split(separator: "\n").compactMap { Int($0) }
            #expect(numbers.filter { $0 < 10 }.sorted() == [0, 1, 2, 3, 4, 5])  // the shell's own are 10 and more
            #expect(!numbers.contains(Int(stray)) || stray < 6)
        }
    }

    @Test("descriptors may trade places")
    func traded() async throws {
        try await onThread { () throws in
            let one = unsafe open(scratch.write("1", to: "1"), O_RDONLY | O_CLOEXEC)
            let two = unsafe open(scratch.write("2", to: "2"), O_RDONLY | O_CLOEXEC)
            defer { for descriptor in [one, two] { close(descriptor) } }
            let said = try run("cat /proc/self/fd/\(one) /proc/self/fd/\(two)") {
                $0.handed = (3...max(one, two)).map { $0 == one ? two : one }
            }
            #expect(said == "21")
        }
    }

    @Test("signals are default and unblocked, and the group is its own")
    func signals() async throws {
        try await onThread { () throws in
            let said = try run("ps -o pgid= -p $$ | tr -d ' '; echo $$; grep -E '^Sig(Blk|Ign)' /proc/self/status")
            let lines = said.split(separator: "\n")
            #expect(lines.count == 4 && lines[0] == lines[1])
            #expect(lines[2].hasSuffix("0000000000000000"), "\(said)")
            // Glibc lets no child of posix_spawn have 32 and 33, which its threads use.
            #expect(lines[3].hasSuffix("0000000180000000") || lines[3].hasSuffix("0000000000000000"), "\(said)")
        }
    }

    @Test("what cannot be started is told by its errno")
    func refused() {
        #expect(throws: ChildStart.Refusal(code: ENOENT)) {
            try ChildStart(file: "/no/such", arguments: ["x"]).start()
        }
        var start = ChildStart(file: "/bin/true", arguments: ["true"])
        start.handed = [-1]
        #expect(throws: ChildStart.Refusal(code: EBADF)) { try start.start() }
    }
}
