// Domains beyond ASCII, as DNS and servers without SMTPUTF8 know them (RFC 5890, RFC 5891), by libidn2.

import CIDN2
import MailFormat

/// Makes A-labels of U-labels.
public enum IDNA {
    /// `domain` in A-labels, lower case; itself where it is ASCII, address literals too.
    /// - Returns: `nil` for what is no internationalized domain name.
    public static func ascii(_ domain: String) -> String? {
        guard !domain.utf8.allSatisfy({ $0 < 0x80 }) else { return domain }
        var made: UnsafeMutablePointer<CChar>?
        let flags = Int32(bitPattern: UInt32(IDN2_NFC_INPUT.rawValue | IDN2_NONTRANSITIONAL.rawValue))
        guard unsafe idn2_to_ascii_8z(domain, &made, flags) == IDN2_OK.rawValue, let found = unsafe made else {
            return nil
        }
        defer { unsafe idn2_free(found) }
        let name = unsafe String(cString: found).lowercased()
        return Address.isDomain(Array(name.utf8)) ? name : nil
    }

    /// `address` with its domain in A-labels; as it is where that is none, or the local part is beyond ASCII, so that no other
    /// form helps.
    public static func ascii(_ address: Address) -> Address {
        guard let domain = address.domain, !domain.utf8.allSatisfy({ $0 < 0x80 }),
            address.localPart.utf8.allSatisfy({ $0 < 0x80 }), let made = ascii(domain)
        else { return address }
        do throws(AddressError) { return try Address(localPart: address.localPart, domain: made) } catch {
            return address
        }
    }
}
