// Whom a fetched message is for: the account's owner, or, in the mailbox of a domain, whom the provider's envelope names.

import MailEnvelope
import MailFormat
import MailRouting
import Reporting
import RunControl

/// One who gets a message: an address, and the mailbox here whose it is.
struct Addressee: Sendable, Hashable {
    let address: Address
    let mailbox: String
}

/// The recipients of an account's mail.
struct Addressing: Sendable {
    /// The most recipients of one message; the mail of those beyond goes to the default.
    static let limit = 50

    /// Who gets what is for nobody else.
    let standard: Addressee
    private let field: EnvelopeField?
    private let locals: LocalAddresses
    /// Domains besides the hub's own whose addresses are those of this account.
    private let domains: Set<String>

    /// - Returns: `nil` for an account without an owner, or whose owner has no address that mail could bear.
    init?(of account: AccountSettings, in settings: HubSettings) {
        guard let owner = account.owner, let address = settings.address(ofOwnerOf: account) else { return nil }
        standard = Addressee(address: address, mailbox: owner)
        field = account.envelope
        locals = settings.localAddresses
        domains = Set(
            (account.addresses + settings.mailboxes.flatMap(\.addresses)).compactMap { pattern in
                pattern.domain?.lowercased()
            })
    }

    /// Who sent it, by the topmost Return-Path; the null reverse-path where that is none.
    static func sender(in header: HeaderSection) -> ReversePath {
        guard let field = header.first("Return-Path") else { return .null }
        let text = header.unfolded(field).drop { $0 == 0x20 || $0 == 0x09 }
        guard text.first == 0x3C, let end = text.firstIndex(of: 0x3E) else { return .null }
        do throws(AddressError) {
            let address = try Address(parsing: text[text.index(after: text.startIndex)..<end])
            return address.domain == nil ? .null : .address(address)
        } catch {
            return .null
        }
    }

    /// Who gets a message, each once. To and Cc say nothing of that: whoever writes them decides what they say.
    func addressees(in header: HeaderSection) -> [Addressee] {
        guard let field else { return [standard] }
        let named = header.fields.filter { header.isNamed($0, field.name) }
        guard named.count > field.skipped else { return [standard] }
        let body = header.unfolded(named[field.skipped])
        let list: AddressList
        do throws(AddressListError) { list = try AddressList(parsing: body) } catch { return [standard] }
        var found: [Addressee] = []
        var isRest = !list.faults.isEmpty || list.mailboxes.isEmpty
        for address in list.mailboxes.map(\.address) {
            // What is not ours is never sent on its way again by a header.
            guard let domain = address.domain, locals.isOurs(domain: domain) || domains.contains(domain) else {
                isRest = true
                continue
            }
            let addressee = addressee(address)
            guard !found.contains(addressee) else { continue }
            guard found.count < Self.limit else {
                isRest = true
                break
            }
            found.append(addressee)
        }
        if isRest, found.isEmpty || !list.faults.isEmpty || found.count == Self.limit, !found.contains(standard) {
            found.append(standard)
        }
        return found
    }

    private func addressee(_ address: Address) -> Addressee {
        switch locals.resolve(address) {
        case .mailbox(let name): Addressee(address: address, mailbox: name)
        case .unknownHere, .blocked, .elsewhere, .alias: Addressee(address: address, mailbox: standard.mailbox)
        }
    }
}

extension HubSettings {
    /// The address that the mail of an account is for: the first of the account's that is a single one, else of the
    /// owner's mailbox, else its name here; `nil` where that is none in mail.
    func address(ofOwnerOf account: AccountSettings) -> Address? {
        guard let mailbox = account.owner.flatMap({ self.mailbox($0) }) else { return nil }
        if let address = (account.addresses + mailbox.addresses).lazy.compactMap({ pattern in
            pattern.qualified(with: qualify).address
        }).first {
            return address
        }
        do throws(AddressError) { return try Address(localPart: mailbox.name, domain: qualify) } catch { return nil }
    }
}
