// How far a run has come, as a line that is written anew while a person looks on.

import Blocking
import FetchLedger
import Reporting

/// The messages and octets of a run: done, and expected.
struct Progress {
    /// How often the line is written anew, and how long a run is under way before there is one.
    private static let pace = Duration.milliseconds(200)
    private static let patience = Duration.seconds(1)

    private let name: String
    private let row: Int
    private(set) var messages = (done: 0, expected: 0)
    private(set) var octets = (done: 0, expected: 0)
    /// Octets of the message under way.
    private var partial = 0
    private var began: Deadline?
    private var next = Deadline.now
    private var isShown = false

    /// - Parameter row: in which row its line is.
    init(of name: String, row: Int) { (self.name, self.row) = (name, row) }

    /// Notes that these are to come.
    mutating func expect(_ coming: [Pending]) {
        began = began ?? .now
        messages.expected += coming.count
        for message in coming { octets.expected = octets.expected.adding(told: message.cost) }
    }

    mutating func note(octets count: Int) {
        partial += count
        show()
    }

    /// Notes that `message` has come, or cannot.
    mutating func noteEnd(of message: Pending) {
        messages.done += 1
        octets.done = octets.done.adding(told: message.cost)
        partial = 0
        show()
    }

    /// Takes the line away.
    mutating func end() {
        if isShown { LiveLines.show(nil, in: row) }
        isShown = false
    }

    private mutating func show() {
        guard LiveLines.areUseful, next.hasPassed, let began, began.elapsed >= Self.patience else { return }
        next = Deadline(after: Self.pace)
        isShown = true
        LiveLines.show(line(after: began.elapsed), in: row)
    }

    /// - Parameter elapsed: since the first of them were expected.
    func line(after elapsed: Duration) -> String {
        let come = min(octets.done.adding(told: partial), max(octets.done, octets.expected))
        let rate = Int(Double(come) / max(1, elapsed / .seconds(1)))
        var line =
            "\(name): \(messages.done) of \(counted(messages.expected, "message")), "
            + "\(sized(come)) of \(sized(octets.expected)), \(sized(rate))/s"
        if rate > 0 { line += ", \(RelativeTime.clock((octets.expected - come) / rate)) left" }
        return line
    }
}
