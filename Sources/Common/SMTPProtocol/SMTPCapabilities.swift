// What a server offers, from its answer to EHLO or LHLO (RFC 5321 §4.1.1.1).

import MailFormat
import Octets

/// The extensions of a server, as far as we use them.
public struct SMTPCapabilities: Sendable, Hashable {
    public internal(set) var pipelining = false
    public internal(set) var eightBitMIME = false
    public internal(set) var smtpUTF8 = false
    public internal(set) var startTLS = false
    public internal(set) var chunking = false
    public internal(set) var dsn = false
    public internal(set) var enhancedStatusCodes = false
    /// Whether SIZE is offered, so that MAIL may carry it.
    public internal(set) var size = false
    /// The largest message in octets on the wire; `nil` when the server sets no limit or tells none.
    public internal(set) var sizeLimit: Int?
    /// SASL mechanisms, in capitals, as the server lists them.
    public internal(set) var mechanisms: [String] = []
    /// RCPTMAX of LIMITS: recipients in one transaction (RFC 9422).
    public internal(set) var recipientLimit: Int?
    /// MAILMAX of LIMITS: transactions in one connection (RFC 9422).
    public internal(set) var transactionLimit: Int?

    /// None, as of a server that knows only HELO.
    public init() {}

    /// ehlo-ok-rsp = "250-" Domain [SP greet] CRLF *( "250-" ehlo-line CRLF ) …
    ///
    /// Each line but the first is an extension; what is not known is passed over.
    public init(_ reply: SMTPReply) {
        for line in reply.lines.dropFirst() { read(line) }
    }

    /// ehlo-line = ehlo-keyword *( SP ehlo-param )
    ///
    /// `AUTH=LOGIN`, as some servers still write, is read like `AUTH LOGIN`.
    private mutating func read(_ line: [UInt8]) {
        let words = line.map { $0 == 0x3D && line.prefix(5).equalsIgnoringCase("AUTH=") ? Octet.space : $0 }
            .split(whereSeparator: { $0 == Octet.space || $0 == Octet.tab })
        guard let keyword = words.first else { return }
        let parameters = words.dropFirst()
        switch String(decoding: keyword.map(Octet.uppercased), as: UTF8.self) {
        case "PIPELINING": pipelining = true
        case "8BITMIME": eightBitMIME = true
        case "SMTPUTF8": smtpUTF8 = true
        case "STARTTLS": startTLS = true
        case "CHUNKING": chunking = true
        case "DSN": dsn = true
        case "ENHANCEDSTATUSCODES": enhancedStatusCodes = true
        case "SIZE":
            size = true
            let limit = parameters.first.flatMap { CommandGrammar.saturatedNumber($0) }
            sizeLimit = limit == 0 ? nil : limit
        case "AUTH":
            for name in parameters where name.count <= SMTPLimits.mechanismName {
                let mechanism = String(decoding: name.map(Octet.uppercased), as: UTF8.self)
                if !mechanisms.contains(mechanism) { mechanisms.append(mechanism) }
            }
        case "LIMITS": for limit in parameters { readLimit(limit) }
        default: break
        }
    }

    /// limits-param = limit-name-value: name "=" value (RFC 9422 §3)
    private mutating func readLimit(_ text: some Collection<UInt8>) {
        let parts = Array(text).split(separator: 0x3D, maxSplits: 1)
        guard parts.count == 2, let value = Decimal.value(of: parts[1]), value > 0 else { return }
        if parts[0].equalsIgnoringCase("RCPTMAX") { recipientLimit = value }
        if parts[0].equalsIgnoringCase("MAILMAX") { transactionLimit = value }
    }
}
