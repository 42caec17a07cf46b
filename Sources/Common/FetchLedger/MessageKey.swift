// What identifies a message at its source for good, so that it is fetched once.

import Octets

/// The identity of a message at its source.
public enum MessageKey: Hashable, Sendable {
    /// A unique id of UIDL (RFC 1939 §7), and how many messages before this one in the listing have it: equal messages
    /// may share one.
    case unique(String, occurrence: Int)
    /// A UID (RFC 3501 §2.3.1.1), in the folder that has this number in the journal.
    case uid(UInt32, folder: Int)

    /// The unique id of UIDL, which several messages may share; `nil` for a UID.
    public var uniqueID: String? {
        if case .unique(let id, _) = self { id } else { nil }
    }

    /// The number of the folder in the journal; `nil` for a message of a maildrop.
    public var folder: Int? {
        if case .uid(_, let folder) = self { folder } else { nil }
    }

    /// The key as it stands in the journal, without blanks: `p<k>:<UIDL>` or `i<folder>:<UID>`.
    public var text: String {
        switch self {
        case .unique(let id, let occurrence): "p\(occurrence):\(id)"
        case .uid(let uid, let folder): "i\(folder):\(uid)"
        }
    }

    /// Reads a key of the form of ``text``; `nil` for anything else.
    public init?(_ octets: ArraySlice<UInt8>) {
        guard let kind = octets.first, let colon = octets.firstIndex(of: Octet.colon), colon > octets.startIndex,
            let number = Decimal.value(of: octets[(octets.startIndex + 1)..<colon])
        else { return nil }
        let rest = octets[(colon + 1)...]
        switch kind {
        case 0x70 where !rest.isEmpty: self = .unique(String(decoding: rest, as: UTF8.self), occurrence: number)
        case 0x69:
            guard let uid = Decimal.value(of: rest).flatMap({ UInt32(exactly: $0) }), uid > 0 else { return nil }
            self = .uid(uid, folder: number)
        default: return nil
        }
    }
}
