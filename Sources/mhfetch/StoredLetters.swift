// The letters that a Maildir has, by their Message-ID: what `--reindex` compares a server's mail with.

import MailFormat
import MaildirStore
import Octets

/// The Message-IDs (RFC 5322 §3.6.4) of all messages in a Maildir and its folders.
struct StoredLetters {
    /// The most octets of a message that are searched for its Message-ID.
    private static let headLimit = 64 << 10

    private var ids: Set<[UInt8]> = []

    init(in maildir: Maildir) throws(MaildirError) {
        var ids: Set<[UInt8]> = []
        try maildir.forEachHead(atMost: Self.headLimit) { head in
            // Of which only the header is here is not here.
            guard !head.starts(with: AccountRun.headerOnlyField) else { return }
            if let id = Self.messageID(in: head) { ids.insert(id) }
        }
        self.ids = ids
    }

    /// Whether the Maildir has a message with the Message-ID that stands in `header`.
    /// - Parameter header: in file form.
    func contains(_ header: [UInt8]) -> Bool { Self.messageID(in: header).map(ids.contains) ?? false }

    /// The field's value without blanks around it; `nil` where there is none.
    private static func messageID(in head: [UInt8]) -> [UInt8]? {
        var scanner = HeaderScanner()
        scanner.append(head)
        let header = scanner.finish()
        guard let field = header.first("Message-ID") else { return nil }
        let value = header.unfolded(field).drop { $0 == Octet.space || $0 == Octet.tab }
        let end = value.lastIndex { $0 != Octet.space && $0 != Octet.tab }
        return end.map { Array(value[...$0]) }
    }
}
