// How addresses and patterns of addresses are written in the rc.

import MailFormat
import MailRouting

extension Codec where Value == [AddressPattern] {
    /// Patterns up to the end of the line.
    static func patterns(_ what: String) -> Codec {
        patterns(samples: ["*", "<> *@a.example, b?@a.example", "\"a b@a.example\""], what) {
            (pattern, _, _) throws(RunControlFault) in pattern
        }
    }

    /// Addresses of a mailbox, whose domain may be left to `qualify`.
    static let mailboxAddresses = patterns(
        samples: ["a", "a@a.example, *@*.a.example"], "an address", own)

    /// Addresses of an account: it lives at a provider, so their domain must be given.
    static let accountAddresses = patterns(samples: ["a@a.example", "a@a.example b-*@a.example"], "an address") {
        (pattern, word, arguments) throws(RunControlFault) in
        let own = try own(pattern, word, arguments)
        guard own.domain == nil else { return own }
        throw arguments.fault(
            word, "\"\(word.text)\" has no domain; an account's address is whole, as in alice@example.org")
    }

    /// Addresses at the domain of the block.
    static let blocked = patterns(samples: ["a", "a b-*@a.example"], "an address") {
        (pattern, word, arguments) throws(RunControlFault) in
        let domain = arguments.block
        let whole = pattern.qualified(with: domain)
        guard !whole.isNull, whole.domain == domain else {
            throw arguments.fault(word, "\"\(word.text)\" is not at \(domain)")
        }
        guard whole.localPart?.lowercased() != "postmaster" else {
            throw arguments.fault(word, "mail for the postmaster of a domain must be accepted (RFC 5321, 4.5.1)")
        }
        guard "\(whole)".utf8.count <= AddressPattern.lengthLimit else {
            throw arguments.fault(
                word, "\"\(word.text)\": \(PatternError.tooLong(limit: AddressPattern.lengthLimit))")
        }
        return whole
    }

    private typealias Examine =
        @Sendable (AddressPattern, Word, Arguments) throws(RunControlFault) -> AddressPattern

    private static func patterns(samples: [String], _ what: String, _ examine: @escaping Examine) -> Codec {
        Codec(
            samples: samples,
            read: { arguments throws(RunControlFault) in
                var patterns: [AddressPattern] = []
                for (pattern, word) in try arguments.patterns(what) {
                    patterns.append(try examine(pattern, word, arguments))
                }
                return patterns
            },
            write: { $0.isEmpty ? nil : $0.map { .word("\($0)") } })
    }

    /// An address or glob of a mailbox or account: one that can get a domain, and covers no domains of other people.
    private static let own: Examine = { (pattern, word, arguments) throws(RunControlFault) in
        guard !pattern.isNull else { throw arguments.fault(word, "<> is nobody's address") }
        guard let domain = pattern.domain else {
            // `qualify` completes it later; what no domain can complete is refused here already.
            let isLong = word.text.utf8.count > AddressPattern.localPartLimit
            guard !isLong, pattern.isGlob || pattern.qualified(with: "localhost").address != nil else {
                throw arguments.fault(word, "\"\(word.text)\": \(AddressError.badLocalPart)")
            }
            return pattern
        }
        let plain = domain.hasPrefix("*.") ? String(domain.dropFirst(2)) : domain
        guard !plain.contains(where: { $0 == "*" || $0 == "?" }) else {
            throw arguments.fault(
                word, "\"\(word.text)\" would take addresses of other people's domains; name the domain")
        }
        guard Address.isDomain(Array(plain.utf8)) else { throw arguments.fault(word, "\"\(domain)\" is no domain") }
        if !pattern.isGlob, pattern.address == nil {
            throw arguments.fault(word, "\"\(word.text)\": \(AddressError.badLocalPart)")
        }
        return pattern
    }
}

extension Codec where Value == [Address] {
    /// Whole addresses up to the end of the line.
    static let addresses = Codec(
        samples: ["a@a.example", "a@a.example \"\\\"b c\\\"@a.example\""],
        read: { arguments throws(RunControlFault) in
            var addresses: [Address] = []
            for word in try arguments.rest("an address") {
                do throws(AddressError) {
                    addresses.append(try Address(word.text))
                } catch {
                    throw arguments.fault(word, "\"\(word.text)\": \(error)")
                }
            }
            return addresses
        },
        write: { $0.isEmpty ? nil : $0.map { .word("\($0)") } })
}

extension Codec where Value == Address {
    /// One address.
    /// - Parameter isWhole: whether it must have a domain; else `qualify` completes it.
    static func address(_ what: String, isWhole: Bool = true) -> Codec {
        Codec(
            samples: ["a@a.example", "\"\\\"b c\\\"@a.example\""] + (isWhole ? [] : ["a"]),
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next(what)
                do throws(AddressError) {
                    let address = try Address(word.text)
                    guard !isWhole || address.domain != nil else { throw .notAnAddress }
                    return address
                } catch {
                    throw arguments.fault(word, "\"\(word.text)\": \(error)")
                }
            },
            write: { [.word("\($0)")] })
    }
}

extension Codec where Value == RewriteRule {
    private static let all = "all"

    /// `PLACE PATTERN ADDRESS`.
    static let rewriteRule = Codec(
        samples: [
            "from a b@b.example", "all * *@b.example", "envelope *@a.example b@b.example",
            "reply-to a \"b c <b@b.example>\"", "to a@a.example b c <b@b.example>",
            "cc a* \"\\\"b, c\\\" <b@b.example>\"", "sender a b@b.example", "mail-followup-to a b@b.example",
        ],
        read: { arguments throws(RunControlFault) in
            let place = try place(&arguments)
            let pattern = try pattern(&arguments)
            return RewriteRule(place: place, pattern: pattern, replacement: try replacement(&arguments))
        },
        write: { rule in
            [.word(rule.place?.rawValue ?? all), .word("\(rule.pattern)"), .word(text(of: rule.replacement))]
        })

    private static func place(_ arguments: inout Arguments) throws(RunControlFault) -> RewritePlace? {
        let word = try arguments.next("where to rewrite")
        guard word.text != all else { return nil }
        guard let place = RewritePlace(rawValue: word.text) else {
            let places = RewritePlace.allCases.map(\.rawValue) + [all]
            let hint = Nearest.hint(to: word.text, among: places)
            throw arguments.fault(
                word, "rewrite is for \(places.dropLast().joined(separator: ", ")) or all, not \"\(word.text)\"\(hint)")
        }
        return place
    }

    private static func pattern(_ arguments: inout Arguments) throws(RunControlFault) -> AddressPattern {
        let word = try arguments.next("the pattern of the addresses")
        do throws(PatternError) {
            let pattern = try AddressPattern(parsing: word.text)
            guard !pattern.isNull else { throw .badShape(suggestion: nil) }
            return pattern
        } catch {
            throw arguments.fault(word, "\"\(word.text)\": \(error)")
        }
    }

    private static func replacement(_ arguments: inout Arguments) throws(RunControlFault) -> RewriteRule.Replacement {
        let words = try arguments.rest("the address to put in")
        let text = words.map(\.text).joined(separator: " ")
        func fault(_ why: String) -> RunControlFault { arguments.fault(words[0], "\"\(text)\": \(why)") }
        if text.hasPrefix("*@") {
            let domain = String(text.dropFirst(2)).lowercased()
            guard Address.isDomain(Array(domain.utf8)) else { throw fault("\(AddressError.badDomain)") }
            return .domain(domain)
        }
        do throws(AddressError) {
            guard text.hasSuffix(">"), let open = text.lastIndex(of: "<") else {
                let address = try Address(text)
                guard address.domain != nil else { throw .notAnAddress }
                return .mailbox(address, displayName: nil)
            }
            let address = try Address(String(text[text.index(after: open)...].dropLast()))
            guard address.domain != nil else { throw .notAnAddress }
            return .mailbox(address, displayName: name(in: text[..<open]))
        } catch {
            throw fault("\(error)")
        }
    }

    /// A display name, with quotes or without; `nil` for none.
    private static func name(in text: Substring) -> String? {
        var name = text
        while name.last == " " { name.removeLast() }
        guard name.count > 1, name.first == "\"", name.last == "\"" else { return name.isEmpty ? nil : String(name) }
        var plain = ""
        var isEscaped = false
        for character in name.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                plain.append(character)
                isEscaped = false
            }
        }
        return plain
    }

    private static func text(of replacement: RewriteRule.Replacement) -> String {
        switch replacement {
        case .domain(let domain): return "*@\(domain)"
        case .mailbox(let address, nil): return "\(address)"
        case .mailbox(let address, let name?):
            let quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return "\"\(quoted)\" <\(address)>"
        }
    }
}
