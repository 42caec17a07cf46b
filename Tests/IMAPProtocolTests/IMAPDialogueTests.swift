// The IMAP client in conversations as servers hold them, honest and hostile, cut at every octet.

import MailTestKit
import Octets
import Testing

@testable import IMAPProtocol

@Suite("IMAP dialogues")
struct IMAPDialogueTests {
    @Test("the client makes of a conversation what is expected", arguments: Dialogue.all(in: "IMAP"))
    func expected(_ dialogue: Dialogue) {
        let played = play(dialogue)
        #expect(played.mismatch == nil)
        #expect(played.words == dialogue.expected)
    }

    @Test("events do not depend on where the network cuts the octets", arguments: Dialogue.all(in: "IMAP"))
    func everySplit(_ dialogue: Dialogue) {
        let whole = play(dialogue)
        #expect(!whole.events.isEmpty)
        for index in 0..<dialogue.count(from: .server) {
            #expect(play(dialogue, cut: .before(index)) == whole, "cut before octet \(index)")
        }
        #expect(play(dialogue, cut: .everywhere) == whole)
    }

    @Test("a hostile server ends the session with the error expected", arguments: Dialogue.all(in: "IMAPHostile"))
    func hostile(_ dialogue: Dialogue) {
        let played = play(dialogue)
        #expect(played.error is IMAPError)
        #expect(played.mismatch == nil)
        #expect(abridged(played.words, like: dialogue.expected) == dialogue.expected)
    }

    @Test(
        "a hostile server gets no further where the network cuts its octets", arguments: Dialogue.all(in: "IMAPHostile")
    )
    func hostileSplit(_ dialogue: Dialogue) {
        let whole = play(dialogue)
        let count = dialogue.count(from: .server)
        // All of them, but where a line without end makes thousands.
        var cuts = stride(from: 0, to: count, by: max(1, count / 300)).map { Cut.before($0) }
        if count < 10_000 { cuts.append(.everywhere) }
        for cut in cuts {
            let played = play(dialogue, cut: cut)
            #expect(played.error is IMAPError && kind(of: played) == kind(of: whole), "\(cut)")
            #expect(messages(in: played.events) == messages(in: whole.events), "\(cut)")
        }
    }

    @Test("a message is its octets in file form, under its UID, wherever in the answer that is told")
    func content() throws {
        func texts(_ number: String) throws -> [UInt32: String] {
            messages(in: try events(of: number)).mapValues { String(decoding: $0, as: UTF8.self) }
        }
        let first = try texts("01")
        #expect(first.keys.sorted() == [103, 110, 118])
        #expect(first[103]?.hasSuffix("From: Ada <ada@relay.example>\nSubject: lunch\n\nNoon?\n") == true)
        #expect(first[110] == "Subject: one line\n\nno last line end")
        #expect(first[118] == "Subject: header only\n\n")
        let agenda: [UInt32: String] = [
            28: "Subject: agenda\n\n1) budget\n2) any other business\n", 30: "Subject: re: agenda\n\n(no comment)\n",
        ]
        #expect(try texts("05") == agenda, "the UID stands behind the content")
        let whole: [UInt32: String] = [1: "a\n"]
        #expect(try texts("11") == whole, "the goodbye comes behind it")
    }

    @Test("a selection has what the server told of this mailbox, and nothing of the one before")
    func selections() throws {
        let selections = try events(of: "03").compactMap { event -> IMAPSelection? in
            if case .selected(let selection) = event { selection } else { nil }
        }
        var inbox = IMAPSelection()
        inbox.messages = 3
        inbox.uidValidity = 1_655_111_222
        inbox.uidNext = 42
        inbox.highestModSeq = 18_446_744_073
        inbox.permanentFlags = ["\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "\\Seen", "\\*"]
        var news = IMAPSelection()
        news.uidValidity = 1_655_111_333
        news.uidNext = 1
        news.isReadOnly = true
        news.permanentFlags = []
        #expect(selections == [inbox, news])
    }

    @Test("what was offered in clear is not offered behind STARTTLS")
    func forgotten() throws {
        let offers = try events(of: "02").compactMap { event -> [String]? in
            if case .capabilities(let capabilities) = event { capabilities.mechanisms } else { nil }
        }
        #expect(offers == [[], ["PLAIN"]])
    }

    /// The events of the dialogue whose name begins with `number`.
    private func events(of number: String) throws -> [IMAPClient.Event] {
        play(try #require(Dialogue.all(in: "IMAP").first { $0.name.hasPrefix(number) })).events
    }

    /// `words`, those cut short that are expected as a beginning: `malformed: * 1 FETCH (…`.
    private func abridged(_ words: [String], like expected: [String]) -> [String] {
        words.enumerated().map { index, line in
            guard expected.indices.contains(index), expected[index].hasSuffix("…"),
                line.hasPrefix(expected[index].dropLast())
            else { return line }
            return expected[index]
        }
    }

    /// The kind of the error that ended `played`; its words may depend on how much had come.
    private func kind(of played: Played<IMAPClient.Event>) -> Substring? { played.words.last?.prefix { $0 != ":" } }
}

// MARK: Playing

private func play(_ dialogue: Dialogue, cut: Cut = .nowhere) -> Played<IMAPClient.Event> {
    dialogue.play(
        IMAPClient(), as: .client, cut: cut, say: command(in:), tls: { $0.tlsEstablished() }, merge: merged)
}

/// The command that a `C:` line shows.
private func command(in line: String) -> IMAPCommand? {
    if line == "DONE" { return .idleEnd }
    if line == "*" { return .saslCancel }
    let words = words(of: line)
    guard words.count > 1, words[0].hasPrefix("a"), Int(words[0].dropFirst()) != nil else {
        return Base64.decode(line.utf8).map { .saslResponse($0) }
    }
    return words[1] == "UID" ? uidCommand(Array(words.dropFirst(2)), line) : command(Array(words.dropFirst()))
}

/// - Parameter words: those behind the tag.
private func command(_ words: [String]) -> IMAPCommand? {
    switch (words[0], words.count) {
    case ("CAPABILITY", 1): .capability
    case ("STARTTLS", 1): .startTLS
    case ("IDLE", 1): .idle
    case ("NOOP", 1): .noop
    case ("LOGOUT", 1): .logout
    case ("LOGIN", 3): .login(user: words[1], password: words[2])
    case ("AUTHENTICATE", 2): .authenticate(mechanism: words[1], initialResponse: nil)
    case ("AUTHENTICATE", 3):
        .authenticate(mechanism: words[1], initialResponse: words[2] == "=" ? [] : Base64.decode(words[2].utf8))
    case ("ID", 2): .id(name: words[1].split(separator: "\"").dropFirst(3).first.map(String.init) ?? "")
    case ("LIST", 3): .list(reference: mailbox(words[1]), pattern: mailbox(words[2]))
    case ("SELECT", 2): .select(mailbox(words[1]))
    default: nil
    }
}

/// - Parameter words: those behind `UID`.
private func uidCommand(_ words: [String], _ line: String) -> IMAPCommand? {
    if words.first == "SEARCH" { return line.firstRange(of: "SEARCH ").map { search(line[$0.upperBound...]) } }
    guard words.count > 1, let uids = UIDSet(parsing: Array(words[1].utf8)[...]) else { return nil }
    switch (words[0], words.count) {
    case ("FETCH", 3): return .uidFetch(uids, items(words[2]))
    case ("FETCH", 4):
        let number = words[3].split(separator: " ").last.flatMap { Int($0.dropLast()) }
        return number.map { .uidFetch(uids, items(words[2]), changedSince: $0) }
    case ("STORE", 4):
        return .uidStore(uids, add: words[3].dropFirst().dropLast().split(separator: " ").map(String.init))
    case ("EXPUNGE", 2): return .uidExpunge(uids)
    case ("MOVE", 3): return .uidMove(uids, to: mailbox(words[2]))
    case ("COPY", 3): return .uidCopy(uids, to: mailbox(words[2]))
    default: return nil
    }
}

private func search(_ criteria: Substring) -> IMAPCommand {
    // What the client asks of a server with ESEARCH, whatever it searches for.
    let criteria = criteria.hasPrefix("RETURN (ALL) ") ? criteria.dropFirst(13) : criteria
    if criteria == "ALL" { return .uidSearch(.all) }
    let words = criteria.split(separator: " ", maxSplits: 2)
    guard words.first == "UID", words.count == 3 else { return .uidSearch(IMAPSearch(criteria: String(criteria))) }
    return .uidSearch(IMAPSearch(uids: UIDSet(parsing: Array(words[1].utf8)[...]), criteria: String(words[2])))
}

private func mailbox(_ name: String) -> IMAPMailboxName { IMAPMailboxName(encoded: Array(name.utf8)) }

private func items(_ list: String) -> IMAPItems {
    let known: [(String, IMAPItems)] = [
        ("FLAGS", .flags), ("RFC822.SIZE", .size), ("INTERNALDATE", .internalDate), ("BODY.PEEK[]", .body),
        ("BODY.PEEK[HEADER]", .header),
    ]
    let words = list.dropFirst().dropLast().split(separator: " ")
    return known.reduce(into: []) { items, item in
        if words.contains(where: { $0 == item.0 }) { items.insert(item.1) }
    }
}

/// The words of a line: a quoted string without its quotes, a list in parentheses as one word.
private func words(of line: String) -> [String] {
    var words: [String] = []
    var word: String?
    var depth = 0
    var isQuoted = false
    var isEscaped = false
    for character in line {
        if isEscaped {
            word = (word ?? "") + String(character)
            isEscaped = false
        } else if isQuoted, character == "\\" {
            isEscaped = true
        } else if character == "\"", depth == 0 {
            isQuoted.toggle()
            word = word ?? ""
        } else if character == " ", depth == 0, !isQuoted {
            if let word { words.append(word) }
            word = nil
        } else {
            if !isQuoted { depth += character == "(" ? 1 : character == ")" ? -1 : 0 }
            word = (word ?? "") + String(character)
        }
    }
    return words + (word.map { [$0] } ?? [])
}

// MARK: What happened, as the `E:` lines write it

extension Played where Event == IMAPClient.Event {
    fileprivate var words: [String] {
        events.map { $0.words } + (error.map { ["! " + (($0 as? IMAPError)?.words ?? "\($0)")] } ?? [])
    }
}

extension IMAPClient.Event {
    fileprivate var words: String {
        switch self {
        case .greeting(let status): "greeting: \(status.words)"
        case .preauthenticated(let status): "logged in already: \(status.words)"
        case .bye(let status): "goodbye: \(status.words)"
        case .capabilities(let capabilities): "capabilities: \(capabilities.names.sorted().joined(separator: " "))"
        case .startTLSReady: "TLS now"
        case .compressionReady: "compression now"
        case .challenge(let octets): "challenge: \"\(Dialogue.text(of: octets))\""
        case .proceed: "proceed"
        case .idling: "idling"
        case .mailbox(let mailbox):
            "mailbox: (\(mailbox.attributes.joined(separator: " "))) "
                + (mailbox.delimiter.map { Dialogue.text(of: [$0]) } ?? "flat")
                + " \"\(Dialogue.text(of: mailbox.name.encoded))\""
        case .selected(let selection): selection.words
        case .exists(let count): "exists: \(count)"
        case .expunged(let number): "expunged: \(number)"
        case .searchResult(let uids): "found: \(uids.map { "\($0)" }.joined(separator: " "))"
        case .contentBegin(let number, let uid, let octets):
            "content of \(number)\(uid.map { " (UID \($0))" } ?? ""): \(octets) octets"
        case .content(let octets): "| \(Dialogue.text(of: octets))"
        case .fetched(let fetched): fetched.words
        case .notice(let status): "notice: \(status.words)"
        case .done(let request, let status): "done \(request.rawValue): \(status.words)"
        }
    }
}

extension IMAPSelection {
    fileprivate var words: String {
        var words = ["selected: \(messages) messages"]
        if let uidValidity { words.append("UIDVALIDITY \(uidValidity)") }
        if let uidNext { words.append("UIDNEXT \(uidNext)") }
        if !hasStickyUIDs { words.append("UIDs not sticky") }
        if let highestModSeq { words.append("HIGHESTMODSEQ \(highestModSeq)") }
        if isReadOnly { words.append("read-only") }
        if let permanentFlags { words.append("flags (\(permanentFlags.joined(separator: " ")))") }
        return words.joined(separator: ", ")
    }
}

extension IMAPFetched {
    fileprivate var words: String {
        var words = ["fetched \(sequence):"]
        if let uid { words.append("UID \(uid)") }
        if let flags { words.append("FLAGS (\(flags.joined(separator: " ")))") }
        if let size { words.append("SIZE \(size)") }
        if let internalDate { words.append("DATE \(Dialogue.text(of: internalDate))") }
        if let modSeq { words.append("MODSEQ \(modSeq)") }
        switch body {
        case .absent: break
        case .null: words.append("NIL")
        case .empty: words.append("no octets")
        case .streamed(let octets, let faults):
            words.append("\(octets) octets")
            for (fault, name) in [(ContentFaults.bareCR, "bare CR"), (.bareLF, "bare LF"), (.nul, "NUL")]
            where faults.contains(fault) {
                words[words.count - 1] += ", \(name)"
            }
        }
        return words.joined(separator: " ")
    }
}

extension IMAPStatus {
    fileprivate var words: String {
        let condition =
            switch condition {
            case .ok: "OK"
            case .no: "NO"
            case .bad: "BAD"
            case .bye: "BYE"
            case .preauth: "PREAUTH"
            }
        let text = text.isEmpty ? nil : Dialogue.text(of: text)
        return [condition, code.map { "[\($0.words)]" }, text].compactMap { $0 }.joined(separator: " ")
    }
}

extension IMAPCode {
    fileprivate var words: String {
        switch self {
        case .alert: "ALERT"
        case .capability: "CAPABILITY"
        case .uidValidity(let value): "UIDVALIDITY \(value)"
        case .uidNext(let value): "UIDNEXT \(value)"
        case .uidNotSticky: "UIDNOTSTICKY"
        case .highestModSeq(let value): "HIGHESTMODSEQ \(value)"
        case .noModSeq: "NOMODSEQ"
        case .readOnly: "READ-ONLY"
        case .readWrite: "READ-WRITE"
        case .permanentFlags(let flags): "PERMANENTFLAGS \(flags.joined(separator: " "))"
        case .tryCreate: "TRYCREATE"
        case .appendUID(let validity, let uid): "APPENDUID \(validity) \(uid)"
        case .tooBig: "TOOBIG"
        case .authenticationFailed: "AUTHENTICATIONFAILED"
        case .authorizationFailed: "AUTHORIZATIONFAILED"
        case .expired: "EXPIRED"
        case .privacyRequired: "PRIVACYREQUIRED"
        case .contactAdmin: "CONTACTADMIN"
        case .unavailable: "UNAVAILABLE"
        case .inUse: "INUSE"
        case .limit: "LIMIT"
        case .serverBug: "SERVERBUG"
        case .noPermission: "NOPERM"
        case .nonexistent: "NONEXISTENT"
        case .overQuota: "OVERQUOTA"
        case .expungeIssued: "EXPUNGEISSUED"
        case .alreadyExists: "ALREADYEXISTS"
        case .other(let octets): "? \(Dialogue.text(of: octets))"
        }
    }
}

extension IMAPError {
    fileprivate var words: String {
        switch self {
        case .responseTooLong: "responseTooLong"
        case .literalTooLarge(let octets, _): "literalTooLarge: \(octets)"
        case .tooDeep: "tooDeep"
        case .malformed(let response): "malformed: \(Dialogue.text(of: response))"
        case .unsolicitedResponse(let response): "unsolicitedResponse: \(Dialogue.text(of: response))"
        case .injectionAfterSTARTTLS: "injectionAfterSTARTTLS"
        case .tooMany(let what, _): "tooMany: \(what)"
        case .renumbered(let old, let new): "renumbered: \(old) \(new)"
        case .loginDisabled: "loginDisabled"
        case .cannotSend(let command, _): "cannotSend: \(command)"
        }
    }
}
