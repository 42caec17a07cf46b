// Delivery into a program of the rc: no shell, the message on standard input.

import Blocking
import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MessageContent
import Programs
import Reporting

/// Runs a program for a message, and takes its exit status for the verdict: once for all its recipients, or once for each
/// where its arguments tell of them.
///
/// 0: delivered. 71, 74, 75, a signal, a deadline that passed, a program that does not start: temporary; every other
/// status: permanent. The output of one that fails may begin with a status of its own, `4.x.x` or `5.x.x`, which
/// decides then.
public struct ProgramAgent: DeliveryAgent {
    /// The most octets kept of what it says.
    static let outputLimit = 4096

    private let argv: [ArgumentTemplate]
    private let environment: [String: String]
    private let form: MboxForm
    private let time: Int
    private let patience: Duration
    private let handover: Verdict.Handover
    private let directory: Directory
    private let mailbox: (Address) -> String
    /// Only tests run programs as root.
    package var isForced = false

    /// - Parameters:
    ///   - argv: the program and its arguments.
    ///   - form: whether it is to see the message as it would stand in an mbox.
    ///   - time: when the message came, in seconds since 1970.
    ///   - patience: how long it may take.
    ///   - handover: in whose hands a message is that it has taken.
    ///   - directory: where the message is put aside for it, without a name: a program may read as slowly as it likes, and
    ///     seek.
    ///   - mailbox: the mailbox of this hub that a recipient's copy is for.
    public init(
        _ argv: [ArgumentTemplate], environment: [String: String] = [:], as form: MboxForm = MboxForm(),
        at time: Int = 0,
        within patience: Duration, to handover: Verdict.Handover, in directory: Directory,
        mailbox: @escaping (Address) -> String = { _ in "" }
    ) {
        (self.argv, self.environment, self.form, self.time) = (argv, environment, form, time)
        (self.patience, self.handover, self.directory, self.mailbox) = (patience, handover, directory, mailbox)
    }

    public func deliver(_ message: Prepared) -> [Verdict] {
        let recipients = message.envelope.recipients.map(\.forwardPath.address)
        guard argv.contains(where: \.isPerRecipient) else {
            guard let first = recipients.first else { return [] }
            let verdict = verdict(on: message, for: first)
            return recipients.map { _ in verdict }
        }
        return recipients.map { verdict(on: message, for: $0) }
    }

    private func verdict(on message: Prepared, for recipient: Address) -> Verdict {
        guard !StopSignal.hasCome else { return .faultOfHop(3, 2, text: "the run was told to stop") }
        var filled: [String] = []
        for argument in argv {
            let word = argument.filled(
                sender: message.envelope.reversePath, recipient: recipient, mailbox: mailbox(recipient))
            guard let word else {
                return .permanent(1, 3, text: "\(name): \(recipient) as its argument would be read as an option")
            }
            filled.append(word)
        }
        do throws(DeliveryError) { return verdict(try run(filled, message)) } catch { return error.verdict }
    }

    private var name: String { argv.first?.description ?? "" }

    private func run(_ argv: [String], _ message: Prepared) throws(DeliveryError) -> ProgramResult {
        let file: File
        do { file = try putAside(message) } catch { throw DeliveryError(error) }
        var program = Program(
            argv: argv, environment: environment, input: .file(file.descriptor), deadline: Deadline(after: patience),
            outputLimit: Self.outputLimit)
        if isForced { program.isRoot = { false } }
        do throws(ProgramError) {
            return try withExtendedLifetime(file) { () throws(ProgramError) in try program.run() }
        } catch {
            throw .program(error)
        }
    }

    /// The message in a file without a name, to be read from its beginning.
    private func putAside(_ message: Prepared) throws -> File {
        let file = try directory.createUnnamed()
        if form == MboxForm() {
            try message.content.write(to: file, behind: message.top)
        } else {
            try form.forEachChunk(of: message, at: time) { try file.write($0) }
        }
        guard lseek(file.descriptor, 0, SEEK_SET) == 0 else {
            throw DurableError(operation: "read", path: file.path, code: errno)
        }
        return file
    }

    private func verdict(_ result: ProgramResult) -> Verdict {
        let said = printable(octets: result.output.split(separator: 0x0A).first ?? [], limit: Verdict.textLimit)
        let complaint = said.isEmpty ? result.complaint : said
        func words(_ how: String) -> String { "\(name): \(how)" + (complaint.isEmpty ? "" : ": \(complaint)") }
        switch result.ending {
        case .exited(0): return .delivered(handover, text: "delivered to the program \(name)")
        case .exited(let status):
            if let own = Self.status(of: said) {
                return Verdict(own.class == .permanent ? .permanent : .temporary, own, text: "\(name): \(said)")
            }
            switch status {
            // A shell's for a command that cannot be run, or is not there: somebody mends that.
            case 126, 127: return .temporary(3, 0, text: words("exit status \(status)"))
            case ExitStatus.osError.rawValue, ExitStatus.ioError.rawValue, ExitStatus.temporaryFailure.rawValue:
                return .temporary(3, 0, text: words("exit status \(status)"))
            default: return .permanent(3, 0, text: words("exit status \(status)"))
            }
        case .killed(let signal): return .temporary(3, 0, text: words("killed by signal \(signal)"))
        case .timedOut where StopSignal.hasCome: return .faultOfHop(3, 2, text: "the run was told to stop")
        case .timedOut: return .temporary(3, 0, text: words("did not end in time and was killed"))
        }
    }

    /// The status that the first word of `said` is, if it tells of a failure.
    private static func status(of said: String) -> EnhancedStatus? {
        guard let word = said.split(separator: " ").first, let status = EnhancedStatus(parsing: word.utf8) else {
            return nil
        }
        return status.class == .success ? nil : status
    }
}
