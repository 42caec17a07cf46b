// Where runs that nobody watches leave their words.

import MailTestKit
import Testing

@Suite("A run in the background")
struct BackgroundRunTests {
    @Test(
        "with log stderr a run whose standard error is /dev/null looks for syslog, and no other run does",
        .needs(.strace))
    func background() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
                .replacing("log \(hub.scratch.file("log"))", with: "log stderr")
            hub.scratch.write(rc, to: "rc")
            for (redirection, looks) in [("2>/dev/null", true), ("", false)] {
                let trace = hub.scratch.file("trace")
                let run = try runProgram(
                    [
                        "sh", "-c",
                        "strace -f -o '\(trace)' -e trace=file,connect '\(try InstalledCommands.path("mhcarry"))' "
                            + "-C '\(hub.rc)' \(redirection)",
                    ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
                #expect(run.status == 0, "\(run)")
                let calls = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self)
                #expect(calls.contains("\"/dev/log\"") == looks, "\(calls.suffix(2000))")
            }
            let check = try InstalledCommands.run(["mhcarry", "-C", hub.rc, "--check"])
            #expect(check.status == 0 && check.outputText.hasSuffix(": good\n"), "\(check)")
            #expect(check.errorText.contains("log stderr: a run in the background"), "\(check)")
        }
    }
}
