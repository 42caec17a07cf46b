// Why a message is not taken, and how its sender is told.

import DurableFiles
import MailFormat
import SMTPProtocol
import SpoolQueue

/// What the service could not take, as the client is told.
struct Refusal {
    let code: Int
    let status: EnhancedStatus
    let words: String

    init(_ error: any Error) {
        switch error {
        case let pressure as QueuePressure: (code, status, words) = pressure.reply
        case let content as ContentRefusal: (code, status, words) = (content.code, content.status, content.words)
        case QueueError.noSpace: (code, status, words) = Self.diskFull
        case let disk as DurableError where disk.isNoSpace: (code, status, words) = Self.diskFull
        default: (code, status, words) = (451, .transient(3, 0), "the message could not be stored; try again later")
        }
    }
}

extension Refusal {
    private static let diskFull = (452, EnhancedStatus.transient(3, 1), "the disk is full; try again later")
}

/// The service is full for now.
enum QueuePressure: Error, CustomStringConvertible {
    case diskIsBehind
    case freeSpaceLow

    var description: String { reply.2 }

    var reply: (Int, EnhancedStatus, String) {
        switch self {
        case .diskIsBehind: (452, .transient(3, 1), "the disk is behind; try again")
        case .freeSpaceLow: (452, .transient(3, 1), "too little free disk space; try again later")
        }
    }
}

/// A message that we will not have.
enum ContentRefusal: Error, CustomStringConvertible {
    case loops
    /// - Parameter field: where the address stands.
    case foreignAuthor(field: String, login: String)
    /// Readers would see somebody in it, and not the one we see.
    case unclearAuthor(AuthorError)
    case headerTooLong
    case brokenSignature

    var description: String { words }
    var code: Int { 554 }

    var status: EnhancedStatus {
        switch self {
        case .loops: .permanent(4, 6)
        case .foreignAuthor: .permanent(7, 1)
        case .unclearAuthor, .headerTooLong, .brokenSignature: .permanent(6, 0)
        }
    }

    var words: String {
        switch self {
        case .loops: "the message goes in circles: too many Received fields, or delivered here before"
        case .foreignAuthor(let field, let login): "a \(field) field names an address that is not of \(login)"
        case .unclearAuthor(let error): "\(error)"
        case .headerTooLong: "the header is too long or has too many fields"
        case .brokenSignature: "the message is signed, and a line of its header is no field"
        }
    }
}
