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
        if account.addsDeliveredTo, let recipient { fields += Array("Delivered-To: \(recipient)\n".utf8) }
        if account.addsReceived, let server = account.fetch {
            let client = peer.map { ReceivedField.Client(heloName: Array(server.host.utf8), address: $0) }
            let received = ReceivedField(
                client: client, by: hub.settings.hostname,
                transmission: .retrieved(by: server.service.isIMAP ? "IMAP" : "POP3"), id: name.unique,
                recipient: recipient, date: .now())
            fields += received.octets
        }
        return fields
    }

    /// Whose mail it is: the first of the account's addresses that is a single one, else that of the owner's mailbox, or
    /// its name here.
    private var recipient: Address? {
        let mailbox = account.owner.flatMap { hub.settings.mailbox($0) }
        let (addresses, qualify) = (account.addresses + (mailbox?.addresses ?? []), hub.settings.qualify)
        if let address = addresses.lazy.compactMap({ $0.qualified(with: qualify).address }).first {
            return address
        }
        guard let mailbox else { return nil }
        do throws(AddressError) { return try Address(localPart: mailbox.name, domain: qualify) } catch {
            // A name here that is none in mail: the field that was asked for is left out, and the message comes.
            noteFault(error)
            return nil
        }
    }
}
