// The words of listeners, on their line or below it.

extension ListenerSettings: BlockSettings {
    static let scope = Scope.listen
    static let blank = ListenerSettings(
        service: .smtp, address: nil, port: 25, position: .nowhere)
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var name: String { description }
    var head: [Piece] {
        [.word("listen"), .word(service.rawValue), .word("\(hostAndPort)")]
    }
    var headPlace: SourcePosition? { position }

    /// The service that begins the block.
    static let services = Codec<Service>.service(later: [
        Refusal(word: "lmtp", deed: "answer LMTP"), Refusal(word: "socks", deed: "answer SOCKS"),
        Refusal(word: "status", deed: "show its status over HTTP"),
        Refusal(word: "page", deed: "show its page in a browser"),
    ])

    @WordList<ListenerSettings> private static func listed() -> [ListedWord<ListenerSettings>] {
        each(
            "allow", \.$allow, .networks(hosts: "admit clients by host name"),
            "Addresses and networks that may connect, or not.", [.served])
        each(
            "deny", \.$deny, .networks(hosts: "refuse clients by host name"),
            "Addresses and networks that may connect, or not.", [.served])
        maybe(
            "tls_certificate", \.$certificate, .certificatePair,
            "The certificate chain and the private key of this listener, both in PEM.",
            [
                .served, .file(.examinedAbove),
                .defaultsTo("the hub's"),
            ])
        one(
            "max-connections", \.$maxConnections, .number("the number of connections", in: 1...65_535),
            connectionsSentence,
            [
                .served,
                .defaultsTo("the hub's"),
            ])
        one(
            "max-connections-per-address", \.$maxConnectionsPerAddress,
            .number("the number of connections", in: 1...65_535), connectionsSentence,
            [.served, .defaultsTo("the hub's")]
        )
        each(
            "dnsbl", \.$blockLists, .words("the list"), "Lists of addresses that are refused.",
            [.later("ask a DNS block list")])
        maybe(
            "via", \.$via, .reference(.chain, "the chain"), "The chain to connect over.",
            [.later("connect over a chain")])
    }

    private static let connectionsSentence =
        "Connections at once of this listener, and of one client address"
}
