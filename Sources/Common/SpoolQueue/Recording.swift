// Results of many messages, or orders for them, made durable together with one round of synchronizations.

import Blocking
import DurableFiles

/// Results of several messages, recorded together in the order that `docs/queue.md` gives: journals, then what is owed
/// for attempts that have ended, then the removal of complete messages. A failure with one message is reported for that
/// one alone; a directory that cannot be synchronized, for all messages that were just unlinked from it.
public struct Recording {
    /// The threads that synchronize journals side by side: eight journals take little longer than one. Kept for all
    /// rounds of the process.
    private static let pool = WorkerPool(threads: 8)

    private let queue: Queue
    private var messages: [QueueID: LockedMessage] = [:]
    /// In the order in which they came in.
    private var order: [QueueID] = []
    private var errors: [QueueID: QueueError] = [:]
    /// Those that got orders.
    private var ordered: Set<QueueID> = []

    public init(in queue: Queue) { self.queue = queue }

    /// Adds results of a message; they are durable after ``commit(settling:)``.
    /// - Parameters:
    ///   - results: recipients that no longer wait are skipped. The recipients of one result share its room in the
    ///     journal.
    ///   - now: seconds since 1970.
    ///   - isLast: `false` while the attempt goes on with other recipients.
    /// - Throws: an error that ``commit(settling:)`` returns too; the message is left alone then.
    public mutating func add(
        _ results: [AttemptResult], of message: LockedMessage, at now: Int, isLast: Bool
    ) throws(QueueError) {
        include(message)
        do throws(QueueError) {
            try message.append(results, at: now, isLast: isLast)
        } catch {
            errors[message.id] = error
            throw error
        }
    }

    /// Adds orders for a message; they are durable after ``commit(settling:)``.
    /// - Throws: an error that ``commit(settling:)`` returns too; the message is left alone then.
    public mutating func add(_ orders: [Order], of message: LockedMessage) throws(QueueError) {
        include(message)
        do throws(QueueError) {
            try message.note(orders)
            ordered.insert(message.id)
        } catch {
            errors[message.id] = error
            throw error
        }
    }

    /// How many messages are in it.
    public var count: Int { order.count }

    /// Includes a message without new results: a notice may be owed for it, or it may be complete.
    public mutating func include(_ message: LockedMessage) {
        if messages.updateValue(message, forKey: message.id) == nil { order.append(message.id) }
    }

    /// Makes all results durable, and removes the messages that are complete.
    /// - Parameter settle: does what else is owed for a message whose results are durable, such as notices.
    /// - Returns: what went wrong, by message.
    public consuming func commit(
        settling settle: (LockedMessage) throws(QueueError) -> Void = { _ throws(QueueError) in }
    ) -> [QueueID: QueueError] {
        synchronizeJournals()
        for message in sound where ordered.contains(message.id) && !message.isToGo { message.retime() }
        for message in sound {
            do throws(QueueError) {
                try settle(message)
            } catch {
                errors[message.id] = error
            }
        }
        removeComplete()
        return errors
    }

    /// The messages without an error so far.
    private var sound: [LockedMessage] { order.filter { errors[$0] == nil }.compactMap { messages[$0] } }

    private mutating func synchronizeJournals() {
        let owing = sound.filter(\.owesSynchronization)
        let side = SideBySide(messages: owing)
        for failure in Self.pool.run(count: owing.count, { try side.messages[$0].synchronize() }) {
            guard let error = failure.error as? QueueError else { preconditionFailure("no error of a journal") }
            errors[owing[failure.job].id] = error
        }
    }

    /// Unchecked, as each message is touched by the one job that has its number, and the jobs are waited for.
    private struct SideBySide: @unchecked Sendable {
        let messages: [LockedMessage]
    }

    private mutating func removeComplete() {
        var places: [ObjectIdentifier: (place: Directory, messages: [LockedMessage])] = [:]
        for message in sound where !message.isRemoved && (message.isToGo || message.state.isComplete) {
            do throws(QueueError) {
                let place = try message.unlink()
                places[ObjectIdentifier(place), default: (place, [])].messages.append(message)
            } catch {
                errors[message.id] = error
            }
        }
        for (place, messages) in places.values {
            do throws(DurableError) {
                try place.synchronize()
                for message in messages { message.removeJournal() }
            } catch {
                for message in messages { errors[message.id] = message.notKnownToBeGone(error) }
            }
        }
    }
}
