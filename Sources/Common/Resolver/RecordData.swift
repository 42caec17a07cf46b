// The octets of DNS records (RDATA), read strictly: what does not fit its type exactly is no record.

/// Parsers of one record's data, names uncompressed. Each returns `nil` for octets that break the type's form.
enum RecordData {
    /// A (RFC 1035 §3.4.1) or AAAA (RFC 3596 §2.2).
    static func address(_ data: [UInt8], count: Int) -> [UInt8]? { data.count == count ? data : nil }

    /// MX: preference, exchange (RFC 1035 §3.3.9).
    static func mailExchanger(_ data: [UInt8]) -> MailExchanger? {
        guard data.count >= 3, let host = name(data[2...]) else { return nil }
        return MailExchanger(preference: UInt16(data[0]) << 8 | UInt16(data[1]), host: host)
    }

    /// TXT: one or more strings, each behind its length (RFC 1035 §3.3.14), joined.
    static func text(_ data: [UInt8]) -> [UInt8]? {
        guard !data.isEmpty else { return nil }
        var text: [UInt8] = []
        var rest = data[...]
        while let length = rest.popFirst() {
            guard rest.count >= Int(length) else { return nil }
            text += rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return text
    }

    /// PTR: a name (RFC 1035 §3.3.12).
    static func pointer(_ data: [UInt8]) -> String? { name(data[...]) }

    /// TLSA: usage, selector, matching type, data (RFC 6698 §2.1).
    static func tlsa(_ data: [UInt8]) -> TLSARecord? {
        guard data.count > 3 else { return nil }
        return TLSARecord(usage: data[0], selector: data[1], matching: data[2], data: Array(data[3...]))
    }

    /// Labels up to the root, filling `data` exactly; at most 255 octets, no compression (RFC 1035 §3.1).
    ///
    /// Octets other than letters, digits, `-` and `_` come out as `\DDD` (RFC 1035 §5.1): such a name is no host, and
    /// must neither become one nor end a line.
    /// - Returns: the name without its final dot; empty for the root.
    static func name(_ data: ArraySlice<UInt8>) -> String? {
        guard data.count <= 255 else { return nil }
        var labels: [String] = []
        var rest = data
        while let length = rest.popFirst() {
            if length == 0 { return rest.isEmpty ? labels.joined(separator: ".") : nil }
            guard length <= 63, rest.count >= Int(length) else { return nil }
            labels.append(label(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }

    private static func label(_ octets: ArraySlice<UInt8>) -> String {
        var text = ""
        for octet in octets {
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: text.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                let digits = String(octet)
                text += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
            }
        }
        return text
    }
}
