// How the places that fetched mail goes to are written in the rc.

import InternetAddress
import MailEnvelope
import MailFormat

extension Codec where Value == DeliveryPlace {
    static let deliveryPlace: Codec = {
        var codec = Codec(
            samples: [
                "maildir", "mbox \"~/a b\"", "program /usr/bin/a -d %user", "program a \"%%b c\" %sender",
                "lmtp /run/dovecot/lmtp", "lmtp localhost for a@b.example", "smtp [2001:db8::1]:2525",
                "smtp a.example:25 tls off insecure", "lmtp a.example for a tls off insecure", "append b",
                "append b \"c d\"",
            ],
            read: { arguments throws(RunControlFault) in try arguments.deliveryPlace() }, write: \.pieces)
        codec.files = { if case .mbox(let path) = $0 { [path] } else { [] } }
        return codec
    }()

    /// The place of a mailbox: one at an account would be a copy of nobody's.
    static let placeOfMailbox: Codec = {
        var codec = Codec(
            samples: [
                "maildir", "mbox \"~/a b\"", "program /usr/bin/a -d %user", "lmtp /run/dovecot/lmtp for a@b.example",
            ],
            read: { arguments throws(RunControlFault) in
                let first = arguments.peek
                let place = try arguments.deliveryPlace()
                guard case .append = place, let first else { return place }
                throw arguments.fault(first, "mail is appended for an account of mhfetch, not for a mailbox")
            }, write: \.pieces)
        codec.files = deliveryPlace.files
        return codec
    }()

    /// `earlier` and `more`, unless one is in both.
    static func adding(
        _ earlier: [Value]?, _ more: [Value], _ arguments: Arguments
    ) throws(RunControlFault) -> [Value] {
        let places = earlier ?? []
        for place in more where places.contains(where: { $0.isSame(as: place) }) {
            let word = arguments.line.arguments.first
            throw RunControlFault(word?.position ?? arguments.line.end, "mail goes there already; name it once")
        }
        return places + more
    }
}

extension Codec where Value == [ArgumentTemplate] {
    /// A program and its arguments, in which words stand for parts of the envelope.
    static let program = Codec(
        samples: ["a", "a b \"c | d\"", "/usr/bin/a -f %sender %recipient", "a \"%%b c\" %user@%domain"],
        read: { arguments throws(RunControlFault) in try arguments.templates() },
        write: { Codec<[String]>.command.write($0.map(\.description)) })
}

extension Codec where Value == EnvelopeField {
    static let envelopeField: Codec = {
        let limit = 0...100
        var codec = Codec(
            samples: ["Delivered-To", "X-Envelope-To skip 1"],
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next("the name of the header field")
                // ftext of RFC 5322 §3.6.8.
                guard word.text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }), !word.text.isEmpty else {
                    throw arguments.fault(
                        word, "the name of a header field stands without colon and blanks, unlike \"\(word.text)\"")
                }
                guard !["to", "cc", "bcc", "received"].contains(word.text.lowercased()) else {
                    throw arguments.fault(
                        word,
                        "\(word.text) does not say whom a message was sent to; the field that a provider writes for that is "
                            + "often Delivered-To, X-Original-To or X-Envelope-To")
                }
                guard let more = arguments.peek else { return EnvelopeField(name: word.text) }
                _ = try arguments.next("skip")
                guard more.text == "skip" else {
                    throw arguments.fault(more, "\"skip NUMBER\" may follow here, not \"\(more.text)\"")
                }
                return EnvelopeField(
                    name: word.text, skipped: try arguments.number("the number of fields to skip", in: limit))
            },
            write: { [.word($0.name)] + ($0.skipped > 0 ? [.word("skip"), .word("\($0.skipped)")] : []) })
        codec.measures = [.number(limit)]
        return codec
    }()
}

extension Arguments {
    fileprivate mutating func deliveryPlace() throws(RunControlFault) -> DeliveryPlace {
        let kind = try next("the kind of place")
        switch kind.text {
        case "maildir": return .maildir
        case "mbox": return .mbox(try path("the mbox"))
        case "program": return .program(try templates())
        case "lmtp", "smtp":
            guard let service = MailServer.Service(rawValue: kind.text) else { break }
            return .server(try mailServer(service))
        case "append":
            let account = try refer(.account, "the account")
            guard let word = peek else { return .append(account: account, folder: nil) }
            let folder = try next("the folder").text
            guard !folder.isEmpty, !FolderSettings(remote: folder, local: nil).isPattern else {
                throw fault(word, "mail is appended to one folder, and \"\(folder)\" names none, or several")
            }
            return .append(account: account, folder: folder)
        default: break
        }
        let kinds = ["maildir", "mbox", "program", "lmtp", "smtp", "append"]
        throw fault(
            kind,
            "mail is delivered to one of \(kinds.joined(separator: ", ")), not to \"\(kind.text)\""
                + Nearest.hint(to: kind.text, among: kinds))
    }

    fileprivate mutating func templates() throws(RunControlFault) -> [ArgumentTemplate] {
        let first = peek
        return try command().map { text throws(RunControlFault) in
            do throws(TemplateError) { return try ArgumentTemplate(text) } catch {
                let word = line.arguments.first { $0.text == text } ?? first
                throw RunControlFault(word?.position ?? line.end, "\(error)")
            }
        }
    }

    private mutating func mailServer(_ service: MailServer.Service) throws(RunControlFault) -> MailServer {
        let (host, port) = try hostOrSocket(
            ofLMTP: service == .lmtp, "deliver", defaultPort: service.defaultPort)
        var server = MailServer(
            service: service, host: HostAndPort.isSocket(host) ? host : host.lowercased(), port: port)
        if peek?.text == "for" {
            _ = try next("for")
            let word = try next("the recipient")
            do throws(AddressError) { server.recipient = try Address(word.text) } catch {
                throw fault(word, "\"\(word.text)\": \(error)")
            }
        }
        if let word = peek {
            let words = try rest("tls off insecure")
            let texts = words.map(\.text)
            guard texts.starts(with: ["tls", "off"]), texts.count == 2 || texts.dropFirst(2) == ["insecure"] else {
                throw fault(word, "\"for ADDRESS\" or \"tls off insecure\" may follow here, not \"\(word.text)\"")
            }
            guard !server.isHere else {
                throw fault(word, "what goes to \(server.address) never leaves this machine, and needs no such words")
            }
            guard texts.count == 3 else {
                throw fault(word, "mail goes to another machine in clear only with \"tls off insecure\"")
            }
            server.isInsecure = true
        }
        return server
    }
}

extension DeliveryPlace {
    fileprivate var pieces: [Piece]? {
        switch self {
        case .maildir: [.word(kind)]
        case .mbox(let path): [.word(kind), .word(path)]
        case .program(let argv): Codec<[ArgumentTemplate]>.program.write(argv).map { [.word(kind)] + $0 }
        case .server(let server):
            [.word(kind), .word(server.address)]
                + (server.recipient.map { [.word("for"), .word("\($0)")] } ?? [])
                + (server.isInsecure ? [.word("tls"), .word("off"), .word("insecure")] : [])
        case .append(let account, let folder): [.word(kind), .word(account)] + (folder.map { [.word($0)] } ?? [])
        }
    }
}

extension AccountSettings {
    /// Whether a program is among the places of its mail.
    public var deliversToProgram: Bool {
        destinations.contains { if case .program = $0 { true } else { false } }
    }
}
