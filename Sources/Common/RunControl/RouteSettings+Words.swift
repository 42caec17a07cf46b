// The words of route and chain blocks.

import MailRouting

extension RouteSettings: BlockSettings {
    static let scope = Scope.route
    static let blank = RouteSettings(name: "a")
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var head: [Piece] { [.word("route"), .word(name)] }
    var headPlace: SourcePosition? { position }

    @WordList<RouteSettings> private static func listed() -> [ListedWord<RouteSettings>] {
        each("from", \.$from, .patterns("a pattern"), "The envelope sender.")
        each("not-from", \.$notFrom, .patterns("a pattern"), "The envelope sender.")
        each("to", \.$to, .patterns("a pattern"), "The recipient.")
        each("not-to", \.$notTo, .patterns("a pattern"), "The recipient.")
        each("header-from", \.$headerFrom, .patterns("a pattern"), "The address in the From field.")
        each("not-header-from", \.$notHeaderFrom, .patterns("a pattern"), "The address in the From field.")
        each(
            "use", \.$accounts, .references(.sendingAccount, "the account"),
            "The accounts to send through, in the order to try them.")
        one("last", \.$isLast, .onOff, "Whether a temporary failure here keeps later routes from being tried.")
        one(
            "on-connect-failure", \.$onConnectFailure, .choice("what to do"),
            "What becomes of mail when no connection can be had.")
        each(
            "online", \.$online, .words("the name of a connection"),
            "It is tried only over connections of these names.")
        each(
            "rewrite", \.$rewrites, Codec<RewriteRule>.rewriteRule.single,
            "An address that becomes another one in mail that leaves by this route.")
        maybe(
            "show-recipients", \.$shownRecipients, .choice("all or own"),
            "Whom the copy of a recipient shows in To and Cc, of mail that the hub's own people send by this route.",
            [.defaultsTo("as outside blocks")])
        one(
            "mx", \.$isMX, .onOff, "Whether its mail goes straight to the hosts of each recipient's domain.")
        one(
            "tls", \.$tls, .choice("opportunistic or required"), "Whether such a host must offer TLS.",
            [.onlyWhere(\.isMX)])
        one(
            "inet", \.$inet, .choice("the kind of address"), "Which of its addresses to connect to",
            [.onlyWhere(\.isMX)])
        maybe(
            "source-ip", \.$sourceAddress, .ownAddress("the address to connect from"), "The address to connect from.",
            [.onlyWhere(\.isMX)])
        one("smtp-port", \.$port, .number("the port", in: 1...65_535), "The port of such hosts", [.onlyWhere(\.isMX)])
        one(
            "timeout", \.$timeout, .duration("the time", in: 1...3600), "For each step of a conversation with them",
            [.onlyWhere(\.isMX)])
        one(
            "connections", \.$connections, .number("the number of connections", in: 1...100),
            "Sessions with such hosts at once", [.onlyWhere(\.isMX)])
        one(
            "pipe", \.$pipe, .program, "The program that its mail is handed to, once for each recipient.",
            [.defaultsTo("none")])
        one(
            "from-line", \.$hasFromLine, .onOff,
            "Whether the program gets a line From SENDER DATE above each message.", [.onlyWhere { !$0.pipe.isEmpty }])
        one(
            "from-quoting", \.$quotesFromLines, .onOff,
            "Whether it gets lines of a message that begin with From quoted by a >.",
            [.onlyWhere { !$0.pipe.isEmpty }])
        maybe(
            "limit", \.$limit, .rateLimit,
            "At most so many recipients in any stretch of time of that length.", [.defaultsTo("no limit")])
    }
}

extension ChainSettings: BlockSettings {
    static let scope = Scope.chain
    static let blank = ChainSettings(name: "a")
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var head: [Piece] { [.word("chain"), .word(name)] }
    var headPlace: SourcePosition? { position }

    // The block is refused as a whole, by its head.
    @WordList<ChainSettings> private static func listed() -> [ListedWord<ChainSettings>] {
        each("hop", \.$hops, Codec<Hop>.hop.single, "A hop of the path.")
        maybe("resolver", \.$resolver, .ownAddress("the resolver"), "The resolver that is asked at its end.")
        each("forbid", \.$forbidden, Codec<Forbidden>.forbidden.single, "What the path must not touch.")
        one("forbid-unknown", \.$forbidsUnknown, .onOff, "Whether what is unknown is forbidden.")
        one("test", \.$test, .words("the target"), "The target of a test that it works.")
    }
}

extension Codec where Value == ChainSettings.Hop {
    fileprivate static let hop: Codec = {
        let kinds = Codec<ChainSettings.Hop.Kind>.choice("a hop", missing: "the kind of hop")
        return Codec(
            samples: kinds.samples.map { "\($0) a \"b c\"" },
            read: { arguments throws(RunControlFault) in
                ChainSettings.Hop(
                    kind: try kinds.read(&arguments), arguments: try arguments.texts("where it leads"))
            },
            write: { hop in (kinds.write(hop.kind) ?? []) + hop.arguments.map { .word($0) } })
    }()
}

extension Codec where Value == ChainSettings.Forbidden {
    fileprivate static let forbidden = Codec(
        samples: ["net 192.0.2.0/24", "country a b", "address 192.0.2.1"],
        read: { arguments throws(RunControlFault) in
            let word = try arguments.next("net, country or address")
            guard let kind = ChainSettings.Forbidden.Kind(rawValue: word.text) else {
                throw arguments.fault(word, "forbid net, country or address, not \"\(word.text)\"")
            }
            return ChainSettings.Forbidden(kind: kind, names: try arguments.texts("what is forbidden"))
        },
        write: { [.word($0.kind.rawValue)] + $0.names.map { .word($0) } })
}
