// docs/flow.md against the code: the steps of each moment, and the numbers that it tells.

import MailFormat
import MailTestKit
import Testing

@testable import MessageContent

@Suite("The way of a message as docs/flow.md tells it")
struct FlowDocumentTests {
    @Test("its table has the steps that are run at each moment, in their order")
    func steps() throws {
        var told: [String: [String]] = [:]
        for line in try Project.text("docs/flow.md").split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|").map(String.init)
            guard cells.count == 2 else { continue }
            told[String(cells[0].dropFirst().dropLast())] = cells[1].split(separator: ";").map(String.init)
        }
        let moments: [(String, Moment)] = [
            ("received", .received), ("submitted", .submitted),
            ("departing for a mailbox", .departing(to: .mailbox("alice"))),
            ("departing for a server", .departing(to: .account("home"))),
        ]
        for (name, moment) in moments {
            let words = try #require(told[name], "docs/flow.md has no row \(name)")
            let marks = Plan.at(moment).steps.map { mark(of: $0) }
            #expect(words.count == marks.count, "\(name): \(words)")
            for (words, mark) in zip(words, marks) { #expect(words.contains(mark), "\(name)") }
        }
        #expect(Plan.at(.fetched).steps.isEmpty)
        #expect(try #require(told["fetched"]).first?.hasPrefix(" none") == true)
    }

    /// What the row of a step has in it.
    private func mark(of step: Step) -> String {
        switch step {
        case .inspector: "loop detection"
        case .fields: "Return-Path"
        case .filter: "for each stray"
        case .rewriter: "a rewriter that the page does not know"
        }
    }

    @Test("its numbers are those of the code")
    func numbers() throws {
        let text = try Project.text("docs/flow.md")
        #expect(text.contains("up to \(Scratch.memoryLimit / 1024) KiB in memory"))
        #expect(text.contains("\(LoopStop.receivedLimit) Received fields"))
    }
}
