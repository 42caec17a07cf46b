// What mail and files tell of the machine they came from.

import MailTestKit
import Testing

@Suite("Names")
struct NamesTests {
    /// Runs a command where the kernel says that the machine is called `telltale`.
    private func onTelltale(_ hub: SendHub, _ arguments: [String], input: String = "") throws -> CommandResult {
        let naming = "echo telltale >/proc/sys/kernel/hostname && exec \"$@\""
        return try runProgram(
            ["unshare", "--uts", "sh", "-c", naming, "sh", try InstalledCommands.path("mhsend"), "-C", hub.rc]
                + arguments,
            input: Array(input.utf8), environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
    }

    @Test(
        "without the line hostname nothing that leaves or is stored names the machine",
        .enabled(if: Peers.isInCI || Peers.runsAsRoot, "needs root, for a machine of another name"))
    func machine() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"], hostname: nil)
            let queued = try onTelltale(
                hub, ["-odq", "-v", "-f", "alice@one.example", "b@far.example", "bob@home.example"],
                input: "Subject: x\n\nx\n")
            #expect(queued.status == 0, "\(queued)")
            let files = hub.files(in: "new")
            #expect(files.count == 1 && files[0].contains(".hub,S="), "\(files)")
            let run = try onTelltale(hub, ["-q"])
            #expect(run.status == 0, "\(run) \(hub.log)")
            let sent = try sink.waitForMessages(1)[0]
            #expect(sent.client == "localhost")
            let text = String(decoding: sent.content, as: UTF8.self)
            #expect(text.contains("@one.example>\r\n") && text.contains("Received: by localhost "))
            let kept = ScratchDirectory.names(in: hub.scratch.file("mail/bob/new"))
            #expect(kept.count == 1 && kept[0].contains(".hub,S="), "\(kept)")
            let told = [text, queued.errorText] + kept + files + hub.mail(of: "bob")
            #expect(told.allSatisfy { !$0.contains("telltale") }, "\(told)")
        }
    }
}
