// What an alias leads to, as an aliases file writes it and as the queue keeps it.

import MailEnvelope
import MailFormat
import Octets

/// One place that an alias leads to.
public enum AliasTarget: Sendable, Hashable {
    /// `\name` is not expanded further; `name via a/b` leaves through these accounts, in this order.
    case address(Address, isFinal: Bool = false, via: [String] = [])
    /// `*@domain`, or `*`: the name that was asked for, at the domain of this address or at the same one.
    case sameName(at: Address?, via: [String] = [])
    /// `:include:/path`: what that file leads to.
    case include(String)
    /// `|program arguments`: a program, without a shell.
    case program(text: String, [ArgumentTemplate])
    /// `/path`: the message is appended to this mbox.
    case file(String)
    /// `/dev/null`: it is dropped.
    case nowhere

    /// The most octets of a target.
    public static let limit = EnvelopeText.limit

    /// Reads a target.
    /// - Throws: ``AliasError``.
    public init(_ text: String) throws(AliasError) {
        guard !text.isEmpty else { throw .noTarget }
        guard text.utf8.count <= Self.limit else { throw .tooLong }
        if text.hasPrefix("|") {
            self = .program(text: text, try Self.arguments(text.dropFirst()))
        } else if text == "/dev/null" {
            self = .nowhere
        } else if text.hasPrefix("/") {
            self = .file(try Self.path(text))
        } else if text.lowercased().hasPrefix(Self.includeWord) {
            let path = text.dropFirst(Self.includeWord.count).drop { $0 == " " || $0 == "\t" }
            self = .include(try Self.path(String(path)))
        } else if text.hasPrefix(":") {
            throw .unknownWord(text)
        } else if text.hasPrefix("\\") {
            self = .address(try Self.address(String(text.dropFirst())), isFinal: true)
        } else {
            self = try Self.recipient(text)
        }
    }

    private static let includeWord = ":include:"

    /// `address [via a/b]`
    private static func recipient(_ text: String) throws(AliasError) -> AliasTarget {
        var (name, via): (String, [String]) = (text, [])
        // Not within the quotes of a local part.
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        if words.count == 3, words[1] == "via" {
            name = String(words[0])
            via = words[2].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard via.allSatisfy({ !$0.isEmpty }) else { throw .badVia(String(words[2])) }
        }
        if name == "*" { return .sameName(at: nil, via: via) }
        let place = try address(name)
        return name.hasPrefix("*@") ? .sameName(at: place, via: via) : .address(place, via: via)
    }

    private static func address(_ text: String) throws(AliasError) -> Address {
        do throws(AddressError) { return try Address(text) } catch { throw .badAddress(text, error) }
    }

    private static func path(_ text: String) throws(AliasError) -> String {
        guard text.hasPrefix("/") else { throw .notAbsolute(text) }
        let isStraight = text.split(separator: "/").allSatisfy { $0 != "." && $0 != ".." }
        guard isStraight, !text.hasSuffix("/") else { throw .badPath(text) }
        return text
    }

    /// Words apart by blanks; `"…"` and `'…'` keep blanks, `\x` is x, within `'…'` it is both.
    private static func arguments(_ text: Substring) throws(AliasError) -> [ArgumentTemplate] {
        var words: [String] = []
        var word: [UInt8]?
        var quote: UInt8?
        var rest = Array(text.utf8)[...]
        while let next = rest.popFirst() {
            switch next {
            case 0x5C where quote != 0x27:
                guard let escaped = rest.popFirst() else { throw .unclosedQuote }
                word = word ?? []
                word?.append(escaped)
            case 0x22, 0x27:
                if quote == nil {
                    quote = next
                    word = word ?? []
                } else if quote == next {
                    quote = nil
                } else {
                    word?.append(next)
                }
            case Octet.space, Octet.tab:
                if quote != nil {
                    word?.append(next)
                } else if let whole = word {
                    words.append(String(decoding: whole, as: UTF8.self))
                    word = nil
                }
            default:
                word = word ?? []
                word?.append(next)
            }
        }
        guard quote == nil else { throw .unclosedQuote }
        if let word { words.append(String(decoding: word, as: UTF8.self)) }
        guard words.first?.isEmpty == false else { throw .noProgram }
        var argv: [ArgumentTemplate] = []
        for word in words {
            do throws(TemplateError) { argv.append(try ArgumentTemplate(word)) } catch { throw .template(error) }
        }
        return argv
    }
}

/// What is wrong with a target, or with the line of an alias.
public enum AliasError: Error, Sendable, Hashable, CustomStringConvertible {
    case noName
    case noColon(name: String)
    case noTarget
    case tooLong
    case lineTooLong(limit: Int)
    case tooMany(limit: Int)
    case unclosedQuote
    case notUTF8
    case controlCharacter
    /// The last line has no end, as where a file was cut off.
    case cutOff
    case commaInProgram
    case noProgram
    case template(TemplateError)
    case unknownWord(String)
    case badVia(String)
    case badName(String)
    case badAddress(String, AddressError)
    case notAbsolute(String)
    case badPath(String)
    /// Where only addresses may stand.
    case notAnAddress(String)

    public var description: String {
        switch self {
        case .noName:
            "the line names nobody: it begins with a name and a colon, and what continues a line begins with a blank"
        case .noColon(let name): "the colon behind the name \"\(name)\" is missing"
        case .noTarget: "it leads nowhere; for nowhere write /dev/null"
        case .tooLong: "what it leads to is longer than \(AliasTarget.limit) octets"
        case .lineTooLong(let limit): "the line is longer than \(limit) octets"
        case .tooMany(let limit): "it leads to more than \(limit) places"
        case .unclosedQuote: "a quote is not closed"
        case .notUTF8: "this is not UTF-8"
        case .controlCharacter: "a control character"
        case .cutOff: "the last line has no end, as if the file had been cut off; end it with a newline"
        case .commaInProgram:
            "a program without quotes takes the whole line, and may hold no comma; put it in quotes: \"|program a,b\""
        case .noProgram: "no program stands behind the |"
        case .template(let error): "\(error)"
        case .unknownWord(let word): "\"\(word)\" means nothing here; there is :include:/path"
        case .badVia(let text): "via names accounts, apart by /, unlike \"\(text)\""
        case .badName(let text): "\"\(text)\" is no name of an address"
        case .badAddress(let text, let error): "\"\(text)\": \(error)"
        case .notAbsolute(let path): "a file is named by its whole path, which begins with /, unlike \"\(path)\""
        case .badPath(let path): "\"\(path)\" is not the plain path of a file"
        case .notAnAddress(let text): "only addresses may stand here, unlike \"\(text)\""
        }
    }
}
