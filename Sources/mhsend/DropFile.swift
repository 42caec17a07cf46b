// The form of a file in the drop directory: what a user without rights to the queue leaves for the hub.

import DurableFiles
import MailEnvelope
import Octets
import Reporting
import RunControl
import SpoolQueue

/// A drop file, version 1:
///
/// ```
/// X-Mailhub-Drop: 1 <its own name> <octets> <CRC-32C>      of all that follows; both of fixed width
/// Sender: <alice@example.org>                               then fields of a closed list, in any order
/// Recipient: NOTIFY=NEVER <bob>                             once for each, as in the envelope of a queue file
/// Read: recipients                                          from the header; also `sender`, `sender-line`
///                                                           an empty line
/// the message as it came
/// ```
enum DropFile {
    /// Octets of the message in one.
    static let sizeLimit = 64 << 20
    /// Octets of its fields.
    static let fieldLimit = 1 << 20
    /// Octets of a whole file.
    static let limit = sizeLimit + fieldLimit
    private static let mark = "X-Mailhub-Drop:"

    /// What the first line says.
    struct FirstLine: Equatable {
        var name: String
        /// Octets that follow.
        var octets: Int
        /// Their CRC-32C.
        var checksum: UInt32
        /// Octets of the line itself, with its LF.
        var length: Int
    }

    /// The first line; its length depends on the name alone.
    static func firstLine(name: String, octets: Int, checksum: UInt32) -> [UInt8] {
        let count = String(octets)
        let padded = String(repeating: "0", count: max(0, 10 - count.utf8.count)) + count
        return Array("\(mark) 1 \(name) \(padded) \(CRC32C.hex(checksum))\n".utf8)
    }

    /// Reads the first line of `start`, the start of a file.
    static func firstLine(of start: [UInt8]) throws(DropFault) -> FirstLine {
        guard let end = start.prefix(100).firstIndex(of: Octet.lf) else { throw .malformed("its first line") }
        let words = start[..<end].split(separator: Octet.space, omittingEmptySubsequences: false)
        guard words.count == 5, words[0].elementsEqual(mark.utf8) else { throw .malformed("its first line") }
        guard words[1].elementsEqual("1".utf8) else { throw .newerVersion }
        guard words[3].count == 10, words[3].allSatisfy(Octet.isDigit), words[4].count == 8,
            let octets = Int(String(decoding: words[3], as: UTF8.self)),
            let checksum = UInt32(String(decoding: words[4], as: UTF8.self), radix: 16)
        else { throw .malformed("its first line") }
        return FirstLine(
            name: String(decoding: words[2], as: UTF8.self), octets: octets, checksum: checksum, length: end + 1)
    }

    /// The fields of `submission`, and the empty line behind them.
    static func fields(of submission: Submission) -> [UInt8] {
        var text = ""
        func add(_ name: String, _ value: String?) { if let value { text += "\(name): \(value)\n" } }
        add("Sender", submission.reversePath?.description)
        add("Full-Name", submission.fullName?.description)
        add("Account", submission.account?.description)
        add("Notify", submission.notify?.value)
        add("Return", submission.returnContent?.rawValue)
        add("Envelope-Id", submission.envelopeID?.description)
        add("Body", submission.bodyType.rawValue)
        if submission.smtpUTF8 { add("Smtputf8", "yes") }
        for (word, path) in reads where submission[keyPath: path] { add("Read", word) }
        for recipient in submission.recipients { add("Recipient", EnvelopeCoding.encode(recipient)) }
        return Array("\(text)\n".utf8)
    }

    private static let reads: [(word: String, path: WritableKeyPath<Submission, Bool> & Sendable)] = [
        ("recipients", \.readsRecipients), ("sender", \.readsAuthor), ("sender-line", \.hasSenderLine),
    ]

    /// Reads fields, without the empty line behind them.
    static func submission(reading fields: ArraySlice<UInt8>) throws(DropFault) -> Submission {
        var submission = Submission()
        for line in fields.split(separator: Octet.lf) {
            guard let text = String(validating: line, as: UTF8.self), let colon = text.firstIndex(of: ":") else {
                throw .malformed("a field")
            }
            try take(String(text[..<colon]), String(text[colon...].dropFirst(2)), into: &submission)
        }
        guard submission.readsRecipients || !submission.recipients.isEmpty else { throw .malformed("no recipient") }
        return submission
    }

    private static func take(_ name: String, _ value: String, into submission: inout Submission) throws(DropFault) {
        do {
            switch name {
            case "Sender": submission.reversePath = try EnvelopeCoding.reversePathValue(Array(value.utf8)[...])
            case "Full-Name": submission.fullName = try EnvelopeText(value)
            case "Account": submission.account = try EnvelopeText(value)
            case "Notify": submission.notify = try known(Notify(parsing: value.utf8), name)
            case "Return": submission.returnContent = try known(ReturnContent(rawValue: value), name)
            case "Envelope-Id": submission.envelopeID = try EnvelopeText(value)
            case "Body": submission.bodyType = try known(BodyType(rawValue: value), name)
            case "Smtputf8": submission.smtpUTF8 = value == "yes"
            case "Read": submission[keyPath: try known(reads.first { $0.word == value }?.path, name)] = true
            case "Recipient": submission.recipients.append(try EnvelopeCoding.recipient(Array(value.utf8)[...]))
            default: throw DropFault.malformed("a field that there is not")
            }
        } catch let fault as DropFault {
            throw fault
        } catch {
            throw .malformed("the field \(name)")
        }
    }

    private static func known<Value>(_ value: Value?, _ name: String) throws(DropFault) -> Value {
        guard let value else { throw .malformed("the field \(name)") }
        return value
    }
}

/// Why a file is no drop file, or not one that may be taken.
enum DropFault: Error, Equatable, CustomStringConvertible {
    case notAFile
    case rootsOwn
    case linked
    case badName
    case otherName(String)
    case tooLarge(limit: Int)
    case malformed(String)
    case newerVersion
    /// What is in it is not what was written, or it is being changed.
    case changed
    /// By the system, with this errno.
    case unreadable(Int32)
    case refused(String)

    /// Whether it is a plain file of its owner's, which can be put aside; else it is left where it is.
    var canBeSetAside: Bool {
        switch self {
        case .notAFile, .rootsOwn, .linked, .badName, .newerVersion, .unreadable: false
        case .otherName, .tooLarge, .malformed, .changed, .refused: true
        }
    }

    var description: String {
        switch self {
        case .notAFile: "it is not a plain file"
        case .rootsOwn: "it is root's, and root hands mail in without it"
        case .linked: "it has a second name, by which it may be another's"
        case .badName: "its name is none that mhsend gives"
        case .otherName(let name): "it calls itself \(name)"
        case .tooLarge(let limit): "its message is larger than \(HubSettings.text(octets: limit))"
        case .malformed(let what): "it is malformed: \(what)"
        case .newerVersion: "it is of a later release; update the hub"
        case .changed: "its checksum is wrong"
        case .unreadable(let code): "it cannot be read: \(reason(code))"
        case .refused(let why): why
        }
    }
}
