// The intake command: decides what the caller wants, and loads no more code than that takes.

import DurableFiles
import Glibc
import Programs
import Reporting
import RunControl
import SpoolQueue

enum MHSend {
    /// The name we were called by: `mhsend`, or one of sendmail's.
    private static let name = CommandName.called(else: "mhsend")

    /// Does what the command line says; does not return.
    static func run() -> Never {
        ProcessStart.prepare()
        do {
            if let fault = ProcessStart.argumentFault { throw fault }
            let options = try SendmailOptions(name: name, arguments: Array(ProcessStart.arguments.dropFirst()))
            try carryOut(options)
            exit(ExitStatus.ok.rawValue)
        } catch {
            exit(complain(error, as: name).rawValue)
        }
    }

    private static func carryOut(_ options: SendmailOptions) throws {
        let rcWords = options.rc.map { ["-C", $0] } ?? []
        switch options.mode {
        case .intake, .dialogue: try take(options)
        case .carry(let words):
            if words == ["-q"], isIdle(options) { break }
            try SiblingCommand.carrier.replaceThisProcess(rcWords + words)
        case .list: try SiblingCommand.queue.replaceThisProcess(["list"] + rcWords)
        case .remove(let ids): try SiblingCommand.queue.replaceThisProcess(["rm"] + rcWords + ids)
        case .verify(let addresses): try verify(addresses, options, rcWords)
        case .nothing: break
        case .takeDrop: try takeDrop(options)
        case .version: try writeToStandardOutput(HubRelease.line(for: "mhsend") + "\n")
        case .help: try writeToStandardOutput(usage)
        case .check: try SiblingCommand.carrier.replaceThisProcess(rcWords + ["--check"])
        case .printConfig: try SiblingCommand.carrier.replaceThisProcess(rcWords + ["--print-config"])
        }
    }

    /// Whether a run of the queue would find nothing to do. A timer asks each minute, and the carrier is a much larger
    /// program.
    private static func isIdle(_ options: SendmailOptions) -> Bool {
        do {
            let settings = try HubSettings.load(explicitPath: options.rc)
            let policy = RetryPolicy(longestDelay: Int(settings.queue.longestRetry.components.seconds))
            return try QueueGlance.isIdle(
                state: settings.stateDirectory, hasDrop: settings.isSystem, policy: policy, now: time(nil))
        } catch {
            return false  // the carrier tells what is wrong
        }
    }

    /// Tells where mail to `addresses` would go, and why.
    private static func verify(_ addresses: [String], _ options: SendmailOptions, _ rcWords: [String]) throws -> Never {
        let sender = options.reversePath.map { ["--from=\($0)"] } ?? []
        try SiblingCommand.routes.replaceThisProcess(
            ["show", "--as-caller"] + rcWords + sender + ["--"] + addresses)
    }

    private static func take(_ options: SendmailOptions) throws {
        umask(0o077)
        let caller = Caller.now()  // before root becomes the hub's user
        guard let settings = try HubSettings.loadOwn(explicitPath: options.rc) else { return try leave(options) }
        if geteuid() == 0, let user = settings.runAs { try HubUser.become(user) }
        let queue = try Queue(state: settings.stateDirectory)
        let hand = HandIn(caller: caller, settings: settings, queue: queue)
        guard options.mode != .dialogue else {
            var ids: [QueueID] = []
            // What was accepted goes on, however the dialogue ends.
            defer { if !ids.isEmpty { send(ids, options, settings, queue) } }
            var dialogue = SMTPDialogue(settings, sizeLimit: settings.limits.messageSize) { submission in
                let intake = Intake(submission, hand: hand)
                return MessageSink(append: intake.append) {
                    let message = try intake.finish()
                    ids.append(try queue.add(message.prepared, message.acceptance, id: message.id))
                    return "queued as \(message.id)"
                }
            }
            return try dialogue.run()
        }
        let intake = Intake(try Submission(options), hand: hand)
        try readInput(options, intake.append)
        let message = try intake.finish()
        guard !options.isNow else {
            let file = try queue.stage(message.prepared, message.acceptance, id: message.id)
            try SiblingCommand.carrier.replaceThisProcess(["-C", settings.source, "--now=\(file)"])
        }
        try queue.add(message.prepared, message.acceptance, id: message.id)
        // From here on the message is the hub's: no failure may change the exit status, or the caller would send it
        // again.
        if options.isVerbose { writeToStandardError("\(name): queued as \(message.id)") }
        send([message.id], options, settings, queue)
    }

    private static func readInput(_ options: SendmailOptions, _ append: ([UInt8]) throws -> Void) throws {
        var input = MessageInput(descriptor: 0, ignoresDots: options.ignoresDots)
        while let chunk = try input.next() { try append(chunk) }
    }

    // MARK: The drop directory

    /// Leaves what comes for the hub of this machine, whose user takes it in.
    private static func leave(_ options: SendmailOptions) throws {
        guard !options.isNow else { throw DropError.notYours("--now") }
        guard options.mode != .dialogue else {
            var dialogue = SMTPDialogue(HubSettings(), sizeLimit: DropFile.sizeLimit) { submission in
                let writer = try DropWriter(submission)
                return MessageSink(append: writer.append) { "left for the hub as \(try writer.finish())" }
            }
            return try dialogue.run()
        }
        let writer = try DropWriter(try Submission(options))
        try readInput(options, writer.append)
        let file = try writer.finish()
        if options.isVerbose { writeToStandardError("\(name): left for the hub as \(file)") }
    }

    /// Takes in what others have left, and says what became of it, in lines.
    private static func takeDrop(_ options: SendmailOptions) throws {
        umask(0o077)
        let settings = try HubSettings.load(explicitPath: options.rc)
        if geteuid() == 0, let user = settings.runAs { try HubUser.become(user) }
        guard settings.isSystem else { throw DropError.notYours("--take-drop") }
        let drop = try FileStatus.at(DropDirectory.path).map { _ in try Directory(path: DropDirectory.path) }
        try DropIntake(settings: settings, queue: try Queue(state: settings.stateDirectory), drop: drop) {
            try writeToStandardOutput(printable($0.line) + "\n")
        }.run()
    }

    /// What happens to messages that were queued.
    private static func send(_ ids: [QueueID], _ options: SendmailOptions, _ settings: HubSettings, _ queue: Queue) {
        switch options.delivery ?? (settings.isQueueOnly ? .queueOnly : .background) {
        case .queueOnly: break
        case .background: startRun(settings, queue)
        case .immediate: for id in ids { runNow(settings, id) }
        }
    }

    /// Starts a run in the background, unless one goes on already: that one sees the wake mark before it ends.
    private static func startRun(_ settings: HubSettings, _ queue: Queue) {
        do {
            guard try !RunSlot.isTaken(in: queue.run) else { return }
            try SiblingCommand.carrier.start(["-C", settings.source, "-q"], isDetached: true)
        } catch {
            _ = complain(error, as: name)
        }
    }

    /// Tries the message, and waits for the end of the attempt, however it ends.
    private static func runNow(_ settings: HubSettings, _ id: QueueID) {
        do {
            let carrier = try SiblingCommand.carrier.start(
                ["-C", settings.source, "--id", id.text, "--if-queued"], speaksForUs: true)
            while waitpid(carrier, nil, 0) < 0, errno == EINTR {}
        } catch {
            _ = complain(error, as: name)
        }
    }

    private static let usage = """
        usage: mhsend [-i] [-t] [-f SENDER] [-F NAME] [-a ACCOUNT] [-N DSN] [-R full|hdrs] [-V ID]
                      [-odb|-odi|-odq] [-v] [-C RC] [--] RECIPIENT ...
               mhsend --now ...        send it before we end, and queue nothing
               mhsend -bs              take messages by SMTP on standard input and output
               mhsend -q | -qI ID      run the queue, or try one message of it
               mhsend -qR TEXT         try what has a recipient with TEXT in it; -qS: a sender
               mhsend -qo NAME         carry what waits for the connection NAME
               mhsend -bv ADDRESS ...  tell where mail to it would go
               mhsend -bp              list the queue (mhqueue list)
               mhsend --check | --print-config | --version
        A message is read from standard input. Exit 0: it is in the queue, on disk. See mhsend(8).

        """
}
