// What happens to a message, when it is next tried, and what would change that.

import MailEnvelope
import MailFormat
import MailRouting
import Reporting
import SpoolQueue

/// The prospects of one message.
struct Outlook {
    private let message: QueuedMessage
    private let ways: WaysOut
    /// The process that has it under its lock.
    private let holder: Int32?
    /// How long mail is tried, in seconds.
    private let lifetime: Int
    private let now: Int

    init(of message: QueuedMessage, by ways: WaysOut, holder: Int32?, lifetime: Int, now: Int) {
        (self.message, self.ways, self.holder, self.lifetime, self.now) = (message, ways, holder, lifetime, now)
    }

    private var id: String { message.entry.id.text }
    private var waiting: [Int] { message.state.waiting }

    /// It in one paragraph, harmless on a terminal.
    /// - Throws: `QueueError` where the state of a next hop cannot be read.
    func paragraph() throws(QueueError) -> String {
        var sentences = [came]
        if let holder { sentences.append("Process \(holder) is at work on it.") }
        if waiting.isEmpty {
            sentences.append(
                "Nobody waits for it any more; the next run of the queue tells the sender, and removes it.")
        } else if let hold = message.state.hold {
            sentences.append("A person holds it: \(hold). It stays until: mhqueue release \(id).")
        } else {
            sentences += try prospects()
        }
        return printable(octets: Array(sentences.joined(separator: " ").utf8), limit: .max)
    }

    private var came: String {
        let by = message.acceptance.identity.map { ", handed in by \($0)" } ?? ""
        let recipients = message.state.recipients.filter { $0.progress != .expanded }
        let served = recipients.count { $0.progress == .delivered }
        let failed = recipients.count { $0.progress == .failed }
        let others = [served > 0 ? "\(served) served" : "", failed > 0 ? "\(failed) refused" : ""].filter {
            !$0.isEmpty
        }
        var whom = "nobody"
        if let first = waiting.first {
            whom = waiting.count == 1 ? name(first) : counted(waiting.count, "recipient")
        }
        return
            "The message of \(message.envelope.reversePath)\(by) came in \(RelativeTime.past(message.acceptance.arrival, now: now)) and waits for \(whom)"
            + (others.isEmpty ? "." : " (\(others.joined(separator: ", "))).")
    }

    private func name(_ index: Int) -> String {
        if let owner = message.state.recipients[index].recipient.mailboxOfSentCopy { return "the copy for \(owner)" }
        return "<\(message.state.recipients[index].destination.description)>"
    }

    /// When a recipient may be tried; what is past is now.
    private func next(_ index: Int) -> Int { max(message.state.recipients[index].next, message.entry.hopNotBefore) }

    /// Of the recipient that is tried first; of others that wait for something else, that they do.
    private func prospects() throws(QueueError) -> [String] {
        guard let first = waiting.min(by: { (next($0), $0) < (next($1), $1) }) else { return [] }
        let recipient = message.state.recipients[first]
        var sentences: [String] = []
        if waiting.count > 1 { sentences.append("The first to be tried is \(name(first)).") }
        let (cause, cure) = try situation(of: first)
        sentences.append(cause)
        if recipient.tries > 0 || recipient.verdict != nil {
            let tries = recipient.tries == 0 ? "It was not tried" : "It was tried \(counted(recipient.tries, "time"))"
            sentences.append(tries + (recipient.verdict.map { "; the last answer was: \($0)." } ?? "."))
        }
        let time = next(first)
        sentences.append(
            time > now
                ? "It is tried again \(Times.told(time)), \(RelativeTime.ahead(time, now: now))."
                : "The next run of the queue takes it (mhsend -q, as a timer starts it).")
        sentences.append(cure)
        let end = message.acceptance.arrival + lifetime
        let isFault = recipient.verdict.map { !$0.countsAsTry } ?? false
        sentences.append(
            isFault
                ? "It is not given up while that lasts."
                : "Else it is given up, at the earliest \(Times.told(max(end, now)))"
                    + (message.envelope.reversePath == .null ? "." : ", and its sender is told."))
        return sentences
    }

    /// Where it goes, or what keeps it; and what would change that.
    private func situation(of index: Int) throws(QueueError) -> (cause: String, cure: String) {
        let tryNow = "To try it now: mhqueue try \(id)."
        let recipient = message.state.recipients[index]
        switch ways.way(of: index, in: message) {
        case .mailbox(let name): return ("It goes to the mailbox \(name).", tryNow)
        case .sentCopy(let name): return ("It goes to a folder of the mailbox \(name).", tryNow)
        case .alias: return ("The address is an alias, which the next run follows.", tryNow)
        case .forward(let name): return ("It goes to the mailbox \(name), and where that forwards.", tryNow)
        case .target: return ("It goes where an alias says.", tryNow)
        case .unreadable:
            return ("What the alias says cannot be read here.", "Mend the aliases file, then: mhqueue try \(id).")
        case .failed(let verdict): return ("It will come back: \(verdict.text).", "Mend the aliases, or the address.")
        case .unknown:
            return (
                "Nobody has this address here: it will come back.",
                "A mailbox or an alias of that name in the rc would change that."
            )
        case .out(let leaving):
            if recipient.isHeld {
                return (
                    "A rule holds it: \(leaving.decision.reasons.last ?? "no account is open").",
                    "An rc that opens an account to it would change that, and so would: mhqueue route NAME \(id)."
                )
            }
            guard let hop = leaving.hops.first else {
                if leaving.decision.awaitsConnection {
                    return (
                        "It waits for a connection\(ways.online.toldOffline.map { ": \($0)" } ?? "").",
                        "When the hub is online, the next run takes it; or: mhsend -qo NAME."
                    )
                }
                return (
                    "There is no way out: \(leaving.decision.reasons.last ?? "no account sends").",
                    "An rc that has one would change that, and so would: mhqueue route NAME \(id)."
                )
            }
            if let route = leaving.route, let time = ways.rooms[route] {
                return (
                    "It leaves by the route \(route), which has carried what its limit allows and has room again \(Times.told(time)).",
                    "A higher limit in the rc would change that."
                )
            }
            var faults: [String] = []
            for hop in leaving.hops {
                let state = try ways.hops.read(hop)
                guard let fault = state.fault else { continue }
                faults.append("\(hop) is at fault since \(Times.told(state.since)): \(fault)")
            }
            let way = "It leaves by \(hop)" + (leaving.route.map { ", as the route \($0) says" } ?? "")
            guard faults.count == leaving.hops.count else { return (way + ".", tryNow) }
            return ("\(way), but \(faults.joined(separator: "; ")).", "Once that is mended: mhqueue try \(id).")
        }
    }
}
