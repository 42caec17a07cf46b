// The third part of a notice: the original message, or its header alone (RFC 3461 §4.3, RFC 6522 §3).

import DurableFiles
import MailFormat
import MessageContent
import Octets
import Reporting

/// The part of the original that goes back to its sender.
struct ReturnedOriginal {
    private let content: QueuedContent
    private let header: [UInt8]
    private let isWhole: Bool
    let is8Bit: Bool
    /// The original's Message-ID with its angle brackets, when it can be repeated safely.
    let messageID: String?
    /// Its subject, decoded, fit for a line and bounded; `nil` where it has none.
    let subject: String?

    /// Characters of a subject that are told.
    private static let subjectLimit = 100

    init(of subject: NoticeWriter.Subject, kind: NoticeKind) throws(QueueError) {
        content = subject.content
        header = try durably { () throws(DurableError) in try subject.content.headerOctets() }
        messageID = Self.messageID(in: header)
        self.subject = Self.subject(in: header)
        // RFC 3461 §4.3: RET is for failures; other notices carry the header only.
        isWhole =
            kind == .failure && subject.envelope.returnContent != .headers && content.size <= NoticeWriter.returnLimit
        var is8Bit = false
        if isWhole {
            is8Bit = content.facts.is8Bit
        } else {
            is8Bit = Self.has8Bit(header)
        }
        self.is8Bit = is8Bit
    }

    func type(isGlobal: Bool) -> String {
        switch (isWhole, isGlobal) {
        case (true, true): "message/global"
        case (true, false): "message/rfc822"
        case (false, true): "message/global-headers"
        case (false, false): "text/rfc822-headers"
        }
    }

    /// Appends it to `scratch`.
    /// - Returns: whether it ends in a line end.
    func append(to scratch: Scratch) throws(DurableError) -> Bool {
        guard isWhole else {
            try scratch.append(header)
            return header.last == Octet.lf || header.isEmpty
        }
        var at = 0
        var last = Octet.lf
        while at < content.size {
            let chunk = try content.read(atMost: ContentLimits.chunk, at: at)
            try scratch.append(chunk)
            last = chunk.last ?? last
            at += chunk.count
        }
        return last == Octet.lf
    }

    private static func has8Bit(_ octets: [UInt8]) -> Bool { octets.contains { $0 >= 0x80 } }

    private static func subject(in header: [UInt8]) -> String? {
        var scanner = HeaderScanner()
        scanner.append(header)
        let section = scanner.finish()
        guard let field = section.first("Subject") else { return nil }
        let body = section.unfolded(field).drop { $0 == Octet.space || $0 == Octet.tab }
        let text = printable(EncodedWords.decode(Array(body.prefix(4096))))
        guard !text.isEmpty else { return nil }
        return text.count > subjectLimit ? "\(text.prefix(subjectLimit))…" : text
    }

    private static func messageID(in header: [UInt8]) -> String? {
        let lines = header.split(separator: Octet.lf)
        guard let line = lines.first(where: { $0.prefix(11).equalsIgnoringCase("message-id:") }),
            let open = line.firstIndex(of: 0x3C), let close = line[open...].firstIndex(of: 0x3E)
        else { return nil }
        let id = line[open...close]
        guard id.count <= 250, id.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(decoding: id, as: UTF8.self)
    }
}
