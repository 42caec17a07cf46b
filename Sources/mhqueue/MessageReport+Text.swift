// A queued message as a person is shown it.

import AddressExpansion
import Glibc
import MailEnvelope
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
        if waitsForHop { text += "  waits for its way out" }
        text += "\n"
        for recipient in recipients { text += "    \(recipient.told(isHeld: hold != nil))\n" }
        return Harmless.text(Array(text.utf8))
    }

    /// The envelope, a line each.
    var envelope: String {
        var text = "Id: \(id)\nFrom: \(reversePath)\n"
        for recipient in recipients { text += "To: \(recipient.told(isHeld: hold != nil))\n" }
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
    ///   - rooms: when routes that carry nothing for now have room again, by name.
    ///   - online: whether the hub was online when that was asked last.
    /// - Throws: `QueueError` where the state of a next hop cannot be read.
    func reasons(
        of message: QueuedMessage, routing: RoutingTable, expander: Expander, hops: HopStates,
        rooms: [String: Int], online: OnlineRecord
    ) throws(QueueError) -> String {
        let (envelope, acceptance) = (message.envelope, message.acceptance)
        var text = "\(id)\n"
        if let hold { text += "  held: \(hold); let it go on with: mhqueue release \(id)\n" }
        for (index, recipient) in recipients.enumerated() {
            let state = message.state.recipients[index]
            text += "  \(recipient.told(isHeld: hold != nil))\n"
            if let alias = state.alias { text += "    by the alias \(alias)\n" }
            guard recipient.isWaiting else { continue }
            if recipient.tries > 0 { text += "    tried \(counted(recipient.tries, "time"))\n" }
            if recipient.progress == .held {
                text += "    held by rule: tried again by the rc as it then is; returned at the end of queue-lifetime\n"
            }
            if let route { text += "    account \(route): chosen by hand\n" }
            if acceptance.isNotice(envelope), let identity {
                text += "    goes to the mailbox \(identity)\n"
                continue
            }
            if let mailbox = state.recipient.mailboxOfSentCopy {
                text += "    the copy in the folder of \(mailbox), who sent it\n"
                continue
            }
            switch expander.standing(of: index, in: message.state.recipients) {
            case .unanswered(.alias): text += "    is an alias\n"
            case .unanswered(.forward(let name)): text += "    goes to the mailbox \(name), and where that forwards\n"
            case .unanswered(.again): text += "    what the alias says here cannot be read\n"
            case .target: text += "    is what the alias says\n"
            case .failed(let verdict): text += "    \(verdict.text)\n"
            case .address(.mailbox(let name)): text += "    goes to the mailbox \(name)\n"
            case .address(.unknownHere), .address(.blocked), .address(.alias):
                text += "    nobody has this address here\n"
            case .address(.elsewhere):
                guard case .address(let address) = recipient.destination else { continue }
                if !state.via.isEmpty { text += "    the alias sends it by \(state.via.joined(separator: ", "))\n" }
                let decision = routing.decide(
                    for: acceptance.submitter(of: envelope, for: state, hubUser: geteuid()), reversePath: reversePath,
                    recipient: address, headerFrom: acceptance.headerFrom, chosen: account,
                    connectivity: online.connectivity)
                for reason in decision.reasons where state.via.isEmpty { text += "    \(reason)\n" }
                for step in decision.steps {
                    guard let name = step.route, let time = rooms[name] else { continue }
                    text +=
                        "    route \(name) has carried what its limit allows; there is room again \(Times.told(time))\n"
                }
                if decision.awaitsConnection, let told = online.toldOffline { text += "    \(told)\n" }
                let ordered = route.map { [$0] } ?? state.via
                for hop in ordered.isEmpty
                    ? decision.ways.map({ NextHop($0, to: address) }) : ordered.map({ .account($0) })
                {
                    let state = try hops.read(hop)
                    guard let fault = state.fault else { continue }
                    let now = hold == nil ? ", or now by: mhqueue try \(id)" : ""
                    text +=
                        "    \(hop) is at fault since \(Times.told(state.since)): \(fault); asked again "
                        + "\(Times.told(state.nextProbe))\(now)\n"
                }
            }
        }
        return Harmless.text(Array(text.utf8))
    }
}

extension MessageReport.Recipient {
    /// - Parameter isHeld: whether a person holds the message, so that no time will make it go.
    fileprivate func told(isHeld: Bool) -> String {
        let mailbox = ExpandedRecipient(destination).mailboxOfSentCopy
        let whom = mailbox.map { "the copy for \($0), who sent it" } ?? "<\(destination.description)>"
        var text = "\(progress.rawValue)  \(whom)"
        if isWaiting, next > 0, !isHeld { text += "  next try \(Times.told(next))" }
        if let verdict { text += "  (\(verdict))" }
        return text
    }
}

extension OnlineRecord {
    /// That the hub is offline, as far as is known; `nil` where it is online, or was never asked.
    var toldOffline: String? {
        guard name == nil, asked > 0 else { return nil }
        return "offline, as online-query said \(Times.told(asked))" + (fault.map { ": \($0)" } ?? "")
    }
}

/// A time of day for a person, in the local time zone.
enum Times {
    static func told(_ seconds: Int) -> String { "\(MailDate(seconds: seconds, offset: MailDate.now().offset))" }
}
