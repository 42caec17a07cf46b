// A queue of a test's own, filled by hand, and the command on it.

import ArgumentParser
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import SpoolQueue
import Testing

@testable import mhqueue

/// Fri, 15 Jan 2027 08:00:00 +0000
let noon = 1_800_000_000

/// A moment as the command tells it: in the zone of this machine.
func told(_ seconds: Int) -> String { "\(MailDate(seconds: seconds, offset: MailDate.now().offset))" }

/// A hub with the mailbox alice, whose queue nobody carries out.
struct QueueBench {
    let scratch = ScratchDirectory()
    let queue: Queue
    let rc: String

    /// - Parameter more: blocks of the rc.
    init(more: String = "") throws {
        queue = try Queue(state: scratch.file("state"))
        rc = scratch.write(
            """
            hostname hub.example
            qualify home.example
            state \(scratch.file("state"))
            maildirs \(scratch.file("Mail"))/%m
            log none
            free-space 0
            mailbox alice
              address alice@home.example
            \(more)
            """, to: "rc")
    }

    /// Queues a message under an id of its own.
    @discardableResult
    func add(
        _ id: String, from sender: String? = "alice@home.example", to recipients: [String] = ["bob@far.example"],
        _ content: String = "Subject: x\n\nx\n", by identity: String? = nil, account: String? = nil,
        arrival: Int = noon
    ) throws -> QueueID {
        let path: ReversePath = if let sender { .address(try Address(sender)) } else { .null }
        let envelope = Envelope(
            reversePath: path, recipients: try recipients.map { Envelope.Recipient(try Address($0)) })
        let acceptance = Acceptance(
            arrival: arrival, source: .hub, identity: identity.map { EnvelopeText(cleaning: $0) },
            account: account.map { EnvelopeText(cleaning: $0) })
        let queueID: QueueID = try #require(QueueID(id))
        return try queue.add(
            Prepared(Message(envelope, ContentInMemory(Array(content.utf8)))), acceptance, id: queueID)
    }

    /// Queues a message that is due at noon and held because somebody is to "look".
    func addHeld(_ id: String) throws -> QueueID {
        let id = try add(id)
        let message = try lock(id)
        try message.setNext(noon)
        try message.hold(because: "look")
        return id
    }

    /// The message under its lock: a child that another test is just starting may hold it a moment longer.
    func lock(_ id: QueueID) throws -> LockedMessage {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return try #require(try queue.lock(id: id))
            } catch QueueError.busy where ContinuousClock.now < end {
                sched_yield()
            }
        }
    }

    /// The message as it is now.
    func message(_ id: QueueID) throws -> QueuedMessage {
        try #require(try queue.find(id).flatMap { try queue.peek($0) })
    }

    /// The ids in the queue, sorted.
    var ids: [String] { get throws { try queue.list().entries.map(\.id.text).sorted() } }

    /// What the message is held for, by those that are held.
    var held: [String: String] {
        get throws {
            var held: [String: String] = [:]
            for entry in try queue.list().entries { held[entry.id.text] = try queue.peek(entry)?.state.hold }
            return held
        }
    }
}

/// What the command said, and its end.
struct Said: Equatable {
    let status: Int32
    let output: String
    let errors: String
}

extension QueueBench {
    /// Runs `mhqueue` in this process, which must be of the test's own: it changes umask and zone for good.
    /// Times are told in UTC.
    func mhqueue(_ words: String..., input: String = "") throws -> Said { try mhqueue(words, input: input) }

    func mhqueue(_ words: [String], input: String = "") throws -> Said {
        _ = unsafe setenv("TZ", "UTC0", 1)
        tzset()
        let paths = [
            scratch.write(input, to: "input"), scratch.write("", to: "output"), scratch.write("", to: "errors"),
        ]
        let saved: [Int32] = [dup(0), dup(1), dup(2)]
        for (number, path) in paths.enumerated() {
            let opened = unsafe open(path, number == 0 ? O_RDONLY : O_WRONLY | O_APPEND)
            guard opened >= 0 else { throw KitError("\(path): \(errno)") }
            dup2(opened, Int32(number))
            close(opened)
        }
        let status = Self.status(of: [words[0], "-C", rc] + words.dropFirst())
        for (number, descriptor) in saved.enumerated() {
            dup2(descriptor, Int32(number))
            close(descriptor)
        }
        let texts = paths.map { String(decoding: ScratchDirectory.read($0) ?? [], as: UTF8.self) }
        return Said(status: status, output: texts[1], errors: texts[2])
    }

    private static func status(of words: [String]) -> Int32 {
        do {
            var command = try MHQueue.parseAsRoot(words)
            try command.run()
            return 0
        } catch let complaint as any Complaint {
            return complaint.exitStatus.rawValue
        } catch {
            return MHQueue.exitCode(for: error).rawValue
        }
    }
}

/// For a test in a process of its own, which tells by its end: ends it unless `found` is `wanted`.
func demand<Value: Equatable>(_ found: Value, is wanted: Value, _ what: String = "") throws {
    guard found == wanted else { throw KitError("\(what)\nfound:  \(found)\nwanted: \(wanted)") }
}

/// The same for what is true or not.
func demand(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
    guard isTrue else { throw KitError(what()) }
}
