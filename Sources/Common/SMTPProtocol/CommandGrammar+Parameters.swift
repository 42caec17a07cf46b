// The parameters behind the path of MAIL and RCPT (RFC 5321 §4.1.2). One function per rule.

import MailEnvelope
import MailFormat
import Octets

extension CommandGrammar {
    /// Mail-parameters = esmtp-param *(SP esmtp-param)
    mutating func mail(from path: ReversePath) throws(CommandFault) -> SMTPCommand {
        var envelope = Envelope(reversePath: path)
        var parameters = MailParameters()
        for (name, value) in try esmtpParameters() {
            switch name {
            case "SIZE": parameters.size = try Self.size(value)
            case "BODY": envelope.bodyType = try Self.body(value)
            case "SMTPUTF8":
                guard value == nil else { throw .badParameter(name) }
                envelope.smtpUTF8 = true
            case "RET": envelope.returnContent = try Self.ret(value)
            case "ENVID": envelope.envelopeID = try Self.envelopeID(value)
            case "AUTH": parameters.auth = try Self.auth(value)
            default: throw .unknownParameter(name)
            }
        }
        return .mail(envelope, parameters)
    }

    /// Rcpt-parameters = esmtp-param *(SP esmtp-param)
    mutating func recipient(_ path: ForwardPath) throws(CommandFault) -> Envelope.Recipient {
        var recipient = Envelope.Recipient(path)
        for (name, value) in try esmtpParameters() {
            switch name {
            case "NOTIFY": recipient.notify = try Self.notify(value)
            case "ORCPT": recipient.originalRecipient = try Self.originalRecipient(value)
            default: throw .unknownParameter(name)
            }
        }
        return recipient
    }

    /// esmtp-param = esmtp-keyword ["=" esmtp-value]
    private mutating func esmtpParameters() throws(CommandFault) -> [(name: String, value: ArraySlice<UInt8>?)] {
        var found: [(name: String, value: ArraySlice<UInt8>?)] = []
        blanks()
        while !isAtEnd {
            let text = word()
            let equals = text.firstIndex(of: 0x3D)
            let name = try Self.esmtpKeyword(text[..<(equals ?? text.count)])
            // esmtp-value = 1*(%d33-60 / %d62-126): "=" cannot occur in it, yet base64-like values of some clients have
            // it, and each value's own rule decides.
            let value = equals.map { text[($0 + 1)...] }
            guard value?.isEmpty != true, !found.contains(where: { $0.name == name }) else { throw .badParameter(name) }
            found.append((name, value))
            blanks()
        }
        return found
    }

    /// esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
    private static func esmtpKeyword(_ octets: ArraySlice<UInt8>) throws(CommandFault) -> String {
        guard let first = octets.first, first != 0x2D, octets.count <= 32,
            octets.allSatisfy({ Octet.isLetter($0) || Octet.isDigit($0) || $0 == 0x2D })
        else { throw .syntax("bad parameter") }
        return String(decoding: octets.map(Octet.uppercased), as: UTF8.self)
    }

    /// size-value = 1*20DIGIT (RFC 1870 §3)
    private static func size(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> Int {
        guard let value, let size = saturatedNumber(value) else { throw .badParameter("SIZE") }
        return size
    }

    /// body-value = "7BIT" / "8BITMIME" (RFC 6152 §2)
    private static func body(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> BodyType {
        guard let body = value.flatMap({ BodyType(rawValue: uppercased($0)) }) else { throw .badParameter("BODY") }
        return body
    }

    /// ret-value = "FULL" / "HDRS" (RFC 3461 §4.3)
    private static func ret(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> ReturnContent {
        guard let ret = value.flatMap({ ReturnContent(rawValue: uppercased($0)) }) else { throw .badParameter("RET") }
        return ret
    }

    /// envid-parameter = "ENVID=" xtext (RFC 3461 §4.4)
    private static func envelopeID(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> EnvelopeText {
        guard let text = value.flatMap({ XText.decode($0) }), text.utf8.count <= Envelope.envelopeIDLimit else {
            throw .badParameter("ENVID")
        }
        do {
            return try EnvelopeText(text)
        } catch {
            throw .badParameter("ENVID")
        }
    }

    /// "AUTH=" xtext, which means a mailbox or "<>" (RFC 4954 §5)
    private static func auth(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> ReversePath {
        guard let text = value.flatMap({ XText.decode($0) }) else { throw .badParameter("AUTH") }
        if text == "<>" { return .null }
        do {
            return .address(try Address(text))
        } catch {
            throw .badParameter("AUTH")
        }
    }

    /// notify-esmtp-value = "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" ) (RFC 3461 §4.1)
    private static func notify(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> Notify {
        guard let notify = value.flatMap({ Notify(parsing: $0) }) else { throw .badParameter("NOTIFY") }
        return notify
    }

    /// original-recipient-address = addr-type ";" xtext (RFC 3461 §4.2)
    private static func originalRecipient(_ value: ArraySlice<UInt8>?) throws(CommandFault) -> OriginalRecipient {
        guard let value, value.count <= SMTPLimits.originalRecipient, let semicolon = value.firstIndex(of: 0x3B),
            let address = XText.decode(value[(semicolon + 1)...]),
            let recipient = OriginalRecipient(
                type: String(decoding: value[..<semicolon], as: UTF8.self), address: address)
        else { throw .badParameter("ORCPT") }
        return recipient
    }

    private static func uppercased(_ octets: ArraySlice<UInt8>) -> String {
        String(decoding: octets.map(Octet.uppercased), as: UTF8.self)
    }
}
