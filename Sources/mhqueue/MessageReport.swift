// What is told about a queued message: for a person, and as JSON for programs.

import Glibc
import MailEnvelope
import MailFormat
import MailRouting
import Reporting
import SpoolQueue

struct MessageReport {
    private let glimpse: Glimpse

    init(_ glimpse: Glimpse) { self.glimpse = glimpse }

    private var queued: Envelope { glimpse.envelope }
    private var acceptance: Acceptance { glimpse.acceptance }

    /// One line for the message, one for each recipient.
    var lines: String {
        let entry = glimpse.entry
        var text =
            "\(entry.id)  \(queued.reversePath)  \(counted(glimpse.content.count, "octet"))  \(Times.told(acceptance.arrival))"
        if let hold = glimpse.state.hold { text += "  held: \(hold)" }
        text += "\n"
        for recipient in glimpse.state.recipients { text += "    \(told(recipient))\n" }
        return text
    }

    /// How far it is, `held` for what the rules hold: it waits, and not for its time alone.
    private func progress(_ recipient: RecipientState) -> String {
        recipient.isHeld ? "held" : "\(recipient.progress)"
    }

    private func told(_ recipient: RecipientState) -> String {
        var text = "\(progress(recipient))  <\(recipient.destination.description)>"
        if recipient.progress == .waiting, recipient.next > 0 { text += "  next try \(Times.told(recipient.next))" }
        if let verdict = recipient.verdict { text += "  (\(verdict))" }
        return text
    }

    /// The envelope, a line each.
    var envelope: String {
        var text = "Id: \(glimpse.entry.id)\nFrom: \(queued.reversePath)\n"
        for recipient in glimpse.state.recipients { text += "To: \(told(recipient))\n" }
        text += "Arrived: \(MailDate(seconds: acceptance.arrival))\nSize: \(glimpse.content.count)\n"
        if let identity = acceptance.identity { text += "Submitted-By: \(identity)\n" }
        if let account = acceptance.account { text += "Account: \(account)\n" }
        if let hold = glimpse.state.hold { text += "Held: \(hold)\n" }
        if let route = glimpse.state.route { text += "Route: \(route)\n" }
        return text
    }

    /// Why each recipient waits, and what would happen at the next try.
    func reasons(routing: RoutingTable, locals: LocalAddresses) -> String {
        var text = "\(glimpse.entry.id)\n"
        if let hold = glimpse.state.hold {
            text += "  held: \(hold); let it go on with: mhqueue release \(glimpse.entry.id)\n"
        }
        for recipient in glimpse.state.recipients {
            text += "  \(told(recipient))\n"
            guard recipient.progress == .waiting, case .address(let address) = recipient.destination else { continue }
            if recipient.tries > 0 { text += "    tried \(counted(recipient.tries, "time"))\n" }
            if recipient.isHeld {
                text += "    held by rule: tried again by the rc of then, and returned at the end of queue-lifetime\n"
            }
            if let route = glimpse.state.route { text += "    account \(route): chosen by hand\n" }
            if acceptance.isNotice(queued), let name = acceptance.identity {
                text += "    goes to the mailbox \(name)\n"
                continue
            }
            switch locals.resolve(address) {
            case .mailbox(let name): text += "    goes to the mailbox \(name)\n"
            case .unknownHere, .blocked: text += "    nobody has this address here\n"
            case .elsewhere:
                let decision = routing.decide(
                    for: acceptance.submitter(of: queued, for: recipient, hubUser: geteuid()),
                    reversePath: queued.reversePath, recipient: address, headerFrom: acceptance.headerFrom,
                    chosen: acceptance.account?.description)
                for reason in decision.reasons { text += "    \(reason)\n" }
            }
        }
        return text
    }

    /// The message and its recipients as one JSON object on one line.
    var json: String {
        let recipients = glimpse.state.recipients.map { recipient in
            JSON.object([
                ("address", .text(recipient.destination.description)), ("state", .text(progress(recipient))),
                ("tries", .number(recipient.tries)), ("next", .number(recipient.next)),
                ("host", recipient.verdict?.remote.map { .text($0) } ?? .null),
                ("status", recipient.verdict.map { .text("\($0.status)") } ?? .null),
                ("reply", recipient.verdict.map { .text($0.text) } ?? .null),
            ])
        }
        return JSON.object([
            ("id", .text(glimpse.entry.id.text)), ("from", .text(queued.reversePath.address?.description ?? "")),
            ("size", .number(glimpse.content.count)), ("arrival", .number(acceptance.arrival)),
            ("held", glimpse.state.hold.map { .text($0) } ?? .null),
            ("route", glimpse.state.route.map { .text($0) } ?? .null),
            ("login", acceptance.identity.map { .text($0.description) } ?? .null), ("recipients", .list(recipients)),
        ]).written + "\n"
    }
}

/// A time of day for a person.
enum Times {
    static func told(_ seconds: Int) -> String { "\(MailDate(seconds: seconds, offset: MailDate.now().offset))" }
}

/// Just enough JSON (RFC 8259) to write.
enum JSON {
    case null
    case number(Int)
    case text(String)
    case list([JSON])
    case object([(String, JSON)])

    var written: String {
        switch self {
        case .null: "null"
        case .number(let value): "\(value)"
        case .text(let text): Self.quoted(text)
        case .list(let items): "[" + items.map(\.written).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(Self.quoted($0.0)):\($0.1.written)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
