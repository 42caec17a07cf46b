// `mhqueue try`: tries messages now, and tells of those that were not tried.

import ArgumentParser
import CommandStart
import Glibc
import Programs
import Reporting
import SpoolQueue

extension MHQueue {
    struct Try: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try messages now, whatever their time, and wait for the outcome.")
        /// Messages for one carrier: its command line is bounded, and one connection may serve them all.
        private static let batch = 256

        @OptionGroup var hub: HubOptions
        @OptionGroup var chosen: ChosenMessages

        func run() throws {
            var waiting: [QueueID: WaitingRecipients] = [:]
            var asked = try chosen.order(hub) { message in
                if let why = message.state.hold { throw QueueCommandError.isHeld(message.id.text, why: why) }
                waiting[message.id] = WaitingRecipients(of: message.state)
                return [.next(0)]
            }
            // Who tries now has perhaps just dialled.
            if asked.settings.onlineQuery != nil { try OnlineRecord.expire(in: asked.queue.state) }
            var start = 0
            while start < asked.ids.count {
                let end = min(start + Self.batch, asked.ids.count)
                let words = asked.ids[start..<end].flatMap { ["--id", $0.text] }
                start = end
                // By id, also for ALL: then an account at fault is probed, and a run in progress does not keep ours
                // from starting.
                let carrier = try SiblingCommand.carrier.start(
                    ["-C", asked.settings.source, "--if-queued"] + words, speaksForUs: true)
                var status: Int32 = 0
                while unsafe waitpid(carrier, &status, 0) < 0, errno == EINTR {}
                // The carrier has said why.
                if status != 0 { asked.worst = .temporaryFailure }
            }
            // One listing for all. What is not in it has left the queue: delivered, or given up with a notice.
            for entry in try asked.queue.list().entries {
                do {
                    try waiting[entry.id]?.demandTries(of: entry, in: asked.queue)
                } catch {
                    asked.note(error)
                }
            }
            try asked.end()
        }
    }
}

/// The recipients of a message that waited, and how often each had been tried.
private struct WaitingRecipients {
    private let tries: [Int: Int]

    init(of state: MessageState) {
        tries = Dictionary(uniqueKeysWithValues: state.waiting.map { ($0, state.recipients[$0].tries) })
    }

    /// - Throws: ``QueueCommandError``, or `QueueError.busy`, for the first of them that waits as before, with no try
    ///   made since.
    func demandTries(of entry: QueueEntry, in queue: Queue) throws {
        // Renamed or removed since the listing: another process works on it.
        guard let message = try queue.peek(entry) else { return }
        let id = entry.id.text
        if let why = message.state.hold { throw QueueCommandError.isHeld(id, why: why) }
        for (index, before) in tries.sorted(by: { $0.key < $1.key }) {
            let recipient = message.state.recipients[index]
            guard recipient.progress == .waiting, recipient.tries <= before else { continue }
            if let holder = try queue.holder(of: entry) { throw QueueError.busy(id: id, holder: holder) }
            throw QueueCommandError.notTried(
                id, why: recipient.verdict?.text ?? "no attempt was made; see mhqueue why \(id)")
        }
    }
}
