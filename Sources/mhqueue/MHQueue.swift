// The queue command and its verbs.

import AddressExpansion
import ArgumentParser
import CommandStart
import Glibc
import Programs
import Reporting
import RunControl
import SpoolQueue

struct MHQueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhqueue", abstract: "Show and steer the queue of outgoing mail.",
        version: HubRelease.line(for: "mhqueue"),
        subcommands: [List.self, Show.self, Why.self, Remove.self, Hold.self, Release.self, Try.self],
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
        @Flag(help: "One JSON object a line.") var json = false

        func run() throws {
            let (hub, queue) = try openQueue(hub)
            let listing = try queue.list()
            var worst: ExitStatus?
            let entries = listing.entries.sorted { $0.id.text < $1.id.text }
            var output = Output()
            for entry in entries {
                let message: QueuedMessage?
                do throws(QueueError) {
                    message = try queue.peek(entry)
                } catch {
                    worst = complain(error, as: CommandName.called(else: "mhqueue"))
                    continue
                }
                guard let message else { continue }  // removed since the listing
                let report = MessageReport(message)
                try output.add(json ? report.json.line : report.lines)
            }
            if entries.isEmpty, !json { try output.add("the queue is empty\n") }
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
        static let configuration = CommandConfiguration(abstract: "Tell for each recipient why it still waits.")
        @OptionGroup var hub: HubOptions
        @Argument(help: "The message's id.") var id: String?
        @Flag(help: "A JSON object.") var json = false

        func run() throws {
            let (hub, queue) = try openQueue(hub)
            let message = try find(id, in: queue)
            let report = MessageReport(message)
            let settings = hub.settings
            guard !json else { return try writeToStandardOutput(report.json.line) }
            try writeToStandardOutput(
                try report.reasons(
                    of: message, routing: settings.routingTable, expander: Expander(settings),
                    hops: try HopStates(in: queue.state), rooms: try settings.routesWithoutRoom(in: queue),
                    online: try OnlineRecord.last(in: queue.state)))
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove messages for good; nobody is told.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws { try chosen.each(hub) { message in try message.remove() }.end() }
    }

    struct Hold: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep messages from being tried until they are released.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages
        @Option(help: "The reason, as list and why show it.") var reason = "held by hand"

        func validate() throws {
            guard reason.contains(where: { !$0.isWhitespace }) else { throw ValidationError("--reason has no text") }
        }

        func run() throws { try chosen.each(hub) { message in try message.hold(because: reason) }.end() }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let held messages be tried again, from now on.")
        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws {
            let released = try chosen.each(hub) { message in
                try message.release()
                try message.tryNow()
            }
            try released.end()
        }
    }
}

extension HubSettings {
    /// When the routes that have carried what their limits allow have room again, by name, in seconds since 1970.
    fileprivate func routesWithoutRoom(in queue: Queue) throws -> [String: Int] {
        let limited = routes.compactMap { route in route.limit.map { (name: route.name, limit: $0) } }
        guard !limited.isEmpty else { return [:] }
        let quotas = try RouteQuotas(in: queue.state)
        var rooms: [String: Int] = [:]
        for route in limited {
            rooms[route.name] = try quotas.nextRoom(of: route.name, by: route.limit, now: Int(time(nil)))
        }
        return rooms
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

/// The messages that a verb is to act on.
struct ChosenMessages: ParsableArguments {
    @Argument(help: "Ids; - reads them from standard input, one a line; ALL means every message.")
    var ids: [String] = []

    /// What became of a command for many messages.
    struct Done {
        var ids: [QueueID] = []
        var worst: ExitStatus?
        let isAll: Bool
        let settings: HubSettings
        let queue: Queue

        /// Ends the command, with the status of the last message that could not be served.
        func end() throws {
            if let worst { throw ExitCode(worst.rawValue) }
        }
    }

    /// Runs `body` on each message under its lock. One that is missing, or that another process works on, is reported,
    /// and the others go on.
    func each(_ options: HubOptions, _ body: (LockedMessage) throws -> Void) throws -> Done {
        let (hub, queue) = try openQueue(options)
        guard ids.count == 1 || !ids.contains("ALL") && !ids.contains("-") else {
            throw ValidationError("ALL and - stand alone, without ids beside them")
        }
        let words = ids == ["-"] ? try Self.linesOfInput() : ids
        guard !ids.isEmpty else { throw ValidationError("name the messages: ids, - or ALL") }
        var done = Done(isAll: words == ["ALL"], settings: hub.settings, queue: queue)
        let entries = try queue.list().entries
        let known = Dictionary(entries.map { ($0.id.text, $0) }) { first, _ in first }
        for word in done.isAll ? entries.map(\.id.text) : words {
            do {
                guard let id = QueueID(word) else { throw QueueCommandError.noSuchMessage(word) }
                // The name of the listing may be old: look again then.
                guard let message = try known[word].flatMap({ try queue.lock($0) }) ?? queue.lock(id: id) else {
                    if done.isAll { continue }  // removed since the listing
                    throw QueueCommandError.noSuchMessage(word)
                }
                try body(message)
                done.ids.append(id)
            } catch {
                done.worst = complain(error, as: CommandName.called(else: "mhqueue"))
            }
        }
        return done
    }

    private static func linesOfInput() throws -> [String] {
        var lines: [String] = []
        var input = InputLines(limit: 4096)
        while let line = input.next() {
            guard case .whole(let octets) = line else {
                throw ValidationError(
                    "line \(lines.count + 1) of standard input has more than 4,096 octets, and is no id")
            }
            guard lines.count < 1_000_000 else { throw ValidationError("standard input holds more than 1,000,000 ids") }
            // The first word, so that what `mhqueue list` prints can be handed on.
            let word = octets.prefix { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }
            if !word.isEmpty { lines.append(String(decoding: word, as: UTF8.self)) }
        }
        return lines
    }
}

enum QueueCommandError: Complaint {
    case noSuchMessage(String)
    case isHeld(String, why: String)
    case notTried(String, why: String)

    var exitStatus: ExitStatus {
        switch self {
        case .noSuchMessage, .isHeld: .dataError
        case .notTried: .temporaryFailure
        }
    }

    var description: String {
        switch self {
        case .noSuchMessage(let id): "\(id): no such message in the queue; it may be gone already, see: mhqueue list"
        case .isHeld(let id, let why): "\(id): is held (\(why)); let it go on with: mhqueue release \(id)"
        case .notTried(let id, let why): "\(id): could not be tried: \(why)"
        }
    }
}
