// The delivery of a message to what an alias leads to besides addresses: a program or an mbox.

import AddressExpansion
import Delivery
import DurableFiles
import Glibc
import MailAliases
import MailEnvelope
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// The delivery of a message to a program or a file of an alias, with the rights of the hub's user.
struct TargetDelivery {
    /// How long a program may take.
    static let programLimit = Duration.seconds(300)

    let assignment: Assignment
    /// As the alias has it.
    let text: String
    let hub: CarrierHub

    func carryOut() -> Verdict {
        let prepared = hub.prepare(assignment, for: assignment.recipients, to: .target(text))
        if let verdict = prepared.verdict { return verdict }
        do {
            switch try AliasTarget(text) {
            case .program(_, let argv): return try program(argv).deliver(prepared)[0]
            case .file(let path): return try append(prepared, to: path)
            case .address, .sameName, .include, .nowhere: break
            }
        } catch let error as AliasError {
            return .temporary(3, 5, text: "\(error)")
        } catch {
            return DeliveryError(error).verdict
        }
        preconditionFailure("neither a program nor a file: \(text)")
    }

    private func program(_ argv: [ArgumentTemplate]) throws -> ProgramAgent {
        ProgramAgent(
            argv, environment: environment, at: assignment.arrival, within: Self.programLimit, to: .relayed,
            in: hub.queue.state)
    }

    /// What masqmail and Postfix tell a program about the message.
    private var environment: [String: String] {
        let sender = assignment.message.envelope.reversePath.address
        let recipient = assignment.recipients.first.flatMap { assignment.state.recipients.address(of: $0) }
        return [
            "SENDER": sender?.description ?? "", "RETURN_PATH": sender?.description ?? "",
            "SENDER_LOCAL": sender?.localPart ?? "", "SENDER_DOMAIN": sender?.domain ?? "",
            "RECIPIENT": recipient?.description ?? "", "LOCAL_PART": recipient?.localPart ?? "",
            "DOMAIN": recipient?.domain ?? "", "MESSAGE_ID": assignment.id.text,
            "QUALIFY_DOMAIN": hub.settings.qualify, "RECEIVED_HOST": assignment.peer,
        ]
    }

    // MARK: An mbox

    private func append(_ prepared: Prepared, to path: String) throws -> Verdict {
        if let place = hub.settings.ownPlace(holding: path) {
            return .temporary(3, 5, text: "\(path) lies in \(place), where no alias puts anything")
        }
        let notes = try hub.queue.state.directory("mbox", making: 0o700)
        let note = "\(assignment.id.text)-\(assignment.recipients.min() ?? 0)"
        let earlier = try Self.length(in: notes, note)
        let agent = MboxAgent(to: path, at: assignment.arrival, to: .relayed, earlier: earlier) { length in
            try notes.replace(note, with: Array("\(length)\n".utf8))
        }
        let verdict = agent.deliver(prepared)[0]
        // Before the result is recorded: should we die in between, the message is appended once more.
        if verdict.isFinal { _ = try notes.unlink(note) }
        return verdict
    }

    /// How long the mbox was when an attempt that died began to write.
    private static func length(in notes: Directory, _ name: String) throws -> Int? {
        guard let file = try notes.open(name) else { return nil }
        let octets = try file.read(atMost: 32, at: 0)
        return Int(String(decoding: octets.prefix { $0 != 0x0A }, as: UTF8.self))
    }
}

extension Assignment {
    /// When the message came, in seconds since 1970.
    fileprivate var arrival: Int { acceptance.arrival }

    /// The client that it came from; nothing for a program of this machine.
    fileprivate var peer: String { if case .peer(let text) = acceptance.source { text.description } else { "" } }
}
