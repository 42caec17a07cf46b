// Messages to test with: the real ones that Debian packages bring, and what is derived from them.

/// Real and near-real messages, in the form they have in files: lines end in LF.
///
/// The real ones were written elsewhere: 281 are from the tests of notmuch, 47 from libpython3.11-testsuite, 2 from
/// spamassassin. The others of ``thousand(_:seed:)`` are *derived*: a real message with a Date and Message-ID of its
/// own, header fields of other real ones and, where the body is plain text, parts of other bodies behind it. These look
/// like real mail, but have no more variety than the real ones; what is rarer comes from ``Oddity``.
public enum MailCorpus {
    public struct Message: Sendable {
        /// Where it comes from: a file name, or `derived-N from` that.
        public let name: String
        public let octets: [UInt8]
    }

    /// The real messages, in order of their names within each source.
    /// - Throws: ``KitError`` when a package or the folder of scripts/peers is missing.
    public static func real() throws(KitError) -> [Message] {
        var found: [Message] = []
        let python = "/usr/lib/python3.11/test/test_email/data"
        for name in ScratchDirectory.names(in: python) where name.hasSuffix(".txt") {
            found.append(Message(name: name, octets: ScratchDirectory.read("\(python)/\(name)") ?? []))
        }
        guard !found.isEmpty else {
            throw KitError(
                "\(python) holds no messages: install libpython3.11-testsuite (scripts/test does)")
        }
        let samples = try Peers.root(of: .spamassassin) + "/usr/share/doc/spamassassin/examples"
        for name in ScratchDirectory.names(in: samples) where name.hasPrefix("sample-") {
            found.append(Message(name: name, octets: ScratchDirectory.read("\(samples)/\(name)") ?? []))
        }
        guard let folder = Peers.folder() else { throw KitError("no folder of peers: run scripts/peers") }
        let corpora = "\(folder)/notmuch-source/test/corpora"
        var seen = Set(found.map(\.octets))
        let letters = messages(below: corpora).filter { seen.insert($0.octets).inserted }
        guard !letters.isEmpty else { throw KitError("\(corpora) holds no messages: run scripts/peers") }
        return found + letters
    }

    /// The messages in a folder and the folders below it, in order of their names: the files that begin like a header.
    private static func messages(below folder: String) -> [Message] {
        ScratchDirectory.names(in: folder).sorted().flatMap { name -> [Message] in
            let path = "\(folder)/\(name)"
            let below = messages(below: path)
            guard below.isEmpty, let octets = ScratchDirectory.read(path) else { return below }
            let first = octets.prefix { $0 != 0x0A }
            let isHeader = first.firstIndex(of: 0x3A).map { !first[..<$0].contains(0x20) && $0 > 0 } ?? false
            return isHeader || first.starts(with: "From ".utf8) ? [Message(name: name, octets: octets)] : []
        }
    }

    /// The real messages, and derived ones up to `count` in all; always the same for the same seed.
    public static func thousand(_ count: Int = 1000, seed: UInt64 = 1) throws(KitError) -> [Message] {
        let real = try real()
        let parts = real.map { SplitMessage($0.octets) }
        var random = SplitMix(seed: seed)
        var all = Array(real.prefix(count))
        while all.count < count {
            let number = all.count
            let base = Int.random(in: 0..<real.count, using: &random)
            let octets = derive(number, from: parts[base], parts, &random)
            all.append(Message(name: "derived-\(number) from \(real[base].name)", octets: octets))
        }
        return all
    }

    private static func derive(
        _ number: Int, from base: SplitMessage, _ parts: [SplitMessage], _ random: inout SplitMix
    ) -> [UInt8] {
        let replaced = ["message-id:", "date:"]
        var fields = base.fields.filter { field in
            !replaced.contains { field.lowercasedText.hasPrefix($0) }
        }
        let day = 1 + number % 28
        let minute = Int.random(in: 10..<60, using: &random)
        fields.append(Field("Message-ID: <\(number).\(random.next())@derived.example>\n"))
        fields.append(Field("Date: \(day) Jan 2024 \(10 + number % 14):\(minute):00 +0100\n"))
        let lender = parts[Int.random(in: 0..<parts.count, using: &random)]
        // Only fields that do not change how the body is interpreted.
        let lent = lender.fields.filter {
            !$0.lowercasedText.hasPrefix("content-") && $0.lowercasedText.contains(":")
        }
        for field in lent.shuffled(using: &random).prefix(3) { fields.insert(field, at: 0) }

        var body = base.body
        if !base.isStructured {
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                let other = parts[Int.random(in: 0..<parts.count, using: &random)]
                guard !other.isStructured, !other.body.isEmpty else { continue }
                let from = Int.random(in: 0..<other.body.count, using: &random)
                body += [0x0A] + other.body[from...].prefix(4000)
            }
        }
        return fields.flatMap(\.octets) + [0x0A] + body
    }
}

/// One header field with its continuation lines.
private struct Field {
    var octets: [UInt8]
    init(octets: [UInt8]) { self.octets = octets }
    init(_ text: String) { octets = Array(text.utf8) }
    var lowercasedText: String { String(decoding: octets, as: UTF8.self).lowercased() }
}

private struct SplitMessage {
    var fields: [Field] = []
    var body: [UInt8] = []

    /// Whether the header describes the body in a way that more text behind it could break.
    var isStructured: Bool {
        fields.contains { field in
            let text = field.lowercasedText
            return text.hasPrefix("content-type:") && !text.contains("text/plain")
                || text.hasPrefix("content-transfer-encoding:")
        }
    }

    init(_ octets: [UInt8]) {
        var rest = octets[...]
        while let end = rest.firstIndex(of: 0x0A) {
            let line = Array(rest[...end])
            rest = rest[(end + 1)...]
            if line == [0x0A] || line == [0x0D, 0x0A] { break }
            let continues = line.first == 0x20 || line.first == 0x09
            if continues, !fields.isEmpty {
                fields[fields.count - 1].octets += line
            } else {
                fields.append(Field(octets: line))
            }
        }
        body = Array(rest)
    }
}
