// The places of a message, one by one: what is recorded of each.

import MailFormat
import RunControl

/// A place that a message goes to and, where it matters there, one recipient. It has the message, or has it not.
struct HandOverTarget: Sendable, Hashable {
    let place: DeliveryPlace
    let addressee: Addressee
    /// By which the spool knows it.
    let name: String

    private init(_ place: DeliveryPlace, for addressee: Addressee, named suffix: String = "") {
        (self.place, self.addressee) = (place, addressee)
        name = "\(place)\(suffix)"
    }

    /// The targets of a message at `place`.
    static func all(at place: DeliveryPlace, for addressees: [Addressee]) -> [HandOverTarget] {
        guard let first = addressees.first else { return [] }
        switch place {
        case .maildir:
            var seen: Set<String> = []
            return addressees.filter { seen.insert($0.mailbox).inserted }.map {
                HandOverTarget(place, for: $0, named: " \($0.mailbox)")
            }
        case .mbox, .append: return [HandOverTarget(place, for: first)]
        case .program(let argv):
            guard argv.contains(where: \.isPerRecipient) else { return [HandOverTarget(place, for: first)] }
            return addressees.map { HandOverTarget(place, for: $0, named: " for \($0.address)") }
        case .server(let server):
            if let recipient = server.recipient {
                let addressee = Addressee(address: recipient, mailbox: first.mailbox)
                return [HandOverTarget(place, for: addressee, named: " for \(recipient)")]
            }
            return addressees.map { HandOverTarget(place, for: $0, named: " for \($0.address)") }
        }
    }
}
