// A queued message as a person is shown it.

import Glibc
import MailFormat
import MailRouting
import MessageContent
import Reporting
import SpoolQueue

extension MessageReport {
    /// One line for the message, one for each recipient.
    var lines: String {
        var text = "\(id)  \(reversePath)  \(counted(size, "octet"))  \(Times.told(arrival))"
        if let hold { text += "  held: \(hold)" }
        if waitsForHop { text += "  waits for its next hop, which is at fault" }
        text += "\n"
        for recipient in recipients { text += "    \(recipient.told)\n" }
        return Harmless.text(Array(text.utf8))
    }

    /// The envelope, a line each.
    var envelope: String {
        var text = "Id: \(id)\nFrom: \(reversePath)\n"
        for recipient in recipients { text += "To: \(recipient.told)\n" }
        text += "Arrived: \(MailDate(seconds: arrival))\nSize: \(size)\n"
        if let identity { text += "Submitted-By: \(identity)\n" }
        if let hold { text += "Held: \(hold)\n" }
        if let account { text += "Account: \(account)\n" }
        if let route { text += "Route: \(route)\n" }
        return Harmless.text(Array(text.utf8))
    }

    /// Why each recipient waits, and what would happen at the next try.
    /// - Parameters:
    ///   - message: the message of this report.
    ///   - connectivity: whether the hub was online when that was asked last.
    /// - Throws: `QueueError` where the state of a next hop cannot be read.
    func reasons(
        of message: QueuedMessage, routing: RoutingTable, locals: LocalAddresses, hops: HopStates,
        connectivity: Connectivity
    ) throws(QueueError) -> String {
        let (envelope, acceptance) = (message.envelope, message.acceptance)
        var text = "\(id)\n"
        if let hold { text += "  held: \(hold); let it go on with: mhqueue release \(id)\n" }
        for (recipient, state) in zip(recipients, message.state.recipients) {
            text += "  \(recipient.told)\n"
            guard recipient.isWaiting, case .address(let address) = recipient.destination else { continue }
            if recipient.tries > 0 { text += "    tried \(counted(recipient.tries, "time"))\n" }
            if recipient.progress == .held {
                text += "    held by rule: tried again by the rc as it then is; returned at the end of queue-lifetime\n"
            }
            if let route { text += "    account \(route): chosen by hand\n" }
            if acceptance.isNotice(envelope), let identity {
                text += "    goes to the mailbox \(identity)\n"
                continue
            }
            switch locals.resolve(address) {
            case .mailbox(let name): text += "    goes to the mailbox \(name)\n"
            case .unknownHere, .blocked: text += "    nobody has this address here\n"
            case .elsewhere:
                let decision = routing.decide(
                    for: acceptance.submitter(of: envelope, for: state, hubUser: geteuid()), reversePath: reversePath,
                    recipient: address, headerFrom: acceptance.headerFrom, chosen: account, connectivity: connectivity)
                for reason in decision.reasons { text += "    \(reason)\n" }
                for account in route.map({ [$0] }) ?? decision.accounts {
                    let state = try hops.read(.account(account))
                    guard let fault = state.fault else { continue }
                    let now = hold == nil ? ", or now by: mhqueue try \(id)" : ""
                    text +=
                        "    account \(account) is at fault since \(Times.told(state.since)): \(fault); asked again "
                        + "\(Times.told(state.nextProbe))\(now)\n"
                }
            }
        }
        return Harmless.text(Array(text.utf8))
    }
}

extension MessageReport.Recipient {
    fileprivate var told: String {
        var text = "\(progress.rawValue)  <\(destination.description)>"
        if isWaiting, next > 0 { text += "  next try \(Times.told(next))" }
        if let verdict { text += "  (\(verdict))" }
        return text
    }
}

/// A time of day for a person, in the local time zone.
enum Times {
    static func told(_ seconds: Int) -> String { "\(MailDate(seconds: seconds, offset: MailDate.now().offset))" }
}
