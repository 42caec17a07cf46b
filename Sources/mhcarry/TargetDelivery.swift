// The delivery of a message to what an alias leads to besides addresses: a program or an mbox.

import AddressExpansion
import Delivery
import MailAliases
import MailEnvelope
import MessageContent
import SpoolQueue

/// The delivery of a message to a program or a file of an alias, with the rights of the hub's user.
struct TargetDelivery {
    /// As the alias has it.
    private let text: String
    private let target: Result<AliasTarget, AliasError>
    private let hub: CarrierHub

    init(to text: String, hub: CarrierHub) {
        (self.text, self.hub) = (text, hub)
        target = Result { () throws(AliasError) in try AliasTarget(text) }
    }

    /// Whether it is done for each recipient by itself: a program is run for each alias that names it, a file has one copy.
    var isForEach: Bool { if case .success(.program) = target { true } else { false } }

    func carryOut(_ assignment: Assignment) -> Verdict {
        let recipients = assignment.recipients.map { assignment.state.recipients[$0].recipient }
        if let mailbox = recipients.first?.mailboxOfSentCopy {
            return SentCopy(mailbox: mailbox).make(of: assignment, hub)
        }
        let prepared = hub.prepare(assignment, for: assignment.recipients, to: .target(text))
        if let verdict = prepared.verdict { return verdict }
        let place = PlaceDelivery(assignment, hub)
        do {
            switch try target.get() {
            case .program(_, let argv): return place.program(argv).deliver(prepared)[0]
            case .file(let path):
                if let folder = hub.settings.ownPlace(holding: path) {
                    return .temporary(3, 5, text: "\(path) lies in \(folder), where no alias puts anything")
                }
                return try place.append(prepared, to: path)
            case .address, .sameName, .include, .nowhere: break
            }
        } catch let error as AliasError {
            return .temporary(3, 5, text: "\(error)")
        } catch {
            return DeliveryError(error).verdict
        }
        preconditionFailure("neither a program nor a file: \(text)")
    }
}
