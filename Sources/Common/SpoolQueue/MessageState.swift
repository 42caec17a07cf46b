// The state of a message: a pure fold over the records of its journal.

import MailEnvelope
import Reporting

/// What the journal of a message adds up to.
public struct MessageState: Sendable {
    /// First those of the envelope, in its order, then children in the order of their expansion. Indexes never change.
    public private(set) var recipients: [RecipientState]
    /// Why a person holds it; `nil` when nobody does.
    public private(set) var hold: String?
    /// The route a person chose for it.
    public private(set) var route: String?
    /// When the first result was recorded, in seconds since 1970: the age counts from it where the time of arrival
    /// cannot be right.
    public private(set) var firstResult: Int?
    /// Attempts in a row that ended without a result: a message that brings the program down has many.
    public private(set) var diedInARow = 0
    /// Notices that were begun but are not known to be queued, by number.
    public private(set) var intents: [Int: (kind: NoticeKind, recipients: [Int], stage: Int)] = [:]
    /// Whether the recipients that the hub itself adds are among them.
    public private(set) var knowsCopies = false
    /// The number of the next notice.
    public private(set) var nextNotice = 1
    /// Whether the journal has any record.
    public private(set) var isRecorded = false
    /// The numbers of the notices known to be queued.
    private(set) var told: Set<Int> = []
    /// The values of `R` in the file's name that do not mean that an attempt died.
    private var knownTimes: Set<Int> = [0]
    private let hasReversePath: Bool
    private let isNotice: Bool

    init(_ envelope: Envelope, _ acceptance: Acceptance) {
        recipients = envelope.recipients.map { RecipientState($0) }
        hasReversePath = envelope.reversePath != .null
        isNotice = acceptance.isNotice(envelope)
    }

    /// Indexes of recipients still to be delivered to.
    public var waiting: [Int] { recipients.indices.filter { recipients[$0].progress == .waiting } }

    /// The earliest time that a waiting recipient may be tried, in seconds since 1970; 0 when one may be at once, or
    /// none waits.
    public var next: Int { recipients.lazy.filter { $0.progress == .waiting }.map(\.next).min() ?? 0 }

    /// Attempts of the recipient tried most.
    public var tries: Int { recipients.map(\.tries).max() ?? 0 }

    /// Whether a copy for one of the recipients is in `place` already: no other needs one.
    public func hasCopy(in place: CopyPlace) -> Bool { recipients.contains { $0.place == place } }

    /// The indexes of the recipients about whom a notice of `kind` is owed: never for mail with a null reverse-path,
    /// never twice, never against NOTIFY (RFC 3461 §4.1). Whether the message is late enough for a notice of delay is
    /// for the caller to decide. A notice that mail is held stays at this hub and so needs no reverse-path; but there
    /// is none about another notice.
    /// - Parameter stage: of delay, how many ages for a notice have passed: one notice tells of all of them.
    public func owed(_ kind: NoticeKind, stage: Int = 1) -> [Int] {
        guard kind == .held ? !isNotice : hasReversePath else { return [] }
        let begun = Set(intents.values.filter { $0.kind == kind }.flatMap(\.recipients))
        return recipients.indices.filter { index in
            let recipient = recipients[index]
            let isTold = kind == .delay ? recipient.warnings >= stage : recipient.told.contains(kind)
            guard !isTold, !begun.contains(index) else { return false }
            return switch kind {
            case .failure: recipient.progress == .failed && recipient.notify.wants(.failure)
            case .delay: recipient.progress == .waiting && !recipient.isHeld && recipient.notify.wants(.delay)
            case .held: recipient.isHeld && recipient.notify != .never
            case .success:
                recipient.progress != .waiting && recipient.endsWithUs && recipient.notify.wants(.success)
            }
        }
    }

    /// Whether nothing is left to do: no recipient waits, and no notice is owed or half done. The file may be removed.
    public var isComplete: Bool {
        waiting.isEmpty && intents.isEmpty && owed(.failure).isEmpty && owed(.success).isEmpty
    }

    /// Whether `time` as the `R` of a file in `cur` means that an attempt left no record.
    func tellsOfDeath(_ time: Int) -> Bool { !knownTimes.contains(time) }

    /// - Returns: `false` when the record cannot follow those before it; nothing is changed then.
    mutating func apply(_ record: Record) -> Bool {
        switch record {
        case .died(let tag):
            knownTimes.insert(tag)
            diedInARow += 1
            for index in waiting where recipients[index].attempt != tag {
                recipients[index].tries += 1
                recipients[index].next = tag
                recipients[index].verdict = Self.died
            }
        case .result(let tag, let at, let isLast, let items):
            guard items.allSatisfy({ item in item.recipients.allSatisfy { isWaiting($0) } }) else { return false }
            if isLast {
                knownTimes.insert(tag)
                diedInARow = 0
            }
            // A time from a clock that was not set gives no age.
            if firstResult.map({ !ClockSanity.trusts($0) }) ?? true { firstResult = at }
            for item in items {
                for index in item.recipients {
                    apply(item.verdict, next: item.next, to: index)
                    recipients[index].attempt = tag
                }
            }
            if isLast { knownTimes.insert(next) }
        case .expansion(let parent, let expansion):
            guard isWaiting(parent), hasRoom(for: expansion.children),
                expansion.known.allSatisfy({ recipients.indices.contains($0) })
            else { return false }
            recipients[parent].progress = .expanded
            recipients[parent].known = expansion.known
            // Those that it was replaced by do not tell of success themselves.
            recipients[parent].isFannedOut = !expansion.children.contains { $0.notify.wants(.success) }
            recipients[parent].verdict = nil
            recipients += expansion.children.map { RecipientState($0, parent: parent) }
            for index in expansion.known { note(recipients[parent].recipient, for: index) }
            for (index, accounts) in expansion.via where recipients.indices.contains(index) {
                recipients[index].recipient = recipients[index].recipient.leaving(via: accounts)
            }
        case .copies(let children):
            guard !knowsCopies, hasRoom(for: children) else { return false }
            knowsCopies = true
            recipients += children.map { RecipientState($0, parent: nil) }
        case .intent(let number, let kind, let about, let stage):
            guard number >= nextNotice, about.allSatisfy({ recipients.indices.contains($0) }) else { return false }
            intents[number] = (kind, about, stage)
            nextNotice = number + 1
        case .told(let number):
            guard let intent = intents.removeValue(forKey: number) else { return told.contains(number) }
            told.insert(number)
            for index in intent.recipients {
                recipients[index].told.insert(intent.kind)
                if intent.kind == .delay {
                    recipients[index].warnings = max(recipients[index].warnings, intent.stage)
                }
            }
        case .hold(let why):
            hold = why
        case .release:
            hold = nil
        case .next(let time):
            for index in waiting { recipients[index].next = time }
            knownTimes.insert(time)
        case .route(let name):
            route = name
        case .failed(let about, let verdict):
            guard about.allSatisfy({ isWaiting($0) }) else { return false }
            for index in about { apply(verdict, next: 0, to: index) }
            knownTimes.insert(next)
        }
        isRecorded = true
        return true
    }

    private mutating func apply(_ verdict: Verdict, next: Int, to index: Int) {
        recipients[index].verdict = verdict
        if verdict.countsAsTry { recipients[index].tries += 1 }
        switch verdict.kind {
        case .delivered: recipients[index].progress = .delivered
        case .permanent: recipients[index].progress = .failed
        case .temporary, .heldByRule, .faultOfHop: recipients[index].next = next
        }
    }

    /// Notes that `other` leads to the recipient at `index`, and so to all whom that leads to: one that the hub itself has
    /// added, of whom nobody would hear, is another's too then.
    private mutating func note(_ other: ExpandedRecipient, for index: Int) {
        let wanted = recipients[index].recipient.wanted(by: other)
        guard wanted != recipients[index].recipient else { return }
        recipients[index].recipient = wanted
        for child in recipients.indices where recipients[child].parent == index { note(other, for: child) }
        for known in recipients[index].known { note(other, for: known) }
    }

    func isWaiting(_ index: Int) -> Bool {
        recipients.indices.contains(index) && recipients[index].progress == .waiting
    }

    func hasRoom(for children: [ExpandedRecipient]) -> Bool {
        recipients.count + children.count <= RecipientGraph.messageLimit
    }

    private static let died = Verdict.temporary(
        3, 0, text: "the last attempt ended without a result: its process was killed or crashed")
}
