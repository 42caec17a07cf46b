// A queued message as a transaction: its envelope for MAIL and RCPT, its octets fit for the wire.

import MailEnvelope
import Octets
import SpoolQueue

extension LockedMessage {
    /// The envelope that hands the message to the recipients with these indexes, which must have addresses.
    func envelope(for indexes: [Int]) -> Envelope {
        var envelope = envelope
        envelope.recipients = indexes.map { index in
            let recipient = state.recipients[index]
            guard case .address(let address) = recipient.destination else {
                // Left out, it would get the verdict of the one behind it.
                preconditionFailure("a recipient without an address on its way out: \(recipient.destination)")
            }
            return Envelope.Recipient(
                address, notify: recipient.notify, originalRecipient: recipient.originalRecipient)
        }
        return envelope
    }
}

/// Octets that mail on the wire must not hold (RFC 5321 §2.3.8).
enum Strays {
    /// `file` with a space for each CR and NUL.
    static func blanked(_ file: [UInt8]) -> [UInt8] {
        file.map { $0 == Octet.cr || $0 == Octet.nul ? Octet.space : $0 }
    }
}
