// The media type that begins a Content-Type field (RFC 2045 §5.1), and whether a header says that its message is
// signed.

import Octets

/// `type/subtype`, in lower case.
public struct MediaType: Sendable, Hashable {
    public let text: String

    /// RFC 6838 §4.2: each name has at most 127 octets.
    static let limit = 255

    /// Reads the body of a Content-Type field: comments and white space are passed over, parameters not looked at.
    /// - Returns: `nil` for what is no media type.
    public init?(field body: some Sequence<UInt8>) {
        var text: [UInt8] = []
        var depth = 0
        var isQuoted = false
        scan: for octet in body {
            if isQuoted {
                isQuoted = false
                continue
            }
            switch octet {
            case 0x5C where depth > 0: isQuoted = true
            case 0x28: depth += 1
            case 0x29 where depth > 0: depth -= 1
            case _ where depth > 0: break
            case 0x3B: break scan
            case Octet.space, Octet.tab, Octet.cr, Octet.lf: break
            default:
                guard text.count < Self.limit, (0x21...0x7E).contains(octet) else { return nil }
                text.append(Octet.lowercased(octet))
            }
        }
        let parts = text.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.text = String(decoding: text, as: UTF8.self)
    }
}

extension HeaderSection {
    /// Whether the header says that the message is signed as a whole: by DKIM (RFC 6376), OpenPGP or S/MIME (RFC 1847,
    /// RFC 8551). A change of any octet may break the signature.
    public var isSigned: Bool {
        first("DKIM-Signature") != nil
            || fields(named: "Content-Type").contains { field in
                let signed = ["multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime"]
                return MediaType(field: octets[field.body]).map { signed.contains($0.text) } ?? false
            }
    }

    /// As ``isSigned``, and also for a header too long to be read to its end, which may say so further down.
    public var mayBeSigned: Bool { isSigned || end == .tooLong }
}
