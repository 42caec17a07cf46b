// The queue command and its verbs.

import ArgumentParser
import CommandStart
import Glibc
import Reporting
import RunControl
import SpoolQueue

struct MHQueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhqueue", abstract: "Show and steer the queue of outgoing mail.",
        version: HubRelease.line(for: "mhqueue"),
        subcommands: [
            List.self, Show.self, Why.self, Remove.self, Hold.self, Release.self, Try.self, Expire.self, Route.self,
            Stats.self, Check.self,
        ],
        defaultSubcommand: List.self)
}

/// The queue of the hub that `options` names.
func openQueue(_ options: HubOptions) throws -> (StartedHub, Queue) {
    let hub = try options.start("mhqueue", checks: [.stateDirectory])
    return (hub, try Queue(state: hub.settings.stateDirectory))
}

extension MHQueue {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List queued messages, oldest first. Takes no lock.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var selectors: Selectors
        @Flag(help: "One JSON object a line.") var json = false

        func run() throws {
            let (hub, queue) = try openQueue(hub)
            let (choice, json) = (try selectors.choice(hub, queue), json)
            let entries = try queue.list().entries
            var worst: ExitStatus?
            var output = Output()
            var isEmpty = true
            for index in entries.indices.sorted(by: { entries[$0].id.text < entries[$1].id.text })
            where choice.mayTake(entries[index]) {
                let message: QueuedMessage?
                do throws(QueueError) {
                    message = try queue.peek(entries[index])
                } catch {
                    worst = complain(error, as: CommandName.called(else: "mhqueue"))
                    isEmpty = false
                    continue
                }
                // One may have been removed since the listing.
                guard let message, choice.take(message) else { continue }
                isEmpty = false
                let report = MessageReport(message)
                try output.add(json ? report.json.line : report.lines)
            }
            if isEmpty, !json {
                try output.add(choice.isAll ? "the queue is empty\n" : "no message in the queue is one of these\n")
            }
            if !json, hub.settings.onlineQuery != nil {
                let online = try OnlineRecord.last(in: queue.state)
                if online.waiting > 0, let told = online.toldOffline {
                    try output.add("(\(told): there is mail that waits for a connection)\n")
                }
            }
            let dropped = hub.settings.isSystem && !json ? try DropDirectory.count() : 0
            if dropped > 0 {
                let files = "\(counted(dropped, "message")) in \(DropDirectory.path)"
                try output.add("(\(files): taken in by the next run of the queue)\n")
            }
            try output.flush()
            if let worst { throw ExitCode(worst.rawValue) }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print a message: its envelope, then its content.")
        @OptionGroup var hub: HubOptions
        @Argument(help: "The message's id.") var id: String?
        @Flag(help: "The envelope and the state as a JSON object, without the content.") var json = false

        func run() throws {
            let (_, queue) = try openQueue(hub)
            let message = try find(id, in: queue)
            let report = MessageReport(message)
            try writeToStandardOutput(json ? report.json.line : report.envelope + "\n")
            if json { return }
            // A terminal shows foreign octets made harmless; a pipe or a file gets them as they are.
            let isTerminal = isatty(1) == 1
            try message.content.forEachChunk { chunk in
                try writeToStandardOutput(isTerminal ? Array(Harmless.text(chunk).utf8) : chunk)
            }
        }
    }

    struct Why: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell what happens to a message, when it is next tried, and what would change that.")
        @OptionGroup var hub: HubOptions
        @Argument(help: "The message's id.") var id: String?
        @Flag(help: "A JSON object.") var json = false

        func run() throws {
            let (hub, queue) = try openQueue(hub)
            let message = try find(id, in: queue)
            let ways = try WaysOut(hub.settings, queue)
            let outlook = Outlook(
                of: message, by: ways, holder: try queue.holder(of: message.entry),
                lifetime: Int(hub.settings.queue.lifetime.components.seconds), now: Times.now())
            let report = MessageReport(message)
            guard !json else {
                return try writeToStandardOutput(report.json.with([("why", .text(try outlook.paragraph()))]).line)
            }
            try writeToStandardOutput(
                "\(report.id)\n" + Paragraph.filled(try outlook.paragraph(), indent: "  ") + "\n"
                    + report.reasons(of: message, by: ways))
        }
    }
}

/// The message `id` as it is now.
func find(_ id: String?, in queue: Queue) throws -> QueuedMessage {
    guard let id else { throw ValidationError("name the message: its id, as mhqueue list shows it") }
    guard let known = QueueID(id), let entry = try queue.find(known), let message = try queue.peek(entry) else {
        throw QueueCommandError.noSuchMessage(id)
    }
    return message
}

enum QueueCommandError: Complaint {
    case noSuchMessage(String)
    case noSuchRoute(String)
    case isHeld(String, why: String)
    case notTried(String, why: String)
    case isNotice(String)

    var exitStatus: ExitStatus {
        switch self {
        case .noSuchMessage, .isHeld, .isNotice: .dataError
        case .noSuchRoute: .usage
        case .notTried: .temporaryFailure
        }
    }

    var description: String {
        switch self {
        case .noSuchMessage(let id): "\(id): no such message in the queue; it may be gone already, see: mhqueue list"
        case .noSuchRoute(let name): "\(name): the rc has no route of that name, and no account that sends"
        case .isHeld(let id, let why): "\(id): is held (\(why)); let it go on with: mhqueue release \(id)"
        case .isNotice(let id):
            "\(id): is a notice, which has no sender to hear that it is given up; remove it with: mhqueue rm \(id)"
        case .notTried(let id, let why): "\(id): could not be tried: \(why)"
        }
    }
}
