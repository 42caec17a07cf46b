// Secrets: first lines only, from files that nobody else may read, or from programs that succeed.

import Blocking
import Glibc
import MailTestKit
import Testing

@testable import Programs

@Suite struct SecretReaderTests {
    private let scratch = ScratchDirectory()

    private func read(_ octets: [UInt8], mode: mode_t = 0o600) throws -> [UInt8] {
        try SecretReader.file(scratch.write(octets, to: "secret", mode: mode)).read(until: .never).revealed
    }

    @Test("the first line counts, without its end", arguments: ["pw", "pw\n", "pw\r\n", "pw\nmore\n", "pw\n\0\n"])
    func firstLine(text: String) throws {
        #expect(try read(Array(text.utf8)) == Array("pw".utf8))
    }

    @Test("blanks and odd octets belong to the secret")
    func verbatim() throws {
        #expect(try read([0x20, 0xFF, 0x70, 0x20, 0x0A]) == [0x20, 0xFF, 0x70, 0x20])
    }

    @Test("nothing, an empty line, a NUL and too much are refused without being shown")
    func refused() {
        for octets in [
            [], [0x0A, 0x61], [0x0D, 0x0A], [0x70, 0x00, 0x71], [0xEF, 0xBB, 0xBF, 0x70],
            [UInt8](repeating: 0x73, count: 65_537),
        ] {
            #expect { try read(octets) } throws: { error in
                guard case ProgramError.badSecret = error else { return false }
                return !"\(error)".contains("ss") || octets.count < 10
            }
        }
        #expect(throws: Never.self) { try read([UInt8](repeating: 0x73, count: 65_535) + [0x0A]) }
    }

    @Test("a file that others may read, in whatever way, is refused", arguments: [0o644, 0o640, 0o604, 0o620, 0o602])
    func mode(_ mode: mode_t) {
        #expect { try read([0x70], mode: mode) } throws: {
            "\($0)".hasSuffix("run: chmod 600 \(scratch.file("secret"))")
        }
    }

    @Test("a directory, a FIFO and a missing file are refused without waiting")
    func kinds() {
        #expect(unsafe mkfifo(scratch.file("fifo"), 0o600) == 0)
        for name in ["fifo", "missing", "."] {
            #expect(throws: ProgramError.self) { try SecretReader.file(scratch.file(name)).read(until: .never) }
        }
        #expect(throws: ProgramError.self) { try SecretReader.file("a\0b").read(until: .never) }
    }

    @Test("another user's file is refused", .enabled(if: geteuid() == 0))
    func owner() throws {
        let path = scratch.write([0x70], to: "theirs")
        unsafe chown(path, 12_345, 12_345)
        #expect(throws: ProgramError.foreignFile(path: path, owner: 12_345)) {
            try SecretReader.file(path).read(until: .never)
        }
    }

    @Test("a program's first line counts when it succeeds, in time, in bounds")
    func program() async throws {
        func ask(_ script: String, within duration: Duration = .seconds(20)) async throws -> [UInt8] {
            try await onThread { () throws in
                var program = Program(
                    argv: ["/bin/sh", "-c", script], deadline: Deadline(after: duration),
                    outputLimit: SecretReader.limit)
                program.isRoot = { false }
                program.patience = .milliseconds(50)
                return try SecretReader.read(from: program).revealed
            }
        }
        #expect(try await ask("echo secret; echo more") == Array("secret".utf8))
        await #expect(throws: ProgramError.failed(program: "/bin/sh", how: "exit status 1", said: "no key")) {
            try await ask("echo secret; echo no key >&2; exit 1")
        }
        await #expect(throws: ProgramError.timedOut(program: "/bin/sh")) {
            try await ask("echo secret; exec sleep 60", within: .milliseconds(50))
        }
        await #expect(throws: ProgramError.badSecret(source: "/bin/sh", reason: "its first line is empty")) {
            try await ask("true")
        }
        await #expect(throws: ProgramError.self) { try await ask("echo s; head -c 100000 /dev/zero") }
    }
}
