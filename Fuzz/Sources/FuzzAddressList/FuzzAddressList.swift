// Addresses and address lists of header fields: what is read can be written and read again, and stands where it is said.

import FuzzKit
import MailFormat

@main
enum FuzzAddressList {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    let octets = input.rest
    if let address = try? Address(parsing: octets) { claimWhole(address) }
    guard let list = try? AddressList(parsing: octets) else { return }
    var end = 0
    for mailbox in list.mailboxes {
        claimWhole(mailbox.address)
        claim(mailbox.whole.lowerBound >= end, "two mailboxes in one place")
        end = mailbox.whole.upperBound
        claim(end <= octets.count, "a mailbox behind the end")
        claim(
            mailbox.addressRange.lowerBound >= mailbox.whole.lowerBound && mailbox.addressRange.upperBound <= end,
            "an address outside of its mailbox")
        // An address by itself is a list of one, the same one.
        let alone = try? AddressList(parsing: Array(mailbox.address.description.utf8))
        claim(
            alone?.mailboxes.map(\.address) == [mailbox.address] && alone?.faults.isEmpty == true,
            "\(mailbox.address) is read as \(String(describing: alone))")
        if let name = mailbox.displayName.flatMap({ String(validating: $0, as: UTF8.self) }) { claimName(name) }
    }
    for fault in list.faults { claim(fault.range.upperBound <= octets.count, "a fault behind the end") }
    claim(list.mailboxes.count + list.faults.count <= AddressList.countLimit, "too many addresses")
}

private func claimWhole(_ address: Address) {
    let text = address.description
    claim(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in \(text)")
    claim((try? Address(text)) == address, "\(text) is read as another address")
    claim(address.localPart.utf8.count <= 64 && (address.domain?.utf8.count ?? 0) <= 255, "too long: \(text)")
}

/// A name that a header field may hold is one word or more, and does not end its line.
private func claimName(_ name: String) {
    guard let encoded = DisplayName.encoded(name) else { return }
    for line in encoded.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).dropFirst() {
        claim(line.first == 0x20, "a name ends its line: \(encoded)")
    }
    let list = try? AddressList(parsing: Array("\(encoded) <a@b.example>".utf8))
    claim(list?.mailboxes.count == 1 && list?.faults.isEmpty == true, "a name breaks its field: \(encoded)")
}
