// Takes in what users without rights to the queue have left in the drop directory. Nothing of it is believed but who owns it.

import DurableFiles
import Glibc
import MailEnvelope
import Octets
import Reporting
import RunControl
import SpoolQueue

/// One pass over the drop directory: `mhsend --take-drop`, as the hub's user.
struct DropIntake {
    /// What one user may bring in one pass; the rest waits for the next.
    static let filesOfOne = 1000
    static let octetsOfOne = 100 << 20
    /// So many messages are put into the queue together.
    private static let batch = 100
    /// What a writer that was killed has left is removed after this time, in seconds.
    static let leftoverAge = 36 * 3600

    /// What became of a file.
    enum Event {
        case taken(QueueID, user: UInt32, name: String)
        /// It is left where it is.
        case left(name: String, DropFault)
        /// It is kept in `drop-refused` of the state directory.
        case setAside(name: String, DropFault)
        /// So many wait for the next pass: their users have brought too much, or the disk is too full.
        case waiting(Int)

        /// A line for who started this: a word, the file's name, and the rest.
        var line: String {
            switch self {
            case .taken(let id, let user, let name): "taken \(name) \(id) \(user)"
            case .left(let name, let fault): "left \(JournalWord.encode(name)) \(fault)"
            case .setAside(let name, let fault): "aside \(JournalWord.encode(name)) \(fault)"
            case .waiting(let count): "waiting \(count)"
            }
        }
    }

    let settings: HubSettings
    let queue: Queue
    /// `nil` where it is gone; what was taken from it is put into the queue all the same.
    let drop: Directory?
    let tell: (Event) throws -> Void

    /// Takes in what is there. Another process that does so already is left to it.
    /// - Throws: `QueueError`, `DurableError`: the disk fails, and the next pass goes on.
    func run() throws {
        let lock = try queue.run.openOrMake("drop.lock")
        guard try lock.tryLock() else { return }
        defer { withExtendedLifetime(lock) {} }
        try queue.settleStagedDrops(in: drop)
        guard let drop else { return }
        var pass = Pass()
        do {
            for name in try drop.names().sorted() {
                guard name.utf8.first != Octet.dot else {
                    sweep(name, in: drop)
                    continue
                }
                // One user's file must not stop another's: what is wrong with it is told of it alone.
                do {
                    try take(name, from: drop, &pass)
                } catch let fault as DropFault {
                    if let event = try put(name, of: drop, aside: fault) { try tell(event) }
                }
                if pass.staged.count >= Self.batch { try publish(&pass, from: drop) }
            }
        } catch {
            // What was read already is no worse for it.
            try publish(&pass, from: drop)
            throw error
        }
        try publish(&pass, from: drop)
        if pass.waiting > 0 { try tell(.waiting(pass.waiting)) }
    }

    /// What a pass has done so far.
    private struct Pass {
        /// What each user has brought.
        var shares: [UInt32: (files: Int, octets: Int)] = [:]
        var waiting = 0
        /// What is not in the queue yet.
        var staged: [(message: StagedDrop, event: Event)] = []
    }

    private func publish(_ pass: inout Pass, from drop: Directory) throws {
        let published = Set(try queue.publish(pass.staged.map(\.message), from: drop))
        for (message, event) in pass.staged where published.contains(message) { try tell(event) }
        pass.staged = []
    }

    /// Stages the message in the file `name`, unless it has to wait.
    /// - Throws: ``DropFault``, `QueueError`, `DurableError`.
    private func take(_ name: String, from drop: Directory, _ pass: inout Pass) throws {
        guard DropDirectory.isName(name) else { throw DropFault.badName }
        guard let status = try onFile({ () throws(DurableError) in try drop.status(of: name) }) else { return }
        // Opened is only what does nothing when it is opened.
        guard status.isRegular else { throw DropFault.notAFile }
        // Not weighed with what the user may bring: it is only put aside.
        guard status.size <= DropFile.limit else { throw DropFault.tooLarge(limit: DropFile.sizeLimit) }
        let share = pass.shares[status.owner] ?? (0, 0)
        guard share.files < Self.filesOfOne, share.octets + status.size <= Self.octetsOfOne || share.files == 0,
            try hasRoom(for: status.size)
        else {
            pass.waiting += 1
            return
        }
        pass.shares[status.owner] = (share.files + 1, share.octets + status.size)
        guard let message = try read(name, of: drop, status) else { return }
        let staged = try stage(message, from: name, of: status.owner)
        pass.staged.append((staged, .taken(message.id, user: status.owner, name: name)))
    }

    private func hasRoom(for octets: Int) throws -> Bool {
        let (needed, isTooMuch) = settings.limits.freeSpace.addingReportingOverflow(octets)
        return try !isTooMuch && queue.state.freeOctets() >= needed
    }

    /// Removes what a writer that was killed has left. What cannot be removed harms nobody.
    private func sweep(_ name: String, in drop: Directory) {
        do throws(DurableError) {
            guard let status = try drop.status(of: name), !status.isDirectory, ClockSanity.trusts(time(nil)),
                status.changed < time(nil) - Self.leftoverAge
            else { return }
            try drop.unlink(name)
        } catch {}
    }

    /// - Returns: what became of it; `nil` where it is gone.
    private func put(_ name: String, of drop: Directory, aside fault: DropFault) throws -> Event? {
        guard fault.canBeSetAside else { return .left(name: name, fault) }
        let folder = try queue.state.directory("drop-refused", making: 0o700)
        do throws(DurableError) {
            return try drop.renameWithoutReplacing(name, to: name, in: folder)
                ? .setAside(name: name, fault) : .left(name: name, fault)
        } catch {
            return error.code == ENOENT ? nil : .left(name: name, fault)
        }
    }

    private func stage(_ message: AcceptedMessage, from name: String, of user: UInt32) throws -> StagedDrop {
        do throws(QueueError) {
            return try queue.stage(message.prepared, message.acceptance, id: message.id, from: name, of: user)
        } catch {
            // An envelope that the queue cannot hold.
            guard error.exitStatus == .dataError else { throw error }
            throw DropFault.refused("\(error)")
        }
    }

    /// What is asked of a user's file: an error there is that file's alone.
    private func onFile<Value>(_ body: () throws(DurableError) -> Value) throws(DropFault) -> Value {
        do throws(DurableError) { return try body() } catch { throw .unreadable(error.code) }
    }

    /// The message in the file `name`, which looked so a moment ago; `nil` where it is gone.
    /// - Throws: ``DropFault``, `QueueError`, `DurableError`.
    private func read(_ name: String, of drop: Directory, _ seen: FileStatus) throws -> AcceptedMessage? {
        guard let file = try onFile({ () throws(DurableError) in try drop.open(name) }) else { return nil }
        func read(_ count: Int, at offset: Int) throws(DropFault) -> [UInt8] {
            try onFile { () throws(DurableError) in try file.read(atMost: count, at: offset) }
        }
        let status = try onFile { () throws(DurableError) in try file.status() }
        guard status.isRegular else { throw DropFault.notAFile }
        guard status.owner != 0 else { throw DropFault.rootsOwn }
        guard status.links == 1 else { throw DropFault.linked }
        guard status.isSameFile(as: seen) else { throw DropFault.changed }
        guard status.size <= DropFile.limit else { throw DropFault.tooLarge(limit: DropFile.sizeLimit) }
        let first = try DropFile.firstLine(of: try read(100, at: 0))
        guard first.name == name else { throw DropFault.otherName(printable(first.name)) }
        guard first.octets == status.size - first.length else { throw DropFault.changed }
        let fields = try read(min(first.octets, DropFile.fieldLimit), at: first.length)
        guard let end = fields.indices.dropLast().first(where: { fields[$0] == Octet.lf && fields[$0 + 1] == Octet.lf })
        else { throw DropFault.malformed("its fields have no end") }
        let submission = try DropFile.submission(reading: fields[..<end])
        let start = first.length + end + 2
        let caller = Caller(userID: status.owner)
        let intake = Intake(
            submission, hand: HandIn(caller: caller, settings: settings, queue: queue, isAnswered: false))
        var checksum = CRC32C.checksum(fields[..<(end + 2)])
        var at = start
        var input = MessageInput(ignoresDots: true) {
            let octets = try read(min(65_536, status.size - at), at: at)
            at += octets.count
            checksum = CRC32C.checksum(octets[...], after: checksum)
            return octets
        }
        do {
            while let chunk = try input.next() { try intake.append(chunk) }
            // Its owner may have written to it, or given its name to another of his files, while it was read.
            let now = try onFile { () throws(DurableError) in try file.status() }
            let isInPlace = try onFile { () throws(DurableError) in try drop.leads(name, to: file) }
            guard at == status.size, checksum == first.checksum, now == status, isInPlace else {
                throw DropFault.changed
            }
            return try intake.finish()
        } catch let error as IntakeError {
            throw DropFault.refused("\(error)")
        }
    }
}
