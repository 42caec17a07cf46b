// Verdicts on a whole message before it is stored: filters, rules, programs of the rc. A filter that fails keeps mail.

import MailFormat
import Octets

/// A whole message that can be read again and again, wherever it is staged.
public protocol StagedContent {
    /// Octets in file form.
    var size: Int { get }
    /// At most `limit` octets from `offset` on; fewer only at the end.
    func read(atMost limit: Int, at offset: Int) throws -> [UInt8]
}

extension StagedContent {
    /// The header section, read as far as it goes.
    public func header() throws -> HeaderSection {
        var scanner = HeaderScanner()
        var at = 0
        while scanner.header == nil {
            let chunk = try read(atMost: MessagePipeline.chunkLimit, at: at)
            guard !chunk.isEmpty else { break }
            at += chunk.count
            scanner.append(chunk)
        }
        return scanner.finish()
    }
}

/// A small message in memory.
public struct ContentInMemory: StagedContent, Sendable {
    private let octets: [UInt8]
    public init(_ octets: [UInt8]) { self.octets = octets }
    public var size: Int { octets.count }
    public func read(atMost limit: Int, at offset: Int) -> [UInt8] {
        guard offset >= 0, offset < octets.count, limit > 0 else { return [] }
        return Array(octets[offset..<min(octets.count, offset + limit)])
    }
}

/// What an inspector says.
public enum Judgment: Sendable, Hashable {
    case accept
    /// Take it, with these whole header fields (file form) put on top.
    case addTop([UInt8])
    /// Take it, into this folder (as the rc writes it, parts set apart by `/`).
    case move(folder: String)
    /// Never take it; the reason goes to the sender.
    case refuse(reason: String)
    /// Not now; the sender is to try again.
    case `defer`(reason: String)
}

/// Looks at a whole message and judges it.
public protocol MessageInspector {
    /// For log and notices.
    var name: String { get }
    func inspect(_ message: some StagedContent) throws -> Judgment
}

/// What all inspectors together said.
public struct Inspection {
    public enum Outcome: Sendable, Hashable {
        case accepted
        case refused(by: String, reason: String)
        case deferred(by: String, reason: String)
    }

    public private(set) var outcome = Outcome.accepted
    /// Whole header fields for the top; those of a later inspector stand above those of an earlier one.
    public private(set) var top: [UInt8] = []
    /// The last folder asked for.
    public private(set) var folder: String?
    /// Inspectors that failed, to be logged; the mail is taken as if they had accepted it.
    public private(set) var faults: [(inspector: String, error: any Error)] = []

    /// The most octets of header fields that inspectors may add together.
    public static let topLimit = 65_536

    /// Asks `inspectors` in order, up to the first that refuses or defers.
    public init(of message: some StagedContent, by inspectors: [any MessageInspector]) {
        for inspector in inspectors {
            do {
                switch try inspector.inspect(message) {
                case .accept: break
                case .addTop(let fields): try add(fields)
                case .move(let folder): self.folder = folder
                case .refuse(let reason): outcome = .refused(by: inspector.name, reason: reason)
                case .defer(let reason): outcome = .deferred(by: inspector.name, reason: reason)
                }
            } catch {
                faults.append((inspector.name, error))
            }
            guard outcome == .accepted else { return }
        }
    }

    /// Fields only: anything else would end the header of the message below it.
    private mutating func add(_ fields: [UInt8]) throws(InspectionError) {
        let header = HeaderSection(of: fields)
        guard header.end == .endOfMessage, header.mboxLine == nil, fields.last == Octet.lf else {
            throw .notHeaderFields
        }
        guard top.count + fields.count <= Self.topLimit else { throw .tooManyFields(limit: Self.topLimit) }
        top = fields + top
    }
}

/// What an inspector may not ask for.
public enum InspectionError: Error, Hashable, Sendable, CustomStringConvertible {
    case notHeaderFields
    case tooManyFields(limit: Int)

    public var description: String {
        switch self {
        case .notHeaderFields: "what it wants on top is not a row of whole header fields"
        case .tooManyFields(let limit): "it wants more than \(limit) octets of header fields on top"
        }
    }
}
