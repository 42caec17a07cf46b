// The steps for a message at one moment, how they are run, and what they make of it.

import DurableFiles
import MailEnvelope
import MailFormat
import Octets
import Reporting

/// A message ready for an agent, the queue or a session: all that these take.
public struct Prepared: Sendable {
    /// Why it ends here, for all recipients; `nil` when it goes on.
    public internal(set) var verdict: Verdict?
    /// The message as the steps have left it, for the steps of its next moment.
    public internal(set) var message: Message
    /// Header fields to stand above the content, in file form.
    public internal(set) var top: [UInt8]
    /// The folder it is to go to, as the rc writes it.
    public internal(set) var folder: String?
    /// Steps that failed, to be logged.
    public internal(set) var faults: [StepFault] = []

    /// A message as it is, with `top` above it.
    public init(_ message: Message, top: [UInt8] = []) {
        self.message = message
        self.top = top
    }

    public var envelope: Envelope { message.envelope }
    public var content: any Content { message.content }

    /// Octets in file form, with ``top``.
    public var size: Int { top.count + content.size }

    /// What the next hop is told of content and ``top``.
    public var facts: ContentFacts { content.facts.below(top) }

    /// The same with another envelope.
    public func with(_ envelope: Envelope) -> Prepared {
        var prepared = self
        prepared.message.envelope = envelope
        return prepared
    }

    /// Calls `body` with each chunk of ``top`` and content in turn.
    /// - Throws: ``DurableError`` when the content cannot be read, and what `body` throws.
    public func forEachChunk(_ body: ([UInt8]) throws -> Void) throws {
        if !top.isEmpty { try body(top) }
        try content.forEachChunk(body)
    }

    /// Puts `fields` on top. Only fields: anything else would end the header of the message below them.
    fileprivate mutating func add(_ fields: [UInt8]) throws(StepError) {
        guard !fields.isEmpty else { return }
        let header = HeaderSection(of: fields)
        guard header.end == .endOfMessage, header.mboxLine == nil, fields.last == Octet.lf else {
            throw .notHeaderFields
        }
        guard fields.count <= Plan.fieldLimit else { throw .tooManyFields(limit: Plan.fieldLimit) }
        top = fields + top
    }
}

/// A step that failed.
public struct StepFault: Sendable, Hashable, CustomStringConvertible {
    public let step: String
    public let words: String

    public var description: String { "\(step) failed: \(words)" }
}

/// What a step may not do.
public enum StepError: Error, Hashable, Sendable, CustomStringConvertible {
    case notHeaderFields
    case tooManyFields(limit: Int)

    public var description: String {
        switch self {
        case .notHeaderFields: "what it adds on top is not a series of whole header fields"
        case .tooManyFields(let limit): "it adds more than \(limit) octets of header fields on top"
        }
    }
}

/// The steps for a message at one moment of its way, in order.
public struct Plan: Sendable {
    /// The most octets of header fields that one inspector may add.
    public static let fieldLimit = 65_536

    public let steps: [Step]

    public init(_ steps: [Step]) { self.steps = steps }

    /// Runs the steps, up to the first that ends the message. Without a step that needs the content nothing is read,
    /// and nothing copied. A step sees the content as those before it have left it, without what they have put above
    /// it.
    ///
    /// An inspector that fails is passed over: a broken one must not cost mail. A rewriter that fails defers the
    /// message; one that would break a signature ends it.
    /// - Parameters:
    ///   - top: fields that are to stand above the content in any case, below those of the steps.
    ///   - scratch: makes the place for new content, beside where the message is meant to go.
    public func run(on message: Message, top: [UInt8] = [], scratch: () -> Scratch) -> Prepared {
        var prepared = Prepared(message, top: top)
        for step in steps {
            do {
                switch step {
                case .inspector(let inspector): try inspect(&prepared, by: inspector)
                case .rewriter(let rewriter): try rewrite(&prepared, by: rewriter, scratch)
                case .filter(let filter):
                    guard filter.concerns(prepared.facts) else { continue }
                    prepared.top = prepared.top.changed(by: filter)
                    prepared.message = Message(prepared.envelope, FilteredContent(prepared.content, filter))
                case .fields(let make): prepared.top = make(prepared.envelope) + prepared.top
                }
            } catch {
                prepared.faults.append(StepFault(step: step.name, words: sentence(error)))
                if case .rewriter(let rewriter) = step {
                    prepared.verdict = .temporary(3, 0, text: "\(rewriter.name) failed: \(sentence(error))")
                }
            }
            if prepared.verdict != nil { return prepared }
        }
        return prepared
    }

    private func inspect(_ prepared: inout Prepared, by inspector: any Inspector) throws {
        let found = try inspector.inspect(prepared.message)
        // First what may fail: an inspector that fails ends nothing.
        try prepared.add(found.top)
        if let folder = found.folder { prepared.folder = folder }
        if let envelope = found.envelope { prepared.message.envelope = envelope }
        prepared.verdict = found.verdict
    }

    private func rewrite(
        _ prepared: inout Prepared, by rewriter: any Rewriter, _ scratch: () -> Scratch
    ) throws {
        let message = prepared.message
        guard try rewriter.concerns(message) else { return }
        guard rewriter.keepsSignatures || !message.content.facts.isSigned else {
            prepared.verdict = .permanent(
                6, 3, text: "the message is signed, and \(rewriter.name) would break the signature")
            return
        }
        let made = scratch()
        try rewriter.rewrite(message, into: made)
        prepared.message = Message(message.envelope, made)
        made.note(isSigned: try prepared.message.header().mayBeSigned)
    }
}

/// Content as it is seen through a filter.
struct FilteredContent: Content {
    private let content: any Content
    private let filter: any Filter

    init(_ content: any Content, _ filter: any Filter) {
        self.content = content
        self.filter = filter
    }

    var size: Int { content.size }
    var facts: ContentFacts { filter.facts(after: content.facts) }

    func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8] {
        try content.read(atMost: limit, at: offset).changed(by: filter)
    }
}

extension [UInt8] {
    fileprivate func changed(by filter: any Filter) -> [UInt8] {
        var octets = self
        filter.change(&octets)
        return octets
    }
}
