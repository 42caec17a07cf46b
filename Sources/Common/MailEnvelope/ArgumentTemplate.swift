// An argument of a program that takes mail, with words that stand for parts of the envelope.

import MailFormat

/// One argument as the rc writes it: `%recipient`, `%user`, `%domain`, `%sender` and `%mailbox` are filled in, `%%` is a
/// percent sign. What is filled in stays within its argument, and is never read as an option.
public struct ArgumentTemplate: Sendable, Hashable, CustomStringConvertible {
    /// What a word stands for.
    public enum Word: String, Sendable, Hashable, CaseIterable {
        case recipient
        /// The part of the recipient before the `@`, without quotes, and the one behind it.
        case user, domain
        /// The reverse-path; nothing for the null one.
        case sender
        /// The mailbox of this hub that the copy is for.
        case mailbox
    }

    enum Part: Sendable, Hashable {
        case text(String)
        case word(Word)
    }

    /// By octets: a character of text may be a dash with an accent, and a program sees the dash.
    private static let dash = UInt8(ascii: "-")

    /// As the rc writes it.
    public let description: String
    let parts: [Part]

    /// - Throws: ``TemplateError``.
    public init(_ text: String) throws(TemplateError) {
        var parts: [Part] = []
        var rest = text[...]
        while let percent = rest.firstIndex(of: "%") {
            if percent != rest.startIndex { parts.append(.text(String(rest[..<percent]))) }
            rest = rest[rest.index(after: percent)...]
            if rest.first == "%" {
                parts.append(.text("%"))
                rest = rest.dropFirst()
                continue
            }
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            guard let word = Word(rawValue: String(name)) else { throw TemplateError(word: String(name)) }
            parts.append(.word(word))
            rest = rest[name.endIndex...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        description = text
    }

    /// Whether it is another argument for each recipient.
    public var isPerRecipient: Bool {
        parts.contains { part in
            switch part {
            case .word(.recipient), .word(.user), .word(.domain), .word(.mailbox): true
            case .word(.sender), .text: false
            }
        }
    }

    /// The argument for one recipient.
    /// - Returns: `nil` where what is filled in would make it begin with a `-`, and so be read as an option. A reverse-path
    ///   that begins with one is left out, as the null one is: no stranger decides that mail goes elsewhere.
    public func filled(sender: ReversePath, recipient: Address, mailbox: String) -> String? {
        func value(_ word: Word) -> String {
            switch word {
            case .recipient: "\(recipient)"
            case .user: recipient.localPart
            case .domain: recipient.domain ?? ""
            case .mailbox: mailbox
            case .sender: sender.address.map(\.description).flatMap { $0.utf8.first == Self.dash ? nil : $0 } ?? ""
            }
        }
        var argument = ""
        for part in parts {
            switch part {
            case .text(let text): argument += text
            case .word(let word): argument += value(word)
            }
        }
        guard case .word = parts.first, argument.utf8.first == Self.dash else { return argument }
        return nil
    }
}

/// A word behind `%` that stands for nothing.
public struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    public let word: String

    public var description: String {
        let known = ArgumentTemplate.Word.allCases.map { "%\($0.rawValue)" }.joined(separator: " ")
        return word.isEmpty
            ? "a percent sign by itself is written as %%" : "%\(word) stands for nothing; there are \(known)"
    }
}
