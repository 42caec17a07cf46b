// Who decides on RCPT. The answer may come later, for those who must ask a resolver or another server for it.

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
    /// Makes the promise of a later answer.
    let eventLoop: any EventLoop
}

enum RecipientAnswer {
    case now(SMTPServer.Command)
    /// Of the question's event loop; may be completed from any thread. An error, or none within a minute, is answered 451.
    case later(EventLoopFuture<SMTPServer.Command>)
}

/// The mailboxes and aliases of the rc, and everybody elsewhere for those who have logged in to a submission service.
extension ServerContext: RecipientPolicy {
    func judge(_ question: RecipientQuestion) -> RecipientAnswer {
        guard let address = address(of: question.path) else {
            return .now(.refuse(501, .permanent(1, 3), "an address with a domain is wanted"))
        }
        switch locals.resolve(address) {
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
