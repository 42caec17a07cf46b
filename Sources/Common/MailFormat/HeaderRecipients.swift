// The recipients that a message itself names, for `-t` of mhsend.

import Octets

/// The recipients that the header of a message names.
public struct HeaderRecipients: Sendable, Hashable {
    /// Each address once, in the order of the header, bare local parts qualified.
    public private(set) var addresses: [Address] = []
    /// What stood where an address should be, cut to 320 octets for display. A message must not be sent to the others
    /// while these go unreported.
    public private(set) var faults: [(text: [UInt8], error: AddressError)] = []

    /// Reads To, Cc and Bcc; in a resent message Resent-To, Resent-Cc and Resent-Bcc of its newest block instead.
    /// - Parameter domain: completes a bare local part. The header itself is not changed.
    /// - Throws: ``AddressListError`` above a bound of ``AddressList``; that of addresses holds for all fields
    ///   together.
    public init(of header: HeaderSection, qualifyingWith domain: String) throws(AddressListError) {
        var seen: Set<Address> = []
        for field in Self.fields(of: header) {
            let list = try AddressList(parsing: header.octets, in: field.body)
            for fault in list.faults { note(header.octets[fault.range], fault.error) }
            for mailbox in list.mailboxes {
                do throws(AddressError) {
                    let address = try mailbox.address.qualified(with: domain)
                    if seen.insert(address).inserted { addresses.append(address) }
                } catch {
                    note(header.octets[mailbox.whole], error)
                }
            }
            guard addresses.count + faults.count <= AddressList.countLimit else {
                throw .tooManyAddresses(limit: AddressList.countLimit)
            }
        }
    }

    private mutating func note(_ text: ArraySlice<UInt8>, _ error: AddressError) {
        faults.append((Array(text.prefix(320)), error))
    }

    private static func fields(of header: HeaderSection) -> [HeaderField] {
        if let block = ResentBlock(in: header) {
            return header.fields[block.indices].filter {
                header.isNamed($0, "Resent-To") || header.isNamed($0, "Resent-Cc") || header.isNamed($0, "Resent-Bcc")
            }
        }
        return header.fields.filter {
            header.isNamed($0, "To") || header.isNamed($0, "Cc") || header.isNamed($0, "Bcc")
        }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.addresses == right.addresses && left.faults.elementsEqual(right.faults) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(addresses) }
}
