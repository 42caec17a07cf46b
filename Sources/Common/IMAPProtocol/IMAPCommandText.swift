// A command on the wire: words, quoted strings, and literals for what cannot be quoted (RFC 3501 §9).

import Octets

/// The octets of one command, cut where a literal waits for the server's `+`.
struct IMAPCommandText {
    /// RFC 2683 §3.2.1.5: servers accept lines of 8,000 octets.
    static let lineLimit = 8_000
    /// AUTHENTICATE lines; the figure of RFC 4954 §4.
    static let saslLineLimit = 12_288

    /// Octets that go out together.
    struct Piece: Sendable {
        var octets: [UInt8] = []
        /// Where a secret stands in them.
        var secret = 0..<0
    }

    /// What goes out at once, and what goes out after each `+`.
    private(set) var pieces: [Piece]
    /// Why the command cannot be sent; the first reason met.
    private(set) var obstacle: String?
    /// The longest literal that needs no `+`: any with LITERAL+, 4,096 octets with LITERAL- (RFC 7888), else none.
    private let freeLiteral: Int

    init(_ command: IMAPCommand, tag: String, capabilities: IMAPCapabilities?) {
        freeLiteral =
            capabilities?.has("LITERAL+") == true ? .max : capabilities?.has("LITERAL-") == true ? 4_096 : 0
        pieces = [Piece(octets: Array("\(tag) ".utf8))]
        say(command, capabilities)
        let limit = command.request == .authenticate ? Self.saslLineLimit : Self.lineLimit
        if pieces.contains(where: { $0.octets.count + 2 > limit }) { hinder("it would be longer than \(limit) octets") }
        octets += [Octet.cr, Octet.lf]
    }

    private mutating func say(_ command: IMAPCommand, _ capabilities: IMAPCapabilities?) {
        switch command {
        case .capability, .startTLS, .compress, .idle, .noop, .logout: word(command.request?.rawValue ?? "")
        case .saslResponse, .saslCancel, .proceed, .idleEnd, .appendContent, .appendEnd: hinder("it stands alone")
        case .login(let user, let password):
            word("LOGIN ")
            string(Array(user.utf8))
            word(" ")
            hiding { $0.string(Array(password.utf8)) }
        case .authenticate(let mechanism, let initialResponse):
            atom(mechanism, behind: "AUTHENTICATE ")
            guard let initialResponse else { break }
            let text = initialResponse.isEmpty ? [UInt8]("=") : Base64.encode(initialResponse)
            if capabilities?.has("SASL-IR") == true, text.count + 100 < Self.lineLimit {
                word(" ")
                hiding { $0.octets += text }
            } else {
                // Behind the server's `+` an empty response is an empty line (RFC 3501 §6.2.2).
                hiding { $0.pieces.append(Piece(octets: initialResponse.isEmpty ? [] : text)) }
            }
        case .id(let name):
            word("ID (\"name\" ")
            string(Array(name.utf8))
            word(")")
        case .list(let reference, let pattern):
            word("LIST ")
            string(reference.encoded)
            word(" ")
            string(pattern.encoded)
            if capabilities?.has("SPECIAL-USE") == true, capabilities?.has("LIST-EXTENDED") == true {
                word(" RETURN (SPECIAL-USE)")
            }
        case .create(let name):
            word("CREATE ")
            string(name.encoded)
        case .select(let name):
            word("SELECT ")
            string(name.encoded)
        case .uidSearch(let search): say(search, capabilities)
        case .uidFetch(let uids, let items, let changedSince):
            set(uids, behind: "UID FETCH ")
            word(" \(items.text)")
            if let changedSince { word(" (CHANGEDSINCE \(changedSince))") }
        case .uidStore(let uids, let flags):
            set(uids, behind: "UID STORE ")
            if flags.isEmpty { hinder("no flags are named") }
            word(" +FLAGS.SILENT ")
            list(flags)
        case .uidExpunge(let uids):
            if capabilities?.has("UIDPLUS") != true { hinder("the server has no UIDPLUS") }
            set(uids, behind: "UID EXPUNGE ")
        case .uidMove(let uids, let name):
            if capabilities?.has("MOVE") != true { hinder("the server has no MOVE") }
            set(uids, behind: "UID MOVE ")
            word(" ")
            string(name.encoded)
        case .uidCopy(let uids, let name):
            set(uids, behind: "UID COPY ")
            word(" ")
            string(name.encoded)
        case .append(let name, let flags, let date, let octets):
            word("APPEND ")
            string(name.encoded)
            word(" ")
            list(flags)
            if let date { word(" \"\(InternalDate.text(date))\"") }
            // Whoever is to refuse it can do so before it is sent, so never `{n+}`.
            word(" {\(octets)}")
        }
    }

    private mutating func say(_ search: IMAPSearch, _ capabilities: IMAPCapabilities?) {
        word("UID SEARCH ")
        // Ranges instead of a number for each message (RFC 4731).
        if capabilities?.has("ESEARCH") == true { word("RETURN (ALL) ") }
        if let uids = search.uids { set(uids, behind: "UID ") }
        let criteria = search.criteria.isEmpty && search.uids == nil ? "ALL" : search.criteria
        if search.uids != nil, !criteria.isEmpty { word(" ") }
        guard criteria.utf8.allSatisfy({ $0 >= Octet.space && $0 <= 0x7E && $0 != 0x7B }) else {
            return hinder("the search has octets other than printable ASCII, or `{`")
        }
        word(criteria)
    }

    private mutating func hinder(_ reason: String) { obstacle = obstacle ?? reason }

    /// The octets of the last piece.
    private var octets: [UInt8] {
        get { pieces[pieces.count - 1].octets }
        _modify { yield &pieces[pieces.count - 1].octets }
    }

    private mutating func word(_ text: String) { octets += Array(text.utf8) }

    /// Marks whatever `body` writes as secret.
    private mutating func hiding(_ body: (inout Self) -> Void) {
        let (first, start) = (pieces.count - 1, octets.count)
        body(&self)
        for index in first..<pieces.count {
            pieces[index].secret = (index == first ? start : 0)..<pieces[index].octets.count
        }
    }

    private mutating func set(_ uids: UIDSet, behind text: String) {
        if uids.isEmpty { hinder("no UIDs are named") }
        word(text)
        octets += uids.octets
    }

    /// `"(" [flag *(SP flag)] ")"`
    private mutating func list(_ flags: [String]) {
        word("(")
        for (index, flag) in flags.enumerated() {
            let isSystemFlag = flag.hasPrefix("\\")
            atom(
                String(isSystemFlag ? flag.dropFirst() : flag[...]),
                behind: (index == 0 ? "" : " ") + (isSystemFlag ? "\\" : ""))
        }
        word(")")
    }

    /// `1*ATOM-CHAR`
    private mutating func atom(_ name: String, behind text: String) {
        let special = [UInt8]("(){ %*\"\\]")
        let proper = name.utf8.allSatisfy { $0 > Octet.space && $0 < 0x7F && !special.contains($0) }
        if name.isEmpty || !proper { hinder("\"\(name)\" is not an atom") }
        word(text + name)
    }

    /// A quoted string, or a literal for octets that a quoted string cannot hold.
    private mutating func string(_ value: [UInt8]) {
        if value.contains(where: { $0 == Octet.cr || $0 == Octet.lf || $0 == Octet.nul }) {
            return hinder("a value holds a line end or a zero octet")
        }
        if value.allSatisfy({ $0 < 0x80 }), value.count <= 1_000 {
            octets.append(0x22)
            for octet in value {
                if octet == 0x22 || octet == 0x5C { octets.append(0x5C) }
                octets.append(octet)
            }
            octets.append(0x22)
        } else if value.count <= freeLiteral {
            word("{\(value.count)+}\r\n")
            octets += value
        } else {
            word("{\(value.count)}\r\n")
            pieces.append(Piece(octets: value))
        }
    }
}
