// What names a message at its source for good, so that it is fetched once.

import Octets

/// A message at its source: what the server never gives to another one (DECISIONS 34).
enum MessageKey: Hashable, Sendable {
    /// A UIDL, and the how-manieth message with it: equal mails may share one.
    case unique(String, occurrence: Int)
    /// A UID in the folder with this number of the journal.
    case uid(UInt32, folder: Int)

    /// The UIDL, which several messages may share; `nil` for a UID.
    var uniqueID: String? {
        if case .unique(let id, _) = self { id } else { nil }
    }

    /// The key as it stands in the journal, without blanks.
    var text: String {
        switch self {
        case .unique(let id, let occurrence): "p\(occurrence):\(id)"
        case .uid(let uid, let folder): "i\(folder):\(uid)"
        }
    }

    /// Reads what ``text`` wrote.
    init?(_ octets: ArraySlice<UInt8>) {
        guard let kind = octets.first, let colon = octets.firstIndex(of: Octet.colon),
            let number = Decimal.value(of: octets[(octets.startIndex + 1)..<colon])
        else { return nil }
        let rest = octets[(colon + 1)...]
        switch kind {
        case 0x70: self = .unique(String(decoding: rest, as: UTF8.self), occurrence: number)
        case 0x69:
            guard let uid = Decimal.value(of: rest).flatMap({ UInt32(exactly: $0) }), uid > 0 else { return nil }
            self = .uid(uid, folder: number)
        default: return nil
        }
    }
}

/// Foreign text as one word of the journal.
enum Percent {
    private static let sign: UInt8 = 0x25

    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var octets: [UInt8] = []
        for octet in text.utf8 {
            if octet > Octet.space, octet < 0x7F, octet != sign {
                octets.append(octet)
            } else {
                octets += [sign, digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        return octets.isEmpty ? "%" : String(decoding: octets, as: UTF8.self)
    }

    /// - Returns: `nil` for what ``encode(_:)`` never writes.
    static func decode(_ word: ArraySlice<UInt8>) -> String? {
        if word.elementsEqual([sign]) { return "" }
        var octets: [UInt8] = []
        var rest = word
        while let octet = rest.popFirst() {
            guard octet == sign else {
                octets.append(octet)
                continue
            }
            guard let high = digit(rest.popFirst()), let low = digit(rest.popFirst()) else { return nil }
            octets.append(high << 4 | low)
        }
        return String(validating: octets, as: UTF8.self)
    }

    private static func digit(_ octet: UInt8?) -> UInt8? {
        switch octet {
        case .some(0x30...0x39): octet.map { $0 - 0x30 }
        case .some(0x41...0x46): octet.map { $0 - 0x41 + 10 }
        default: nil
        }
    }
}
