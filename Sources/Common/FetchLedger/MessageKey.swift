// What names a message at its source for good, so that it is fetched once.

import Octets

/// A message at its source: what the server never gives to another one.
public enum MessageKey: Hashable, Sendable {
    /// A UIDL, and the how-manieth message with it: equal mails may share one.
    case unique(String, occurrence: Int)
    /// A UID in the folder with this number of the journal.
    case uid(UInt32, folder: Int)

    /// The UIDL, which several messages may share; `nil` for a UID.
    public var uniqueID: String? {
        if case .unique(let id, _) = self { id } else { nil }
    }

    /// The number of the folder; `nil` for a message of a maildrop.
    public var folder: Int? {
        if case .uid(_, let folder) = self { folder } else { nil }
    }

    /// The key as it stands in the journal, without blanks.
    public var text: String {
        switch self {
        case .unique(let id, let occurrence): "p\(occurrence):\(id)"
        case .uid(let uid, let folder): "i\(folder):\(uid)"
        }
    }

    /// Reads what ``text`` wrote.
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
