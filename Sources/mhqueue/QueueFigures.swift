// What the queue comes to: how much mail waits, how long, and for what.

import MessageContent
import Reporting
import SpoolQueue

/// Figures over all messages of the queue. Counted without a lock.
struct QueueFigures {
    /// Mail that waits for one way out.
    struct Share {
        var recipients = 0
        /// When the oldest of it came in, in seconds since 1970.
        var oldest = Int.max
        /// What is wrong with the next hop, and since when.
        var fault: (words: String, since: Int)?
    }

    private(set) var messages = 0
    private(set) var octets = 0
    /// Recipients that wait.
    private(set) var recipients = 0
    /// Messages that a person holds.
    private(set) var held = 0
    /// Recipients that a rule holds.
    private(set) var heldByRule = 0
    /// Messages that may be tried now.
    private(set) var due = 0
    /// Files that could not be read.
    private(set) var unreadable = 0
    /// When the oldest message that no person holds came in, in seconds since 1970.
    private(set) var oldest: Int?
    /// Since when the message that has been due longest is due, in seconds since 1970.
    private(set) var dueSince: Int?
    /// By the names of ways out.
    private(set) var shares: [String: Share] = [:]

    /// - Parameters:
    ///   - policy: when mail is due.
    ///   - complain: told of each message that cannot be read.
    /// - Throws: `QueueError` where the queue, or the state of a next hop, cannot be read.
    init(
        _ queue: Queue, by ways: WaysOut, policy: RetryPolicy, now: Int, _ complain: (QueueError) -> Void
    ) throws(QueueError) {
        var faults: [NextHop: (words: String, since: Int)?] = [:]
        for entry in try queue.list().entries {
            let message: QueuedMessage?
            do throws(QueueError) { message = try queue.peek(entry) } catch {
                unreadable += 1
                complain(error)
                continue
            }
            guard let message else { continue }
            messages += 1
            octets += message.content.size
            let arrival = message.acceptance.arrival
            if message.state.hold != nil {
                held += 1
            } else {
                oldest = min(oldest ?? .max, arrival)
                let time = max(entry.notBefore, entry.hopNotBefore)
                if policy.isDue(time, now: now) {
                    due += 1
                    dueSince = min(dueSince ?? .max, max(time, arrival))
                }
            }
            for index in message.state.waiting {
                recipients += 1
                if message.state.recipients[index].isHeld { heldByRule += 1 }
                let (name, hop) = Self.name(ways.way(of: index, in: message))
                var share = shares[name] ?? Share()
                share.recipients += 1
                share.oldest = min(share.oldest, arrival)
                if let hop, faults[hop] == nil {
                    let state = try ways.hops.read(hop)
                    faults[hop] = .some(state.fault.map { ($0, state.since) })
                }
                if let hop { share.fault = faults[hop] ?? nil }
                shares[name] = share
            }
        }
    }

    private static func name(_ way: WaysOut.Way) -> (String, NextHop?) {
        switch way {
        case .mailbox(let name), .forward(let name): ("mailbox \(name)", nil)
        case .sentCopy(let name): ("folder of \(name)", nil)
        case .alias, .unreadable, .target, .failed: ("aliases", nil)
        case .unknown: ("nobody", nil)
        case .out(let leaving): leaving.hops.first.map { ($0.description, $0) } ?? ("no way out", nil)
        }
    }

    /// The ways, the busiest first.
    var ordered: [(name: String, share: Share)] {
        shares.map { ($0.key, $0.value) }.sorted { ($1.share.recipients, $0.name) < ($0.share.recipients, $1.name) }
    }

    /// Some lines for a person.
    func text(now: Int) -> String {
        guard messages + unreadable > 0 else { return "the queue is empty\n" }
        var text = "\(counted(messages, "message")), \(sized(octets)); \(counted(recipients, "recipient")) to serve\n"
        if let oldest {
            text +=
                "\(held > 0 ? "the oldest that nobody holds" : "the oldest") came in \(RelativeTime.past(oldest, now: now))\n"
        }
        text += "\(due) due, \(held) held by hand; \(counted(heldByRule, "recipient")) held by a rule\n"
        if unreadable > 0 { text += "\(counted(unreadable, "file")) cannot be read\n" }
        for (name, share) in ordered {
            text +=
                "\(name): \(counted(share.recipients, "recipient")), the oldest \(RelativeTime.span(now - share.oldest))"
            if let fault = share.fault { text += "; at fault since \(Times.told(fault.since)): \(fault.words)" }
            text += "\n"
        }
        return Harmless.text(text)
    }

    var json: JSON {
        [
            "messages": .number(messages), "octets": .number(octets), "recipients": .number(recipients),
            "due": .number(due), "held": .number(held), "held_by_rule": .number(heldByRule),
            "unreadable": .number(unreadable), "oldest": JSON(oldest), "due_since": JSON(dueSince),
            "ways": .list(
                ordered.map { name, share in
                    [
                        "way": .text(name), "recipients": .number(share.recipients), "oldest": .number(share.oldest),
                        "fault": JSON(share.fault?.words), "fault_since": JSON(share.fault?.since),
                    ]
                }),
        ]
    }
}
