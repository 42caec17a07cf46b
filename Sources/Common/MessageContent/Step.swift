// The kinds of step between accepting a message and handing it on: inspectors, rewriters, filters, fields of our own.

import MailEnvelope

/// A step of a ``Plan``.
///
/// A step has no effect outside its scratch: what it wants it returns, and the caller stores it before the message.
/// It may be run again for the same message, and must then have the same result.
public enum Step: Sendable {
    case inspector(any Inspector)
    case rewriter(any Rewriter)
    case filter(any Filter)
    /// Header fields of our own for the top, made of the envelope; they have no bound but the envelope's.
    case fields(@Sendable (Envelope) -> [UInt8])

    var name: String {
        switch self {
        case .fields: "fields"
        case .inspector(let inspector): inspector.name
        case .rewriter(let rewriter): rewriter.name
        case .filter(let filter): filter.name
        }
    }
}

/// Looks at a message. One that reads nothing beyond the header costs no further read.
public protocol Inspector: Sendable {
    /// For log and notices.
    var name: String { get }
    func inspect(_ message: Message) throws -> InspectionResult
}

/// What an inspector wants; a part that is left out changes nothing.
public struct InspectionResult: Sendable {
    /// Whole header fields for the top, in file form.
    public var top: [UInt8]
    /// The folder the message is to go to, as the rc writes it, parts separated by `/`.
    public var folder: String?
    /// The envelope to use instead.
    public var envelope: Envelope?
    /// The end of the message here, for all recipients.
    public var verdict: Verdict?

    public init(
        top: [UInt8] = [], folder: String? = nil, envelope: Envelope? = nil, verdict: Verdict? = nil
    ) {
        self.top = top
        self.folder = folder
        self.envelope = envelope
        self.verdict = verdict
    }
}

/// Writes a message anew. Where that fails the message waits: sent as it was, it might show what its sender wanted
/// hidden, or lack a signature that its sender wanted.
public protocol Rewriter: Sendable {
    var name: String { get }
    /// Whether what it does breaks no signature: it adds one, or changes the envelope only.
    var keepsSignatures: Bool { get }
    /// Whether the message needs it.
    func concerns(_ message: Message) throws -> Bool
    /// Writes the whole new content.
    func rewrite(_ message: Message, into scratch: Scratch) throws
}

/// Changes octets one for one, so that the content seen through it keeps its size, can be read from anywhere, and costs
/// no copy. What makes a message longer or shorter is a ``Rewriter``.
public protocol Filter: Sendable {
    var name: String { get }
    /// Whether content with these facts needs it.
    func concerns(_ facts: ContentFacts) -> Bool
    func facts(after facts: ContentFacts) -> ContentFacts
    func change(_ chunk: inout [UInt8])
}
