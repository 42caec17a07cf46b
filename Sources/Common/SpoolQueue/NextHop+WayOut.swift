// From the rc's ways out to the next hops that the queue knows.

import MailFormat
import MailRouting
import MessageContent

extension NextHop {
    /// Where a message for `recipient` goes by `way`.
    public init(_ way: WayOut, to recipient: Address) {
        switch way {
        case .account(let name): self = .account(name)
        case .direct(let route): self = .domain(recipient.domain ?? "", route: route)
        case .program(let route): self = .program(route: route)
        }
    }
}
