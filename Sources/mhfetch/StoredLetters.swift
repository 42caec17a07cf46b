// The letters that a Maildir has, by fields of their headers: what `--reindex` compares a server's mail with.

import MailFormat
import MaildirStore
import Octets

/// What tells the messages in a Maildir and its folders from others.
///
/// The Message-ID (RFC 5322 §3.6.4) alone could be given twice, so that a letter hides the next one; Date, From and the
/// first stamp of a server's, which nobody knows before the letter is on its way, belong to it. Neither what programs
/// here have added above or changed below matters, nor the body, which is not to be fetched for this.
///
/// Each is found once: of two letters that cannot be told apart, one of which is here, the other one is not.
final class StoredLetters {
    /// The most octets of a message that are searched for its Message-ID.
    private static let headLimit = 64 << 10

    /// The fields of one letter, without the blanks around them.
    private struct Identity: Hashable {
        let id, date, from, firstReceived: [UInt8]
    }

    /// How many there are of each.
    private var letters: [Identity: Int]

    init(in maildir: Maildir) throws(MaildirError) {
        var letters: [Identity: Int] = [:]
        try maildir.forEachHead(atMost: Self.headLimit) { head in
            // Of which only the header is here is not here.
            guard !head.starts(with: AccountRun.headerOnlyField) else { return }
            if let letter = Self.identity(in: head) { letters[letter, default: 0] += 1 }
        }
        self.letters = letters
    }

    /// Whether the Maildir has the message that `header` is of, and it was not found before.
    /// - Parameter header: in file form.
    func find(_ header: [UInt8]) -> Bool {
        guard let letter = Self.identity(in: header), let count = letters[letter], count > 0 else { return false }
        letters[letter] = count - 1
        return true
    }

    /// `nil` where there is no Message-ID.
    private static func identity(in head: [UInt8]) -> Identity? {
        var scanner = HeaderScanner()
        scanner.append(head)
        let header = scanner.finish()
        func value(_ field: HeaderField?) -> [UInt8] {
            guard let field else { return [] }
            let value = header.unfolded(field).drop { $0 == Octet.space || $0 == Octet.tab }
            let end = value.lastIndex { $0 != Octet.space && $0 != Octet.tab }
            return end.map { Array(value[...$0]) } ?? []
        }
        let id = value(header.first("Message-ID"))
        guard !id.isEmpty else { return nil }
        return Identity(
            id: id, date: value(header.first("Date")), from: value(header.first("From")),
            firstReceived: value(header.fields(named: "Received").last))
    }
}
