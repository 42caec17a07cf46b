// The queue: a Maildir whose files carry their envelopes (docs/queue.md has the table of states).

import DurableFiles
import MailEnvelope
import MessageContent
import Octets
import Synchronization

/// The queue of one hub under `<state>/queue`. Several processes and threads may have it open at once.
public final class Queue: Sendable {
    /// `<state>/run`: the lock files of the run slots, and the wake mark.
    public let run: Directory
    public let state: Directory
    let tmp: Directory
    let new: Directory
    let cur: Directory
    let foreign: Directory
    let log: Directory
    /// Messages for which a disk call failed in this process. They are not touched again in this run: after a failed
    /// synchronization the disk may have dropped what it had accepted.
    private let distrusted = Mutex<Set<QueueID>>([])

    /// Opens the queue in the state directory `path`, making missing directories with mode 0700.
    /// - Throws: ``QueueError/networkFileSystem(path:kind:)`` on NFS, SMB and the like, ``QueueError/notOurs(_:)`` for
    ///   a directory that somebody else owns or may write to; ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)``
    ///   when one cannot be opened or made.
    public init(state path: String, faults: Faults? = nil) throws(QueueError) {
        func open() throws(DurableError) -> (Directory, Directory, Directory) {
            let state = try Directory(path: path, making: 0o700, faults: faults)
            return (
                state, try state.directory("queue", making: 0o700), try state.directory("run", making: 0o700)
            )
        }
        let (state, queue, run) = try durably(open)
        if let kind = try durably({ () throws(DurableError) in try queue.networkFileSystem() }) {
            throw .networkFileSystem(path: queue.path, kind: kind)
        }
        for directory in [state, queue, run] { try Self.demandOwn(directory) }
        func part(_ name: String) throws(QueueError) -> Directory {
            let part = try durably { () throws(DurableError) in try queue.directory(name, making: 0o700) }
            try Self.demandOwn(part)
            return part
        }
        self.state = state
        self.run = run
        tmp = try part("tmp")
        new = try part("new")
        cur = try part("cur")
        foreign = try part("foreign")
        log = try part("log")
    }

    private static func demandOwn(_ directory: Directory) throws(QueueError) {
        if let fault = try durably({ () throws(DurableError) in try directory.ownershipFault() }) {
            throw .notOurs(fault)
        }
    }

    /// A new id for a message that is about to come in, so that its Received field can name it.
    /// - Parameter seconds: the time of arrival, in seconds since 1970.
    public func makeID(seconds: Int) -> QueueID { .make(seconds: seconds) }

    /// A scratch in `queue/tmp` for the content of a message that is coming in or being made.
    public func scratch() -> Scratch { Scratch(in: tmp) }

    /// Accepts a message. On return it is on stable storage; the sender may be told only then.
    /// - Parameters:
    ///   - id: made by ``makeID(seconds:)`` earlier; `nil` for a new one.
    ///   - notBefore: the earliest time of the first attempt, in seconds since 1970; 0: at once.
    /// - Throws: ``QueueError/noRecipients``, ``QueueError/tooManyRecipients(limit:)`` or
    ///   ``QueueError/envelopeTooLarge(octets:limit:)`` for an envelope that the queue cannot hold;
    ///   ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when the message cannot be stored. Nothing was accepted
    ///   then.
    @discardableResult
    public func add(
        _ message: Prepared, _ acceptance: Acceptance, id: QueueID? = nil, notBefore: Int = 0
    ) throws(QueueError) -> QueueID {
        let id = id ?? makeID(seconds: acceptance.arrival)
        let (block, entry) = try entry(of: message, acceptance, id: id, notBefore: notBefore)
        do throws(DurableError) {
            try store(block + message.top, message.content, as: entry)
        } catch {
            throw QueueError(error)
        }
        noteAccepted()
        return id
    }

    /// Wakes the runs. What was accepted is safe: a wake mark that could not be changed costs a minute at most, until the next
    /// periodic run.
    func noteAccepted() { _ = try? WakeMark.touch(in: run) }

    private func store(_ start: [UInt8], _ content: any Content, as entry: QueueEntry) throws(DurableError) {
        // A random suffix: when a run is killed here, the next one queues its notice again under the same id.
        let temporary = "\(entry.id).\(UniqueName.random())"
        let file = try tmp.createExclusive(temporary)
        var isInNew = false
        do throws(DurableError) {
            // Locked until it is durable: a run that sees the name before that must not send it yet.
            _ = try file.tryLock()
            try content.write(to: file, behind: start)
            try file.synchronize()
            guard try tmp.renameWithoutReplacing(temporary, to: entry.name, in: new) else {
                throw DurableError(operation: "add", path: new.pathOf(entry), code: DurableError.exists)
            }
            isInNew = true
            try new.synchronize()
        } catch {
            // The first failure is the one to report. What stays in tmp is swept up with the leftovers.
            _ = try? isInNew ? new.unlink(entry.name) : tmp.unlink(temporary)
            throw error
        }
        // Unlocked, not only closed: a child that is just being started holds our descriptors until its exec.
        _ = try? file.unlock()
        // Every octet is synchronized: an error of close would say nothing about them.
        _ = try? file.close()
    }

    /// What one pass over `new` and `cur` shows.
    public struct Listing: Sendable {
        /// Each message once, in no particular order.
        public var entries: [QueueEntry] = []
        /// Names in `new` and `cur` that are no queued messages': see ``Queue/setAside(_:)``.
        public var foreign: [String] = []
    }

    /// Lists the queue without opening a file and without a lock. A message renamed meanwhile may be missing; the next
    /// listing has it.
    /// - Throws: ``QueueError/disk(_:)`` when a directory cannot be read.
    public func list() throws(QueueError) -> Listing {
        var listing = Listing()
        // `new` first: what moves to `cur` meanwhile is then seen twice rather than never.
        let fresh = try scan(new, isTried: false, &listing)
        let tried = try scan(cur, isTried: true, &listing)
        var seen = Set<QueueID>(minimumCapacity: tried.count)
        for entry in tried where seen.insert(entry.id).inserted { listing.entries.append(entry) }
        if seen.isEmpty {
            listing.entries = fresh
        } else {
            for entry in fresh where seen.insert(entry.id).inserted { listing.entries.append(entry) }
        }
        return listing
    }

    private func scan(
        _ directory: Directory, isTried: Bool, _ listing: inout Listing
    ) throws(QueueError) -> [QueueEntry] {
        var entries: [QueueEntry] = []
        var foreign: [String] = []
        do {
            try directory.forEachName { octets in
                let name = octets.copied()
                if let entry = QueueEntry(name: name, isTried: isTried) {
                    entries.append(entry)
                } else if name.first != Octet.dot {
                    foreign.append(String(decoding: name, as: UTF8.self))
                }
            }
        } catch {
            throw QueueError(error)
        }
        listing.foreign += foreign
        return entries
    }

    /// The entry of the message `id`, found by listing; `nil` when it is not, or no longer, in the queue.
    /// - Throws: as ``list()``.
    public func find(_ id: QueueID) throws(QueueError) -> QueueEntry? {
        try list().entries.first { $0.id == id }
    }

    /// Moves a file that is no queued message from `new` or `cur` to `foreign`.
    /// - Returns: its new path; `nil` when it is no longer there.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when it cannot be moved.
    @discardableResult
    public func setAside(_ name: String) throws(QueueError) -> String? {
        for directory in [new, cur] {
            do {
                guard try directory.status(of: name) != nil else { continue }
                return try moveToForeign(name, from: directory)
            } catch {
                throw QueueError(error)
            }
        }
        return nil
    }

    func moveToForeign(_ name: String, from directory: Directory) throws(DurableError) -> String {
        var target = name
        if try !directory.renameWithoutReplacing(name, to: target, in: foreign) {
            // Names have at most 255 octets.
            target = name.utf8.count <= 230 ? "\(UniqueName.random()).\(name)" : UniqueName.random()
            guard try directory.renameWithoutReplacing(name, to: target, in: foreign) else {
                throw DurableError(operation: "set aside", path: "\(directory.path)/\(name)", code: DurableError.exists)
            }
        }
        return "\(foreign.path)/\(target)"
    }

    func place(of entry: QueueEntry) -> Directory { entry.isTried ? cur : new }

    func distrust(_ id: QueueID) { distrusted.withLock { _ = $0.insert(id) } }

    func isDistrusted(_ id: QueueID) -> Bool { distrusted.withLock { $0.contains(id) } }
}

extension Directory {
    func pathOf(_ entry: QueueEntry) -> String { "\(path)/\(entry.name)" }
}

extension Span<UInt8> {
    /// These octets in an array of their own.
    func copied() -> [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }
}
