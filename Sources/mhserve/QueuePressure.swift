// Why a message is not taken, and how its sender is told.

import Delivery
import DurableFiles
import MailEnvelope
import MailFormat
import SpoolQueue

extension Verdict {
    /// What the client hears of a message that could not be taken. What is wrong with our files is ours to know.
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

/// The service is full for now.
enum QueuePressure: Error, CustomStringConvertible {
    case diskIsBehind
    case freeSpaceLow

    var description: String { verdict.text }

    var verdict: Verdict {
        switch self {
        case .diskIsBehind: .temporary(3, 1, text: "the disk is behind; try again")
        case .freeSpaceLow: .temporary(3, 1, text: "too little free disk space; try again later")
        }
    }
}

/// A message that we will not have.
enum ContentRefusal: Error, CustomStringConvertible {
    /// By a step of ours.
    case byStep(Verdict)
    /// - Parameter field: where the address stands.
    case foreignAuthor(field: String, login: String)
    /// Readers would see somebody in it, and not the one we see.
    case unclearAuthor(AuthorError)
    case headerTooLong
    case brokenSignature

    var description: String { verdict.text }

    var verdict: Verdict {
        switch self {
        case .byStep(let verdict): verdict
        case .foreignAuthor(let field, let login):
            .permanent(7, 1, text: "a \(field) field names an address that is not of \(login)")
        case .unclearAuthor(let error): .permanent(6, 0, text: "\(error)")
        case .headerTooLong: .permanent(6, 0, text: "the header is too long or has too many fields")
        case .brokenSignature: .permanent(6, 0, text: "the message is signed, and a line of its header is no field")
        }
    }
}
