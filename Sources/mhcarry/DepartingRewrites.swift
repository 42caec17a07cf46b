// What a route puts into the mail that leaves by it: other addresses, and the account's Reply-To.

import DurableFiles
import MailEnvelope
import MailFormat
import MailRouting
import MessageContent

/// The steps for mail that leaves through one account by one route. Signed mail keeps its header.
struct DepartingRewrites {
    let rules: RewriteRules
    /// The address for replies; `nil` for none.
    let replyTo: Address?

    var steps: [Step] {
        rules.rules.isEmpty && replyTo == nil
            ? [] : [.inspector(EnvelopeRewriter(rewrites: self)), .rewriter(HeaderRewriter(rewrites: self))]
    }

    /// The fields in which a rule may change something, by place.
    static let fields: [(place: RewritePlace, name: StaticString)] = [
        (.from, "From"), (.sender, "Sender"), (.replyTo, "Reply-To"), (.mailFollowupTo, "Mail-Followup-To"),
        (.to, "To"),
        (.cc, "Cc"),
    ]

    /// The edits that the rules make in `header`.
    /// - Throws: ``RewriteError`` for a field that cannot be read.
    func edits(in header: HeaderSection) throws(RewriteError) -> [HeaderEdit] {
        var edits: [HeaderEdit] = []
        guard !rules.rules.isEmpty else { return edits }
        for field in header.fields {
            guard let (place, name) = Self.fields.first(where: { header.isNamed(field, $0.name) }), rules.concern(place)
            else { continue }
            let list: AddressList
            do throws(AddressListError) { list = try AddressList(parsing: header.octets, in: field.body) } catch {
                throw .unreadable("\(name)")
            }
            guard list.faults.isEmpty else { throw .unreadable("\(name)") }
            edits += header.edits(of: field, listing: list) { rules.replacement(of: $0.address, in: place) }
        }
        return edits
    }

    /// The Reply-To that the message lacks, in file form; empty for none.
    func replyField(for message: Message, _ header: HeaderSection) -> [UInt8] {
        guard let replyTo, message.envelope.reversePath != .null, header.first("Reply-To") == nil else { return [] }
        return Array("Reply-To: \(replyTo)\n".utf8)
    }
}

/// Why addresses of a message cannot be rewritten. It is held then: sent as it is, it would show what is to be hidden.
enum RewriteError: Error, CustomStringConvertible {
    case unreadable(String)
    case headerTooLong
    case signedWithBareAuthor

    var description: String {
        switch self {
        case .unreadable(let field):
            "its \(field) field cannot be read, and addresses there are to be changed or hidden"
        case .headerTooLong: "its header is too long to be read, and addresses there are to be changed or hidden"
        case .signedWithBareAuthor:
            "it is signed, so that its header must stay, and its From field names an author without a domain"
        }
    }
}

/// Puts another reverse-path into the envelope, and holds what the ``HeaderRewriter`` could not write anew.
private struct EnvelopeRewriter: Inspector {
    let name = "rewriting of the envelope"
    let rewrites: DepartingRewrites

    func inspect(_ message: Message) throws -> InspectionResult {
        var result = InspectionResult()
        if let sender = message.envelope.reversePath.address,
            let new = rewrites.rules.replacement(of: sender, in: .envelope)
        {
            var envelope = message.envelope
            envelope.reversePath = .address(new.address)
            result.envelope = envelope
        }
        let header = try message.header()
        do throws(RewriteError) {
            // Nobody can tell whether it is signed.
            if header.end == .tooLong, !rewrites.rules.rules.isEmpty { throw .headerTooLong }
            guard message.content.facts.isSigned else {
                _ = try rewrites.edits(in: header)
                result.top = rewrites.replyField(for: message, header)
                return result
            }
            guard rewrites.rules.concern(.from) else { return result }
            let authors: [Address]
            do throws(AuthorError) { authors = try HeaderAuthors.from(in: header) } catch {
                throw .unreadable("From")
            }
            if authors.contains(where: { $0.domain == nil }) { throw .signedWithBareAuthor }
        } catch {
            result.verdict = .heldByRule(7, 1, text: "\(error)")
        }
        return result
    }
}

/// Puts other addresses into the header.
private struct HeaderRewriter: Rewriter {
    let name = "rewriting of addresses"
    let keepsSignatures = false
    let rewrites: DepartingRewrites

    func concerns(_ message: Message) throws -> Bool {
        guard !message.content.facts.isSigned else { return false }
        return try !rewrites.edits(in: message.header()).isEmpty
    }

    func rewrite(_ message: Message, into scratch: Scratch) throws {
        try message.rewrite(with: try rewrites.edits(in: try message.header()), into: scratch)
    }
}

extension Message {
    /// Writes the message with other octets in its header.
    func rewrite(with edits: [HeaderEdit], into scratch: Scratch) throws {
        let header = try header()
        try scratch.append(header.octets(in: header.octets.indices, with: edits))
        var at = header.octets.count
        while at < content.size {
            let chunk = try content.read(atMost: ContentLimits.chunk, at: at)
            guard !chunk.isEmpty else {
                throw DurableError(operation: "read to its end", path: "the message", code: DurableError.inputOutput)
            }
            try scratch.append(chunk)
            at += chunk.count
        }
    }
}
