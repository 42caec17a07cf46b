// A program of the rc that sees the header of a message before it is fetched.

import Blocking
import FetchLedger
import Programs
import Reporting

/// What the rc's `filter` says of a message, by its exit status, as for mpop(1).
struct HeaderFilter {
    enum Verdict { case fetch, delete, skip }

    /// The most octets of a header that the program is shown.
    static let headerLimit = 256 << 10
    /// How long it may take for one message.
    static let patience = Duration.seconds(60)

    let argv: [String]

    /// - Parameter header: in file form, with the blank line that ends it.
    /// - Throws: ``ProgramError`` for a program that cannot be run, does not end, ends with another status than 0, 1 and 2,
    ///   or says something on standard error with 1 or 2.
    func judge(_ header: [UInt8]) throws(ProgramError) -> Verdict {
        let program = Program(
            argv: argv, input: .octets(header), deadline: Deadline(after: Self.patience), outputLimit: 0)
        let result = try program.run()
        switch result.ending {
        case .exited(0): return .fetch
        // Interpreters end with these statuses, too, when they cannot do what they should; they say so.
        case .exited(1) where result.complaint.isEmpty: return .delete
        case .exited(2) where result.complaint.isEmpty: return .skip
        default:
            try result.requireSuccess(of: argv.first ?? "")
            return .fetch
        }
    }
}

/// Who decides by the header of a message whether it is fetched.
enum Sieve {
    case filter(HeaderFilter)
    /// Passes over what is here already.
    case stored(StoredLetters)

    func judge(_ header: [UInt8]) throws(ProgramError) -> HeaderFilter.Verdict {
        switch self {
        case .filter(let filter): try filter.judge(header)
        case .stored(let letters): letters.find(header) ? .skip : .fetch
        }
    }
}

/// The header of the message under way, as it comes, and what became of those before.
struct Sifting {
    private let sieve: Sieve
    private let run: AccountRun
    private var header: [UInt8] = []
    /// Those to be fetched, those to be deleted unread, and those to be passed over.
    private(set) var wanted: [Pending] = []
    private(set) var unwanted: [Pending] = []
    private(set) var passed: [MessageKey] = []
    /// Times that the program was killed, as it did not end.
    private var timeouts = 0
    private static let timeoutLimit = 2

    init(by sieve: Sieve, for run: AccountRun) {
        self.sieve = sieve
        self.run = run
    }

    /// A header begins.
    mutating func begin() { header = [] }

    /// Takes the next octets of a header.
    mutating func take(_ octets: [UInt8]) {
        header += octets.prefix(max(0, HeaderFilter.headerLimit - header.count))
    }

    /// Lets a message pass that has no header: there is nothing to say of it.
    mutating func keep(_ message: Pending) { wanted.append(message) }

    /// Decides about a message whose header is whole. One that the program fails at cannot be fetched.
    mutating func judge(_ message: Pending) throws {
        defer { header = [] }
        guard !header.isEmpty else { return keep(message) }
        let verdict: HeaderFilter.Verdict
        do throws(ProgramError) { verdict = try sieve.judge(header) } catch {
            // Neither the order to stop nor a program that is not there is the message's fault.
            guard !StopSignal.hasCome, error.isOfProgram else { throw error }
            // A minute for each message would be for ever.
            if case .timedOut = error { timeouts += 1 }
            guard timeouts < Self.timeoutLimit else { throw error }
            return try run.noteFailure(of: message.key, "filter: \(error)")
        }
        switch verdict {
        case .fetch: wanted.append(message)
        case .delete: unwanted.append(message)
        case .skip: passed.append(message.key)
        }
    }
}

extension ProgramError {
    /// Whether the program ran, and what went wrong may be its input's doing.
    fileprivate var isOfProgram: Bool {
        switch self {
        case .failed, .timedOut: true
        case .refusedAsRoot, .commandLine, .cannotStart, .grantRefused, .badSecret, .unreadable, .readableByOthers,
            .foreignFile, .system:
            false
        }
    }
}
