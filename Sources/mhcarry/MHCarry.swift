// The carrier's command line.

import AccountSessions
import AddressExpansion
import ArgumentParser
import Blocking
import CommandStart
import Reporting
import RunControl
import SpoolQueue

/// Runs the queue. Started by `mhsend -q`, by mhserve, and by mhsend after it has queued a message.
struct MHCarry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhcarry", abstract: "Carry queued mail to its mailboxes and providers (started by mhsend -q).",
        version: HubRelease.line(for: "mhcarry"))

    @OptionGroup var hub: HubOptions

    @Flag(name: .customShort("q"), help: "Run the queue once; this is what the carrier does anyway.")
    var runsQueue = false

    @Option(name: .customLong("id"), help: "Try this message alone, now; may be given more than once.")
    var ids: [String] = []

    @Option(help: ArgumentHelp("Try what has a recipient with TEXT in it, now.", valueName: "text"))
    var recipient: String?

    @Option(help: ArgumentHelp("Try what has a sender with TEXT in it, now.", valueName: "text"))
    var sender: String?

    @Option(
        name: .customLong("online"),
        help: ArgumentHelp(
            "The hub is online by this connection: carry what waits for it, and nothing else.", valueName: "name"))
    var connection: String?

    @Option(
        name: .customLong("now"),
        help: ArgumentHelp(
            "Send this message, which mhsend has left in queue/tmp, and queue nothing.", valueName: "file"))
    var staged: String?

    @Flag(name: .customLong("if-queued"), help: "Say nothing when a message of --id is gone already.")
    var isOnlyIfQueued = false

    func run() throws {
        let started = try hub.start("mhcarry", checks: Check.carrying)
        StopSignal.watch()
        defer { StopSignal.takeEffect() }
        if let staged {
            let hub = try CarrierHub(started.settings, log: started.log, isForced: true)
            return try ImmediateSending(of: try hub.queue.takeStaged(staged), hub: hub).run()
        }
        let only = try ids.map { id in
            guard let known = QueueID(id) else {
                throw CarryError.noSuchMessage(printable(octets: Array(id.utf8), limit: 255))
            }
            return known
        }
        let chosen: QueueRun.Choice =
            if !only.isEmpty {
                .messages(only, isOnlyIfQueued: isOnlyIfQueued)
            } else if let text = recipient ?? sender {
                .holding(text, isRecipient: recipient != nil)
            } else {
                .due
            }
        let isForced = if case .due = chosen { false } else { true }
        let hub = try CarrierHub(started.settings, log: started.log, isForced: isForced, online: connection)
        try QueueRun(chosen, hub: hub).run()
    }
}

/// What a person asked of the carrier, and cannot have.
enum CarryError: Complaint {
    case noSuchMessage(String)

    var exitStatus: ExitStatus { .dataError }

    var description: String {
        switch self {
        case .noSuchMessage(let id): "no message \(id) is in the queue; see mhqueue list"
        }
    }
}

extension Check {
    /// What a run of the queue would stumble over.
    static let carrying: [Check] = [
        .logOfBackgroundRuns, .stateDirectory, .maildirs(), .unixUsers, .secrets(\.sendServer), .trust(\.sendServer),
        .ports(\.sendServer),
        .clearText(\.sendServer), .openToNobody, .onlineQuery, .rewrites, .machineSender,
        .aliases, .forwardFiles, .mailboxPlaces, .noticeTexts, .dropDirectory,
    ]
}
