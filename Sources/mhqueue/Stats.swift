// The verbs that count: stats for a person, check for a monitor.

import ArgumentParser
import CommandStart
import Reporting
import RunControl
import SpoolQueue

extension MHQueue {
    struct Stats: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell how much mail waits, how long, and for what. Takes no lock.")
        @OptionGroup var hub: HubOptions
        @Flag(help: "One JSON object.") var json = false

        func run() throws {
            let (hub, queue) = try openQueue(hub)
            var worst: ExitStatus?
            let figures = try QueueFigures(
                queue, by: WaysOut(hub.settings, queue), policy: hub.settings.retryPolicy, now: Times.now()
            ) { worst = complain($0, as: CommandName.called(else: "mhqueue")) }
            try writeToStandardOutput(json ? figures.json.line : figures.text(now: Times.now()))
            if let worst { throw ExitCode(worst.rawValue) }
        }
    }

    /// A plugin for Nagios and its kin: one line, and 0, 1, 2 or 3.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell a monitor in one line how the queue is: 0 well, 1 a warning, 2 critical, 3 unknown.")
        /// How long mail may be due, in seconds, before no run seems to take it.
        private static let patience = 30 * 60

        @OptionGroup var hub: HubOptions
        @Option(help: "Warn when a message has waited as long.", transform: time) var warn = 3600
        @Option(help: "Critical when a message has waited as long.", transform: time) var crit = 86_400
        @Option(help: "Warn when more messages wait.") var warnCount: Int?
        @Option(help: "Critical when more messages wait.") var critCount: Int?

        private static func time(_ text: String) throws -> Int {
            guard let seconds = HubSettings.seconds(text) else { throw ValidationError("write a time such as 1d12h") }
            return seconds
        }

        func run() throws {
            let (word, status, text): (String, Int32, String)
            do {
                let (hub, queue) = try openQueue(hub)
                let now = Times.now()
                let figures = try QueueFigures(
                    queue, by: WaysOut(hub.settings, queue), policy: hub.settings.retryPolicy, now: now
                ) { _ in }
                let findings = judge(figures, now)
                status = findings.map(\.status).max() ?? 0
                word = ["OK", "WARNING", "CRITICAL"][Int(status)]
                text = Self.line(findings.filter { $0.status == status }.map(\.words), figures, now, self)
            } catch let error as any Complaint {
                (word, status, text) = ("UNKNOWN", 3, Self.plain(sentence(error)))
            }
            try writeToStandardOutput("QUEUE \(word): \(text)\n")
            throw ExitCode(status)
        }

        private func judge(_ figures: QueueFigures, _ now: Int) -> [(status: Int32, words: String)] {
            var findings: [(status: Int32, words: String)] = []
            let age = figures.oldest.map { max(0, now - $0) } ?? 0
            let aged = "the oldest message has waited \(RelativeTime.span(age))"
            if age >= crit { findings.append((2, aged)) } else if age >= warn { findings.append((1, aged)) }
            let counts = counted(figures.messages, "message") + " in the queue"
            if let critCount, figures.messages > critCount {
                findings.append((2, counts))
            } else if let warnCount, figures.messages > warnCount {
                findings.append((1, counts))
            }
            for (name, share) in figures.ordered {
                guard let fault = share.fault else { continue }
                findings.append(
                    (1, "\(name) is at fault since \(RelativeTime.span(now - fault.since)): \(fault.words)"))
            }
            if figures.heldByRule > 0 {
                findings.append((1, "\(counted(figures.heldByRule, "recipient")) held by a rule"))
            }
            if figures.unreadable > 0 {
                findings.append((1, "\(counted(figures.unreadable, "file")) cannot be read"))
            }
            if let since = figures.dueSince, now - since >= Self.patience {
                findings.append((1, "mail is due for \(RelativeTime.span(now - since)) and no run has taken it"))
            }
            return findings
        }

        /// What is said, then the figures for a graph.
        private static func line(_ words: [String], _ figures: QueueFigures, _ now: Int, _ limits: Check) -> String {
            let age = figures.oldest.map { max(0, now - $0) } ?? 0
            let said =
                words.isEmpty
                ? "\(counted(figures.messages, "message"))"
                    + (figures.oldest == nil ? "" : ", the oldest \(RelativeTime.span(age))")
                : words.joined(separator: "; ")
            func limit(_ number: Int?) -> String { number.map { "\($0)" } ?? "" }
            return plain(said)
                + " | messages=\(figures.messages);\(limit(limits.warnCount));\(limit(limits.critCount));0"
                + " oldest=\(age)s;\(limits.warn);\(limits.crit);0 recipients=\(figures.recipients);;;0"
                + " held=\(figures.held);;;0 due=\(figures.due);;;0"
        }

        /// Without what would begin the figures, or another line.
        private static func plain(_ text: String) -> String {
            printable(octets: Array(text.utf8), limit: .max).replacing("|", with: "/")
        }
    }
}

extension HubSettings {
    /// When mail is due, as the carrier sees it.
    fileprivate var retryPolicy: RetryPolicy {
        RetryPolicy(longestDelay: Int(queue.longestRetry.components.seconds))
    }
}
