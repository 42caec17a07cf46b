// The four moments at which steps are run, and the steps that every hub has there.

/// Where a message stands on its way.
public enum Moment: Sendable, Hashable {
    /// Collected from an account. There is no step at this moment yet, and `mhfetch` runs none.
    case fetched
    /// Sent to us by a stranger.
    case received
    /// Submitted by one of our own users, or by a program of theirs.
    case submitted
    /// About to leave for a next hop, in one attempt: after EHLO and login, when it is known what the hop can do.
    /// What is made of it then is never stored. A message that goes straight into a mailbox, with no queue between, has
    /// the fields of its arrival above the content then, and not in it.
    case departing(to: NextHop)
}

extension Plan {
    /// The steps at `moment`.
    /// - Parameter rewrites: what the rc has the mail of this hop and attempt go through.
    public static func at(_ moment: Moment, rewriting rewrites: [Step] = []) -> Plan {
        switch moment {
        // Stored as it came, octet for octet.
        case .fetched: Plan([])
        case .received: Plan([.inspector(LoopInspector(.arriving, knowsRecipients: true))])
        case .submitted: Plan([.inspector(LoopInspector(.arriving, knowsRecipients: false))])
        case .departing(to: .expansion): Plan([])
        case .departing(to: .mailbox), .departing(to: .target):
            Plan(
                [.inspector(LoopInspector(.departing, knowsRecipients: false))] + rewrites
                    + [.fields(MailboxFields.octets)])
        case .departing(to: .program):
            Plan([.inspector(LoopInspector(.departing, knowsRecipients: false))] + rewrites)
        case .departing(to: .account), .departing(to: .domain):
            Plan(
                [.inspector(LoopInspector(.departing, knowsRecipients: false))] + rewrites + [.filter(StrayFilter())])
        }
    }
}
