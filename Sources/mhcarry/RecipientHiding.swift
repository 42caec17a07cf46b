// Copies that show nobody but their own recipient.

import DurableFiles
import MailEnvelope
import MailFormat
import MessageContent
import Octets
import RunControl
import SpoolQueue

/// The steps that leave in To and Cc only those that a copy is for. It is made of the stored original each time, so that
/// nothing of one copy gets into another. Signed mail keeps its header, and so is held.
struct RecipientHiding {
    static var steps: [Step] { [.inspector(SignedGuard()), .rewriter(HidingRewriter())] }

    private static let pairs: [(to: StaticString, cc: StaticString)] = [("To", "Cc"), ("Resent-To", "Resent-Cc")]

    /// The edits for a copy that is for `recipients`; none where it shows nobody else.
    /// - Throws: ``RewriteError/unreadable(_:)``.
    static func edits(in header: HeaderSection, for recipients: [Address]) throws(RewriteError) -> [HeaderEdit] {
        var edits: [(at: Int, edit: HeaderEdit)] = []
        for (to, cc) in pairs {
            let fields = header.fields.filter { header.isNamed($0, to) || header.isNamed($0, cc) }
            guard let first = fields.first else { continue }
            var own: [[UInt8]] = []
            var showsOthers = false
            for field in fields {
                let list: AddressList
                do throws(AddressListError) { list = try AddressList(parsing: header.octets, in: field.body) } catch {
                    throw .unreadable(header.isNamed(field, to) ? "\(to)" : "\(cc)")
                }
                guard list.faults.isEmpty else { throw .unreadable(header.isNamed(field, to) ? "\(to)" : "\(cc)") }
                for mailbox in list.mailboxes {
                    if recipients.contains(where: { $0.isSame(as: mailbox.address) }) {
                        own.append(Array(header.octets[mailbox.whole]))
                    } else {
                        showsOthers = true
                    }
                }
            }
            guard showsOthers else { continue }
            // Who is in neither, as by Bcc or an alias, is shown by his address.
            if own.isEmpty { own = recipients.prefix(1).map { Array("\($0)".utf8) } }
            var body: [UInt8] = []
            for octets in own { body += (body.isEmpty ? [] : [0x2C, Octet.lf, Octet.space]) + octets }
            let kept = fields.first { header.isNamed($0, to) } ?? first
            for field in fields {
                edits.append(
                    (
                        field.whole.lowerBound,
                        field == kept ? header.replacement(of: field, by: body) : header.removal(of: field)
                    ))
            }
        }
        guard !edits.isEmpty else { return [] }
        for field in header.fields(named: "Mail-Followup-To") {
            edits.append((field.whole.lowerBound, header.removal(of: field)))
        }
        return edits.sorted { $0.at < $1.at }.map(\.edit)
    }

    static func edits(for message: Message) throws -> [HeaderEdit] {
        let header = try message.header()
        // Nobody can tell whom the rest of it names.
        if header.end == .tooLong { throw RewriteError.headerTooLong }
        return try edits(in: header, for: message.envelope.recipients.map(\.forwardPath.address))
    }
}

extension Address {
    fileprivate func isSame(as other: Address) -> Bool {
        domain == other.domain && localPart.lowercased() == other.localPart.lowercased()
    }
}

/// Holds what cannot be made to show one recipient alone.
private struct SignedGuard: Inspector {
    let name = "hiding of recipients"

    func inspect(_ message: Message) throws -> InspectionResult {
        var result = InspectionResult()
        do {
            guard try !RecipientHiding.edits(for: message).isEmpty, message.content.facts.isSigned else {
                return result
            }
            result.verdict = .heldByRule(
                7, 1, text: "it is signed, so that its header must stay, and show-recipients hides the other recipients"
            )
        } catch let error as RewriteError {
            result.verdict = .heldByRule(7, 1, text: "\(error)")
        }
        return result
    }
}

private struct HidingRewriter: Rewriter {
    let name = "hiding of recipients"
    let keepsSignatures = false

    func concerns(_ message: Message) throws -> Bool { try !RecipientHiding.edits(for: message).isEmpty }

    func rewrite(_ message: Message, into scratch: Scratch) throws {
        try message.rewrite(with: try RecipientHiding.edits(for: message), into: scratch)
    }
}

extension CarrierHub {
    /// Whether mail of the hub's own people goes out by `route` with a copy for each recipient that shows only him.
    func hidesRecipients(by route: String?) -> Bool {
        let own = settings.routes.first { $0.name == route }?.shownRecipients
        return (own ?? settings.shownRecipients) == .own
    }
}

extension Acceptance {
    /// Whether one of the hub's own people has sent it.
    var isOfOurs: Bool {
        if case .unixUser = source { return true }
        return identity != nil && source != .hub
    }
}
