// Stages in a row: order, growth, errors half-way, bounds.

import MailTestKit
import Testing

@testable import MessagePipeline

/// Writes `mark` before every octet.
private struct Marking: MessageStage {
    let mark: UInt8
    mutating func process(_ chunk: [UInt8], into output: inout [UInt8]) {
        for octet in chunk { output += [mark, octet] }
    }
    mutating func finish(into output: inout [UInt8]) { output.append(mark) }
}

/// Holds back one octet.
private struct Lagging: MessageStage {
    var held: [UInt8] = []
    mutating func process(_ chunk: [UInt8], into output: inout [UInt8]) {
        held += chunk
        output += held.dropLast()
        held = Array(held.suffix(1))
    }
    mutating func finish(into output: inout [UInt8]) { output += held }
}

private struct Failing: MessageStage {
    struct Refusal: Error {}
    var left: Int
    mutating func process(_ chunk: [UInt8], into output: inout [UInt8]) throws {
        left -= 1
        guard left >= 0 else { throw Refusal() }
        output += chunk
    }
    mutating func finish(into output: inout [UInt8]) throws { if left == 0 { throw Refusal() } }
}

private struct Exploding: MessageStage {
    mutating func process(_ chunk: [UInt8], into output: inout [UInt8]) {
        output += [UInt8](repeating: 0, count: MessagePipeline.outputLimit + 1)
    }
    mutating func finish(into output: inout [UInt8]) {}
}

@Suite("The pipeline")
struct MessagePipelineTests {
    private func run(_ stages: [any MessageStage], _ chunks: [[UInt8]]) throws -> [UInt8] {
        var pipeline = MessagePipeline(stages)
        var made: [UInt8] = []
        for chunk in chunks { try pipeline.process(chunk) { made += $0 } }
        try pipeline.finish { made += $0 }
        return made
    }

    @Test("passes every octet as it is when it has no stage")
    func identity() throws {
        let octets = (0...255).map { UInt8($0) }
        #expect(try run([], [octets, [], octets]) == octets + octets)
        #expect(try run([], []) == [])
    }

    @Test("runs stages in order, and lets each finish before the next")
    func order() throws {
        #expect(try run([Marking(mark: 1), Marking(mark: 2)], [[9]]) == [2, 1, 2, 9, 2, 1, 2])
        #expect(try run([Lagging(), Lagging()], [[1, 2], [], [3]]) == [1, 2, 3])
        #expect(try run([Lagging(), Marking(mark: 7)], [[1]]) == [7, 1, 7])
    }

    @Test("makes the same of a message wherever it is cut")
    func everySplit() throws {
        let octets: [UInt8] = [1, 2, 3, 4, 5, 6]
        let whole = try run([Lagging(), Marking(mark: 9), Lagging()], [octets])
        for cut in octets.indices {
            let parts = [Array(octets[..<cut]), Array(octets[cut...])]
            #expect(try run([Lagging(), Marking(mark: 9), Lagging()], parts) == whole)
        }
    }

    @Test("hands on at most 64 KiB at once, however a stage grows the message")
    func growth() throws {
        var pipeline = MessagePipeline([Marking(mark: 1), Marking(mark: 2)])
        var total = 0
        var largest = 0
        try pipeline.process([UInt8](repeating: 0, count: 200_000)) {
            total += $0.count
            largest = max(largest, $0.count)
        }
        #expect(total == 800_000)
        #expect(largest <= MessagePipeline.chunkLimit)
    }

    @Test("stays over after an error half-way, and after the end")
    func errors() throws {
        var pipeline = MessagePipeline([Failing(left: 1)])
        try pipeline.process([1]) { _ in }
        #expect(throws: Failing.Refusal.self) { try pipeline.process([2]) { _ in } }
        #expect(throws: PipelineError.over) { try pipeline.process([3]) { _ in } }
        #expect(throws: PipelineError.over) { try pipeline.finish { _ in } }
        var ended = MessagePipeline()
        try ended.finish { _ in }
        #expect(throws: PipelineError.over) { try ended.finish { _ in } }
        #expect(throws: Failing.Refusal.self) { try run([Failing(left: 1)], [[1]]) }
    }

    @Test("stops a stage that makes too much")
    func overflow() {
        #expect(throws: PipelineError.stageOverflow(stage: "Exploding", limit: MessagePipeline.outputLimit)) {
            try run([Exploding()], [[1]])
        }
    }

    @Test("stops when what takes the result fails")
    func sink() {
        struct Full: Error {}
        var pipeline = MessagePipeline()
        #expect(throws: Full.self) { try pipeline.process([1]) { _ in throw Full() } }
        #expect(throws: PipelineError.over) { try pipeline.finish { _ in } }
    }
}

private struct Saying: MessageInspector {
    let name: String
    let verdict: Judgment
    func inspect(_ message: some StagedContent) -> Judgment { verdict }
}

private struct Breaking: MessageInspector {
    struct Down: Error {}
    let name = "broken"
    func inspect(_ message: some StagedContent) throws -> Judgment { throw Down() }
}

private struct Subjects: MessageInspector {
    let name = "subjects"
    func inspect(_ message: some StagedContent) throws -> Judgment {
        let header = try message.header()
        return header.first("Subject") == nil ? .refuse(reason: "no subject") : .accept
    }
}

@Suite("An inspection")
struct InspectionTests {
    private let message = ContentInMemory(Array("Subject: x\n\nbody\n".utf8))

    @Test("puts the fields of later inspectors above earlier ones")
    func top() {
        let made = Inspection(
            of: message,
            by: [
                Saying(name: "a", verdict: .addTop(Array("A: 1\n".utf8))),
                Saying(name: "m", verdict: .move(folder: "Junk")),
                Saying(name: "b", verdict: .addTop(Array("B: 2\n 3\n".utf8))), Subjects(),
            ])
        #expect(String(decoding: made.top, as: UTF8.self) == "B: 2\n 3\nA: 1\n")
        #expect(made.folder == "Junk")
        #expect(made.outcome == .accepted)
        #expect(made.faults.isEmpty)
    }

    @Test("keeps the mail when an inspector fails, and tells")
    func faults() {
        let made = Inspection(of: message, by: [Breaking(), Saying(name: "b", verdict: .addTop(Array("B: 2\n".utf8)))])
        #expect(made.outcome == .accepted)
        #expect(made.faults.map(\.inspector) == ["broken"])
        #expect(made.top == Array("B: 2\n".utf8))
    }

    @Test("ends at the first that refuses or defers")
    func refusals() {
        let refusing = Saying(name: "no", verdict: .refuse(reason: "bad"))
        let deferring = Saying(name: "later", verdict: .defer(reason: "busy"))
        #expect(Inspection(of: message, by: [refusing, deferring]).outcome == .refused(by: "no", reason: "bad"))
        #expect(Inspection(of: message, by: [deferring, refusing]).outcome == .deferred(by: "later", reason: "busy"))
        #expect(
            Inspection(of: ContentInMemory([]), by: [Subjects()]).outcome
                == .refused(by: "subjects", reason: "no subject"))
    }

    @Test(
        "lets nothing but header fields onto the top",
        arguments: ["A: 1", "A: 1\n\nbody\n", "words\n", " folded\n", "\n", "From x\nA: 1\n", "A: 1\n\n"])
    func forged(_ fields: String) {
        let made = Inspection(of: message, by: [Saying(name: "x", verdict: .addTop(Array(fields.utf8)))])
        #expect(made.top.isEmpty)
        #expect(made.faults.count == 1)
        #expect(made.outcome == .accepted)
    }
}
