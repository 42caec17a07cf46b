// A message of this run, and a part of it that a lane carries.

import AccountSessions
import AddressExpansion
import Blocking
import MailEnvelope
import MessageContent
import Reporting
import SpoolQueue

/// A message that the run has to handle. Unchecked, as its variables are touched by the recorder alone, once other
/// threads have it.
final class Job: @unchecked Sendable {
    let id: QueueID
    /// Its entry, as listed or renamed last.
    var entry: QueueEntry
    /// The attempt under way.
    var attempt: Attempt?
    /// The lanes it waits in.
    var waitsAt: Set<NextHop> = []
    /// Recipients that this run does not try again: they have a result, or were released.
    var isTried: Set<Int> = []
    /// Recipients of a notice that go to its last stop: see ``Placement/Subject/atLastStop``.
    var atLastStop: Set<Int> = []
    /// What hops have said that do not take these recipients now, in the order in which they were asked: others of their
    /// routes are asked in the same attempt.
    var passed: [Int: [PassedHop]] = [:]
    /// What was asked about these recipients, and led nowhere: they stand for themselves as far as that goes.
    var answered: [Int: Set<Expander.Question>] = [:]
    /// The hops that this run no longer carries it to, though they are not known to be at fault.
    var left: Set<NextHop> = []
    /// Whether this run is done with it: it was removed, another run has it, or an error came up.
    var isOver = false

    init(_ entry: QueueEntry) {
        id = entry.id
        self.entry = entry
    }
}

/// What a lane is given to carry: values, while lock, journal and state stay with the recorder.
struct Assignment: Sendable {
    let job: Job
    /// Indexes of the recipients, at least one; those of one route stand together.
    let recipients: [Int]
    /// The names of the routes by which they go there, of those whose mail leaves in a way of its own.
    let routes: [Int: String]
    /// What is to be found out about them, where the hop is ``NextHop/expansion``.
    let questions: [Int: Expander.Question]
    /// With all recipients that the message came with.
    let message: Message
    let acceptance: Acceptance
    /// As it was when the attempt began.
    let state: MessageState
    /// Whether an attempt before this one died.
    let hasDied: Bool
    var id: QueueID { job.id }

    /// The same, for some of its recipients.
    func with(_ recipients: [Int]) -> Assignment {
        Assignment(
            job: job, recipients: recipients, routes: routes, questions: questions, message: message,
            acceptance: acceptance, state: state, hasDied: hasDied)
    }

    /// What is found out about its recipients.
    func answers(by expander: Expander) -> [ExpansionAnswer] {
        recipients.map { index in
            guard let question = questions[index] else { preconditionFailure("a recipient of whom nothing is asked") }
            return ExpansionAnswer(
                recipient: index, question: question,
                answer: expander.answer(question, about: index, in: state.recipients))
        }
    }

    /// The envelope for the recipients with these indexes; programs and files stand there under the address of the alias
    /// that leads to them.
    func envelope(for indexes: [Int]) -> Envelope {
        var envelope = message.envelope
        envelope.recipients = indexes.map { index in
            let recipient = state.recipients[index]
            guard let address = state.recipients.address(of: index) else {
                // If it were left out, it would get the verdict of the one after it.
                preconditionFailure("a recipient without an address on its way out: \(recipient.destination)")
            }
            return Envelope.Recipient(
                address, notify: recipient.notify, originalRecipient: recipient.originalRecipient)
        }
        return envelope
    }
}

/// What was found out about a recipient: see `Expander`.
struct ExpansionAnswer: Sendable {
    let recipient: Int
    let question: Expander.Question
    let answer: Expander.Answer
}

/// The verdict of one next hop on some recipients.
struct HopResult: Sendable {
    let recipients: [Int]
    let verdict: Verdict
    /// Whether the hop may have the message all the same: it was sent to its end, and no answer came.
    let isInDoubt: Bool
    /// When they may be tried again, in seconds since 1970, where nothing was tried; `nil` where the verdict says it.
    let notBefore: Int?

    init(_ recipients: [Int], _ verdict: Verdict, isInDoubt: Bool = false) {
        self.recipients = recipients
        self.verdict = verdict
        self.isInDoubt = isInDoubt
        notBefore = nil
    }

    /// Nothing was tried.
    init(_ recipients: [Int], _ postponement: Postponement) {
        self.recipients = recipients
        verdict = postponement.verdict
        isInDoubt = false
        notBefore = postponement.until
    }

    /// Whether another way out may take them at once. What a rule of ours holds stays: by another route it would leave
    /// without what the rule is for.
    var goesElsewhere: Bool {
        switch verdict.kind {
        case .temporary: !isInDoubt
        case .heldByRule: !isInDoubt && verdict.remote != nil
        case .delivered, .permanent, .faultOfHop: false
        }
    }
}

/// A next hop that does not take a recipient now, by what it said.
struct PassedHop: Sendable {
    let hop: NextHop
    let verdict: Verdict
}

/// Why a next hop cannot be used now. Its mail waits, and is returned for it only where the rc says so
/// (`on-connect-failure`).
struct HopFault: Error, CustomStringConvertible {
    let words: String
    var description: String { words }
    /// Whether no connection could be made at all.
    var isUnreachable = false
    /// Whether it lasts until a person mends something: a login, the rc.
    var needsPerson = false
    /// What it means for mail, where the hop is a stranger's domain, which nobody here is to mend: a try that counts, or an
    /// end.
    var ofDestination: Verdict?
    /// When it may be asked again, in seconds since 1970.
    var until = Clock.seconds() + HopHealth.firstDelay

    init(_ words: String, isUnreachable: Bool = false) {
        self.words = words
        self.isUnreachable = isUnreachable
    }

    /// No session could be had.
    init(_ error: AccountError) {
        var words = sentence(error)
        if case .records(let refusal) = error { words = refusal.lastingDescription }
        self.init(words, isUnreachable: error.isOfConnection)
        needsPerson = [.noPermission, .configuration].contains(error.exitStatus)
    }

    /// The verdict on a recipient whose hop it is; counts as no try, unless it is the destination's.
    var verdict: Verdict { ofDestination ?? .faultOfHop(4, 1, text: words) }
}

extension AccountError {
    /// Whether no connection could be made, at any of the servers.
    var isOfConnection: Bool {
        switch self {
        case .transport(.connectFailed), .transport(.hostNotFound), .transport(.lookupFailed),
            .transport(.unusableHost):
            true
        case .severalServers(let errors): errors.allSatisfy(\.isOfConnection)
        default: false
        }
    }
}
