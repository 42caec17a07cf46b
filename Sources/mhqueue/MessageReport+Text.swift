// A queued message as a person is shown it.

import MailEnvelope
import MailFormat
import MessageContent
import Reporting
import SpoolQueue

extension MessageReport {
    /// One line for the message, one for each recipient.
    var lines: String {
        var text = ""
        text.reserveCapacity(256)
        text += "\(id.text)  \(reversePath.description)  \(counted(size, "octet"))  \(Times.told(arrival))"
        if let hold { text += "  held: \(hold)" }
        if waitsForHop { text += "  waits for its way out" }
        text += "\n"
        for recipient in recipients { text += "    \(recipient.told(isHeld: hold != nil))\n" }
        return Harmless.text(text)
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
        return Harmless.text(text)
    }

    /// Where each recipient goes, and by which rules.
    /// - Parameter message: the message of this report.
    /// - Throws: `QueueError` where the state of a next hop cannot be read.
    func reasons(of message: QueuedMessage, by ways: WaysOut) throws(QueueError) -> String {
        var text = ""
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
            switch ways.way(of: index, in: message) {
            case .mailbox(let name): text += "    goes to the mailbox \(name)\n"
            case .sentCopy(let name): text += "    the copy in the folder of \(name), who sent it\n"
            case .alias: text += "    is an alias\n"
            case .forward(let name): text += "    goes to the mailbox \(name), and where that forwards\n"
            case .unreadable: text += "    what the alias says here cannot be read\n"
            case .target: text += "    is what the alias says\n"
            case .failed(let verdict): text += "    \(verdict.text)\n"
            case .unknown: text += "    nobody has this address here\n"
            case .out(let leaving): text += try told(leaving, state, ways)
            }
        }
        return Harmless.text(text)
    }

    private func told(
        _ leaving: WaysOut.Leaving, _ state: RecipientState, _ ways: WaysOut
    ) throws(QueueError) -> String {
        var text = ""
        if let route {
            text += "    by \(route), which was chosen by hand\n"
        } else if !leaving.order.isEmpty {
            text += "    the alias sends it by \(leaving.order.joined(separator: ", "))\n"
        } else {
            for reason in leaving.decision.reasons { text += "    \(reason)\n" }
        }
        if let name = leaving.route, let time = ways.rooms[name] {
            text += "    route \(name) has carried what its limit allows; there is room again \(Times.told(time))\n"
        }
        if leaving.decision.awaitsConnection, let told = ways.online.toldOffline { text += "    \(told)\n" }
        for hop in leaving.hops {
            let state = try ways.hops.read(hop)
            guard let fault = state.fault else { continue }
            let now = hold == nil ? ", or now by: mhqueue try \(id)" : ""
            text +=
                "    \(hop) is at fault since \(Times.told(state.since)): \(fault); asked again "
                + "\(Times.told(state.nextProbe))\(now)\n"
        }
        return text
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
