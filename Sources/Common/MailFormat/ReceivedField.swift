// The trace field that each server puts on top (RFC 5321 §4.4), and the loop detection that counts it (§6.3).

import InternetAddress
import Octets

/// What is known of one transfer of a message, written as a Received field.
public struct ReceivedField: Sendable, Hashable {
    /// How the message came: the keywords of the registry "Mail Transmission Types" (RFC 3848, RFC 6531 §4.3).
    public enum Transmission: Sendable, Hashable {
        /// - utf8: whether SMTPUTF8 was used.
        case smtp(extended: Bool, tls: Bool, authenticated: Bool, utf8: Bool)
        case lmtp(tls: Bool, authenticated: Bool, utf8: Bool)
        /// Submitted by a user of this machine.
        case local(userID: UInt32)
        /// Collected from a mailbox, by POP3 or IMAP: the registry has no keyword for these; the field's own are used.
        case retrieved(by: String)

        var word: String? {
            switch self {
            case .smtp(false, _, _, _): "SMTP"
            case .smtp(true, let tls, let authenticated, let utf8):
                (utf8 ? "UTF8SMTP" : "ESMTP") + (tls ? "S" : "") + (authenticated ? "A" : "")
            case .lmtp(let tls, let authenticated, let utf8):
                (utf8 ? "UTF8LMTP" : "LMTP") + (tls ? "S" : "") + (authenticated ? "A" : "")
            case .local: nil
            case .retrieved(let keyword): keyword
            }
        }
    }

    /// The client, as it calls itself and as the connection shows it.
    public struct Client: Sendable, Hashable {
        let heloName: String
        let address: String
        let verifiedName: String?

        /// - Parameters:
        ///   - heloName: the argument of HELO or EHLO as received; octets that no name has become `?`.
        ///   - verifiedName: the name that DNS gives for `address` and that leads back to it; `nil` when there is none.
        public init(heloName: [UInt8], address: IPAddress, verifiedName: String? = nil) {
            self.heloName = Self.clean(heloName, limit: 255)
            self.address = address.literal
            self.verifiedName = verifiedName.map { Self.clean(Array($0.utf8), limit: 255) }
        }

        /// Letters, digits and the punctuation of names and address literals; neither blank nor parenthesis gets
        /// through.
        static func clean(_ octets: [UInt8], limit: Int) -> String {
            let kept = octets.prefix(limit).map { octet -> UInt8 in
                switch octet {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F: octet
                default: 0x3F
                }
            }
            return kept.isEmpty ? "unknown" : String(decoding: kept, as: UTF8.self)
        }
    }

    /// Where it came from; `nil` for local mail, and for logged-in users whose address is to stay hidden.
    public var client: Client?
    /// The name of this host.
    public var by: String
    public var transmission: Transmission
    /// The identifier under which log and queue know the message.
    public var id: String
    /// The recipient, to be given only when it is the only one (RFC 5321 §7.2).
    public var recipient: Address?
    public var date: MailDate

    public init(
        client: Client?, by: String, transmission: Transmission, id: String, recipient: Address? = nil, date: MailDate
    ) {
        self.client = client
        self.by = by
        self.transmission = transmission
        self.id = id
        self.recipient = recipient
        self.date = date
    }

    /// The field in file form, folded, with its line end.
    public var octets: [UInt8] {
        var text = "Received: "
        if let client {
            let name = client.verifiedName.map { "\($0) " } ?? ""
            text += "from \(client.heloName) (\(name)[\(client.address)])\n\t"
        }
        text += "by \(Client.clean(Array(by.utf8), limit: 255))"
        if case .local(let userID) = transmission { text += " (mailhub, from userid \(userID))" }
        if let word = transmission.word { text += " with \(word)" }
        text += " id \(Client.clean(Array(id.utf8), limit: 128))"
        if let recipient { text += "\n\tfor <\(recipient)>" }
        return Array("\(text);\n\t\(date)\n".utf8)
    }
}

/// Detects mail loops.
public enum LoopStop {
    /// RFC 5321 §6.3: "normally at least 100 Received entries".
    public static let receivedLimit = 100

    /// How many servers a message has passed.
    public static func receivedCount(in header: HeaderSection) -> Int { header.fields(named: "Received").count }

    /// Whether a Delivered-To field says that the message was delivered to `recipient` before.
    public static func wasDelivered(_ header: HeaderSection, to recipient: Address) -> Bool {
        let wanted = Array(recipient.description.utf8)
        return header.fields(named: "Delivered-To").contains { field in
            header.unfolded(field).elementsEqual(wanted) { Octet.lowercased($0) == Octet.lowercased($1) }
        }
    }
}
