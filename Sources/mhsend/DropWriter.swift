// A message of a user without rights to the queue: left as a file where the hub of this machine takes it in.

import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import Octets
import Reporting
import RunControl
import SpoolQueue

/// Writes one message into the drop directory. The file has its name only once it is whole and on stable storage.
final class DropWriter {
    private let submission: Submission
    private let folder: Directory
    private let file: File
    /// Nothing tells what the file will be called, so that nobody can take the name before.
    private let hiddenName = ".\(UniqueName.make(seconds: time(nil)))"
    private let name = UniqueName.make(seconds: time(nil))
    private var scanner = HeaderScanner(bounds: .handedIn)
    private var isHeaderSeen = false
    private var size = 0
    private var checksum: UInt32 = 0
    /// Octets of the message itself.
    private var messageSize = 0
    private var isInPlace = false

    /// - Throws: ``DropError``.
    init(_ submission: Submission, in path: String = DropDirectory.path) throws(DropError) {
        self.submission = submission
        do throws(DurableError) {
            folder = try Directory(path: path)
            file = try folder.createExclusive(hiddenName)
        } catch {
            throw DropError(error, in: path)
        }
        let fields = DropFile.fields(of: submission)
        guard submission.recipients.count <= EnvelopeCoding.recipientLimit, fields.count <= DropFile.fieldLimit else {
            throw .tooManyRecipients
        }
        // The first line is written anew when the rest is known.
        let start = DropFile.firstLine(name: name, octets: 0, checksum: 0)
        do throws(DurableError) { try file.write(start) } catch { throw DropError(error, in: path) }
        try put(fields)
    }

    // What cannot be removed, or is left by a process that was killed, is swept up by the hub.
    deinit { if !isInPlace { _ = try? folder.unlink(hiddenName) } }

    private func put(_ octets: [UInt8]) throws(DropError) {
        do throws(DurableError) { try file.write(octets) } catch { throw DropError(error, in: folder.path) }
        size += octets.count
        checksum = CRC32C.checksum(octets[...], after: checksum)
    }

    /// Takes the next octets of the message.
    /// - Throws: ``DropError``; ``IntakeError`` for what the hub would refuse, as far as that can be known here.
    func append(_ octets: [UInt8]) throws {
        messageSize += octets.count
        guard messageSize <= DropFile.sizeLimit else { throw DropError.tooLarge }
        try put(octets)
        guard !isHeaderSeen else { return }
        scanner.append(octets)
        if let header = scanner.header { try look(at: header) }
    }

    private func look(at header: HeaderSection) throws {
        isHeaderSeen = true
        if header.end == .tooLong { throw IntakeError.header(.headerTooLong) }
        let named = try submission.recipients(in: header, qualifyingWith: "localhost")
        guard submission.recipients.count + named.count <= EnvelopeCoding.recipientLimit else {
            throw DropError.tooManyRecipients
        }
    }

    /// Puts the file in its place, durably.
    /// - Returns: its name.
    /// - Throws: as ``append(_:)``; nothing is left then.
    func finish() throws -> String {
        if !isHeaderSeen { try look(at: scanner.finish()) }
        do throws(DurableError) {
            try file.overwrite(DropFile.firstLine(name: name, octets: size, checksum: checksum), at: 0)
            // The directory has given the file the hub's group.
            try file.change(mode: 0o640)
            try file.synchronize()
            try folder.rename(hiddenName, to: name)
            isInPlace = true
            try synchronizePlace()
        } catch {
            throw DropError(error, in: folder.path)
        }
        return name
    }

    private func synchronizePlace() throws(DurableError) {
        do throws(DurableError) {
            try folder.synchronize()
        } catch {
            // Where the hub has taken it in meanwhile, it is in the queue, durably.
            if try folder.unlink(name) { throw error }
        }
    }
}

/// Why a message cannot be left for the hub of this machine. Nothing of it is.
enum DropError: Complaint, Equatable {
    case noDirectory(String)
    case noPermission(String)
    case noSpace(String)
    case tooLarge
    case tooManyRecipients
    case disk(String)
    /// What only the hub's user may do.
    case notYours(String)

    init(_ error: DurableError, in path: String) {
        self =
            switch error.code {
            case ENOENT, ENOTDIR: .noDirectory(path)
            case EACCES, EPERM: .noPermission(path)
            case ENOSPC, EDQUOT: .noSpace(path)
            default: .disk(sentence(error))
            }
    }

    var exitStatus: ExitStatus {
        switch self {
        case .noDirectory, .noPermission, .notYours: .noPermission
        case .noSpace, .disk: .temporaryFailure
        case .tooLarge, .tooManyRecipients: .dataError
        }
    }

    var description: String {
        switch self {
        case .noDirectory(let path):
            "no hub takes your mail: you have no rc, and there is no \(path); write ~/.mailhubrc, or ask who runs the machine's hub; nothing was sent"
        case .noPermission(let path):
            "the hub of this machine takes no mail in \(path): you may not write there, or it has never run its queue; ask who runs it; nothing was sent"
        case .noSpace(let path): "\(path): the disk is full; nothing was sent"
        case .tooLarge:
            "the message is larger than \(HubSettings.text(octets: DropFile.sizeLimit)), which the hub of this machine takes from you; nothing was sent"
        case .tooManyRecipients:
            "more than \(EnvelopeCoding.recipientLimit) recipients in one message; send it in parts; nothing was sent"
        case .disk(let words): "\(words); nothing was sent"
        case .notYours(let what): "\(what) is for the user of the hub of this machine; you can hand mail in"
        }
    }
}
