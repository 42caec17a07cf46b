// The fields that fetching puts above a message, where the rc asks for them.

import FetchLedger
import InternetAddress
import MailFormat
import MaildirStore
import Octets
import Reporting
import RunControl

extension AccountRun {
    /// The name of the field above a header alone; it stands first.
    static let headerOnlyField = Array("X-Mailhub-Header-Only:".utf8)

    /// The fields above `message`, in file form. What stands below them is as the server sent it.
    func topFields(of message: Pending, as name: DeliveryName) -> [UInt8] {
        var fields: [UInt8] = []
        if message.isHeaderOnly, let server = account.fetch {
            let size = message.size.map { counted($0, "octet") } ?? "the message"
            let verb = message.size == 1 ? "is" : "are"
            fields += Self.headerOnlyField + Array(" \(size) \(verb) left at \(server.host)\n".utf8)
        }
        let recipient = hub.settings.address(ofOwnerOf: account)
        // Of what is spooled each copy gets its own.
        if account.addsDeliveredTo, !account.needsSpool, let recipient {
            fields += Array("Delivered-To: \(recipient)\n".utf8)
        }
        if account.addsReceived, let server = account.fetch {
            let client = peer.map { ReceivedField.Client(heloName: Array(server.host.utf8), address: $0) }
            let received = ReceivedField(
                client: client, by: hub.settings.hostname,
                transmission: .retrieved(by: server.service.isIMAP ? "IMAP" : "POP3"), id: name.unique,
                recipient: account.envelope == nil ? recipient : nil, date: .now())
            fields += received.octets
        }
        return fields
    }
}
