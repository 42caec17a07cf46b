// Why a message is not accepted, and what its sender is told.

import Delivery
import DurableFiles
import MailEnvelope
import MailFormat
import SpoolQueue

extension Verdict {
    /// What the client is told of a message that could not be accepted; of faults in our own files it learns nothing.
    init(refusedMessage error: any Error) {
        switch error {
        case let pressure as QueuePressure: self = pressure.verdict
        case let content as ContentRefusal: self = content.verdict
        case let delivery as DeliveryError: self = delivery.verdictForStrangers
        case QueueError.noSpace(let disk), QueueError.disk(let disk): self = DeliveryError(disk).verdictForStrangers
        default: self = DeliveryError(error).verdictForStrangers
        }
    }
}

/// The hub can take no more for now.
enum QueuePressure: Error, CustomStringConvertible {
    case diskIsBehind
    case freeSpaceLow

    var description: String { verdict.text }

    var verdict: Verdict {
        switch self {
        case .diskIsBehind: .temporary(3, 1, text: "the disk is too busy; try again")
        case .freeSpaceLow: .temporary(3, 1, text: "too little free disk space; try again later")
        }
    }
}

/// A message that is refused for what it says.
enum ContentRefusal: Error, CustomStringConvertible {
    /// By the verdict of a step.
    case byStep(Verdict)
    /// - Parameter field: the header field that holds the address.
    case foreignAuthor(field: String, Address, login: String)
    /// Mail programs may show another author than the one that we read.
    case unclearAuthor(AuthorError)
    case headerTooLong
    case brokenSignature

    var description: String { verdict.text }

    var verdict: Verdict {
        switch self {
        case .byStep(let verdict): verdict
        case .foreignAuthor(let field, let address, let login):
            .permanent(7, 1, text: "a \(field) field names \(address), which is not an address of \(login)")
        case .unclearAuthor(let error): .permanent(6, 0, text: "\(error)")
        case .headerTooLong: .permanent(6, 0, text: "the header is too long or has too many fields")
        case .brokenSignature: .permanent(6, 0, text: "the message is signed, and a line of its header is no field")
        }
    }
}
