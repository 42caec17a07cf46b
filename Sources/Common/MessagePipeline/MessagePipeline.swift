// The one stream between taking a message and storing it: stages change octets, chunk by chunk.

import Octets
import Reporting

/// Changes the octets of a message as they stream by, in file form (LF).
///
/// A stage keeps at most ``MessagePipeline/chunkLimit`` octets for itself and appends at most
/// ``MessagePipeline/outputLimit`` in one call. Where the chunks are cut must not change what it makes of them.
public protocol MessageStage {
    /// Takes `chunk` and appends what goes on to the next stage, perhaps nothing yet.
    mutating func process(_ chunk: [UInt8], into output: inout [UInt8]) throws
    /// The message is over: appends what was still held back.
    mutating func finish(into output: inout [UInt8]) throws
}

/// What stops a pipeline besides the errors of its stages.
public enum PipelineError: Complaint, Hashable {
    /// A stage made more octets of one chunk than it may.
    case stageOverflow(stage: String, limit: Int)
    /// The pipeline was used after an error or after its end.
    case over

    public var exitStatus: ExitStatus { .software }

    public var description: String {
        switch self {
        case .stageOverflow(let stage, let limit):
            "the message stage \(stage) made more than \(limit) octets of one chunk; the message is kept as it was"
        case .over: "octets for a message that has ended or failed already"
        }
    }
}

/// Stages in a row. Without stages every octet passes as it is.
public struct MessagePipeline {
    /// The most octets a stage or the sink is handed at once.
    public static let chunkLimit = 65_536
    /// The most octets a stage may make in one call.
    public static let outputLimit = 8 * chunkLimit

    private var stages: [any MessageStage]
    private var isOver = false

    /// - Parameter stages: in the order in which they see the message.
    public init(_ stages: [any MessageStage] = []) { self.stages = stages }

    /// Sends `chunk` through all stages. After an error the message must not be stored.
    /// - Parameter sink: takes the results, never empty, at most ``chunkLimit`` octets each.
    public mutating func process(_ chunk: [UInt8], to sink: ([UInt8]) throws -> Void) throws {
        try begin()
        try pass(chunk, from: 0, to: sink)
        isOver = false
    }

    /// Ends the message: each stage gives what it holds to those behind it, in order.
    public mutating func finish(to sink: ([UInt8]) throws -> Void) throws {
        try begin()
        for index in stages.indices {
            var output: [UInt8] = []
            try stages[index].finish(into: &output)
            try check(output, index)
            try pass(output, from: index + 1, to: sink)
        }
    }

    /// Over, until the work is done: a thrown error leaves it so.
    private mutating func begin() throws(PipelineError) {
        guard !isOver else { throw .over }
        isOver = true
    }

    private mutating func pass(_ octets: [UInt8], from index: Int, to sink: ([UInt8]) throws -> Void) throws {
        var at = 0
        while at < octets.count {
            let end = min(at + Self.chunkLimit, octets.count)
            let piece = at == 0 && end == octets.count ? octets : Array(octets[at..<end])
            at = end
            if index == stages.count {
                try sink(piece)
                continue
            }
            var output: [UInt8] = []
            try stages[index].process(piece, into: &output)
            try check(output, index)
            try pass(output, from: index + 1, to: sink)
        }
    }

    private func check(_ output: [UInt8], _ index: Int) throws(PipelineError) {
        guard output.count <= Self.outputLimit else {
            throw .stageOverflow(stage: "\(type(of: stages[index]))", limit: Self.outputLimit)
        }
    }
}
