// Who decides on RCPT. The answer may come later, from a policy that asks a resolver or another server.

import AddressExpansion
import InternetAddress
import MailEnvelope
import MailboxLogins
import NIOCore
import SMTPProtocol

/// Judges the recipients of one listener.
protocol RecipientPolicy: Sendable {
    func judge(_ question: RecipientQuestion) -> RecipientAnswer
}

/// What RCPT asks.
struct RecipientQuestion {
    let path: ForwardPath
    let isSubmission: Bool
    /// Who has logged in.
    let login: Login?
    let peer: IPAddress
    /// For the promise of a later answer.
    let eventLoop: any EventLoop
}

enum RecipientAnswer {
    case now(SMTPServer.Command)
    /// A future of the question's event loop; any thread may complete it. An error, or no answer within a minute,
    /// becomes 451.
    case later(EventLoopFuture<SMTPServer.Command>)
}

/// The mailboxes and aliases of the rc, and everybody elsewhere for those who have logged in to a submission service.
extension ServerContext: RecipientPolicy {
    func judge(_ question: RecipientQuestion) -> RecipientAnswer {
        guard let address = address(of: question.path) else {
            return .now(.refuse(501, .permanent(1, 3), "an address with a domain is required"))
        }
        switch expander.resolve(address) {
        case .alias(let alias, let rank):
            guard let fault = expander.book.fault(of: alias, rank) else { return .now(.accept("")) }
            log.write(.error, "aliases", [("error", "\(fault)")])
            return .now(.refuse(451, .transient(3, 0), "the aliases cannot be read now; try again later"))
        case .mailbox: return .now(.accept(""))
        case .unknownHere: return .now(.refuse(550, .permanent(1, 1), "no such mailbox here"))
        case .blocked: return .now(.refuse(550, .permanent(1, 1), "this address takes no mail"))
        case .elsewhere:
            return .now(
                question.isSubmission && question.login != nil
                    ? .accept("") : .refuse(550, .permanent(7, 1), "relaying denied: \(address) is not ours"))
        }
    }
}
