// The grammar of aliases files: that of sendmail, masqmail and chasquid.

import MailFormat
import MailRouting
import Octets

/// A place that an alias leads to, as it was written and as it was read.
public struct AliasMember: Sendable, Hashable {
    /// Without quotes.
    public let text: String
    public let target: Result<AliasTarget, AliasError>
    /// Where it was read from.
    public let file: String
    /// Counted from 1.
    public let line: Int
    /// For messages: `file:line`.
    public var place: String { "\(file):\(line)" }

    init(_ text: String, file: String, line: Int) {
        (self.text, self.file, self.line) = (text, file, line)
        do throws(AliasError) { target = .success(try AliasTarget(text)) } catch { target = .failure(error) }
    }
}

/// One alias: a name, and where its mail goes.
public struct AliasEntry: Sendable, Hashable {
    public let name: String
    /// The line that the name stands in, counted from 1.
    public let line: Int
    public let members: [AliasMember]
    /// Why nothing is known of where it leads; what is wrong with a single member stands there.
    public let fault: AliasError?

    /// The domain of the name, unless that is a pattern, or has none.
    public var domain: String? {
        guard let at = name.lastIndex(of: "@") else { return nil }
        let domain = String(name[name.index(after: at)...])
        return domain.contains { $0 == "*" || $0 == "?" } ? nil : domain
    }

    /// What is wrong with it, by lines.
    public var faults: [(line: Int, error: AliasError)] {
        if let fault { return [(line, fault)] }
        return members.compactMap { if case .failure(let error) = $0.target { ($0.line, error) } else { nil } }
    }
}

/// An aliases file as it was read:
///
/// ```
/// name: target, target …        # a line that begins with a blank continues the one above
/// name = bare / quoted          ; with * and ? a pattern where it is bare; with an @ the whole address
/// target = address / \address / address via account/account / *@domain / :include:/path / |program / /path
/// ```
///
/// What is wrong with a line concerns its own name alone.
public struct AliasFile: Sendable, Hashable {
    /// Octets of a file.
    public static let sizeLimit = 4 << 20
    /// Octets of a line with those that continue it.
    public static let lineLimit = 1 << 20
    /// Places that one alias leads to.
    public static let memberLimit = 1000

    /// Where it was read from, for messages.
    public let path: String
    public private(set) var entries: [AliasEntry] = []
    /// Lines that name nobody.
    public private(set) var unnamed: [(line: Int, error: AliasError)] = []
    /// Names that stand twice: the later one holds.
    public private(set) var repeated: [(name: String, line: Int, earlier: Int)] = []
    private var exact: [String: Int] = [:]
    private var patterns = Patterns()
    private var anybody = Patterns()

    public init(parsing octets: [UInt8], path: String) {
        self.path = path
        for line in LogicalLine.all(of: octets) { add(line) }
    }

    private mutating func add(_ line: LogicalLine) {
        var scanner = AliasScanner(line)
        let name: AliasScanner.Name
        do throws(AliasError) { name = try scanner.name() } catch {
            unnamed.append((line.number, error))
            return
        }
        var members: [AliasMember] = []
        var fault: AliasError?
        do throws(AliasError) {
            if let known = name.fault { throw known }
            members = try scanner.members(limit: Self.memberLimit, of: path)
            if members.isEmpty { throw .noTarget }
            if line.isCutOff { throw .cutOff }
        } catch {
            (members, fault) = ([], error)
        }
        let entry = AliasEntry(name: name.text, line: line.number, members: members, fault: fault)
        entries.append(entry)
        let index = entries.count - 1
        if !name.isQuoted, name.key == "*" || name.key == "default" {
            note(earlier: anybody.set(nil, to: index), entry)
        } else if let pattern = name.pattern, pattern.localPart == "*" {
            note(earlier: anybody.set(pattern, to: index), entry)
        } else if let pattern = name.pattern {
            note(earlier: patterns.set(pattern, to: index), entry)
        } else {
            note(earlier: exact.updateValue(index, forKey: name.key), entry)
        }
    }

    private mutating func note(earlier index: Int?, _ entry: AliasEntry) {
        if let index { repeated.append((entry.name, entry.line, entries[index].line)) }
    }

    /// The alias of this rank that names `address`, which has a domain.
    func entry(for address: Address, _ rank: AliasRank) -> AliasEntry? {
        let local = address.localPart.lowercased()
        let index: Int?
        switch rank {
        case .exact: index = exact["\(local)@\(address.domain ?? "")"] ?? exact[local]
        case .pattern: index = patterns.entry(for: address)
        case .anybody: index = anybody.entry(for: address)
        }
        return index.map { entries[$0] }
    }

    public static func == (one: AliasFile, other: AliasFile) -> Bool {
        one.path == other.path && one.entries == other.entries
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(path)
        hasher.combine(entries)
    }

    /// The places that an included file leads to: targets apart by commas or by lines.
    /// - Parameter path: where it was read from.
    public static func included(_ octets: [UInt8], path: String) -> [AliasMember] {
        var members: [AliasMember] = []
        for line in LogicalLine.all(of: octets, joining: false) {
            var scanner = AliasScanner(line)
            do throws(AliasError) {
                if let fault = line.fault { throw fault }
                members += try scanner.members(limit: Self.memberLimit, of: path)
                if line.isCutOff, !members.isEmpty { throw .cutOff }
            } catch {
                members.append(AliasMember(faulty: error, file: path, line: line.number))
            }
        }
        return members
    }
}

/// Patterns in lower case, and the entry of each; a missing pattern stands for everybody.
private struct Patterns: Sendable {
    /// What a local part begins or ends with that a pattern matches: only such patterns are tried.
    private enum Part: Hashable, Sendable {
        case prefix(String)
        case suffix(String)

        /// The longer of the two.
        init(of pattern: AddressPattern?) {
            func isPlain(_ character: Unicode.Scalar) -> Bool { character != "*" && character != "?" }
            let local = (pattern?.localPart ?? "*").unicodeScalars
            let prefix = local.prefix(while: isPlain)
            let suffix = local.reversed().prefix(while: isPlain).count
            self =
                prefix.count >= suffix
                ? .prefix(String(String.UnicodeScalarView(prefix)))
                : .suffix(String(String.UnicodeScalarView(local.suffix(suffix))))
        }

        static func all(of localPart: String) -> [Part] {
            let scalars = localPart.unicodeScalars
            return (0...scalars.count).flatMap { count in
                [
                    .prefix(String(String.UnicodeScalarView(scalars.prefix(count)))),
                    .suffix(String(String.UnicodeScalarView(scalars.suffix(count)))),
                ] as [Part]
            }
        }
    }

    /// In the order in which they came first.
    private var order: [AddressPattern?] = []
    private var entries: [AddressPattern?: Int] = [:]
    /// The places in `order` of those that have a part, ascending.
    private var places: [Part: [Int]] = [:]

    /// - Returns: the entry that it had, which does not count any more.
    mutating func set(_ pattern: AddressPattern?, to entry: Int) -> Int? {
        let earlier = entries.updateValue(entry, forKey: pattern)
        if earlier == nil {
            places[Part(of: pattern), default: []].append(order.count)
            order.append(pattern)
        }
        return earlier
    }

    /// The entry of the first pattern that names `address`; those with a domain come before the others.
    func entry(for address: Address) -> Int? {
        guard !order.isEmpty else { return nil }
        var first: (isAnywhere: Int, place: Int)?
        for place in Part.all(of: address.localPart.lowercased()).lazy.compactMap({ places[$0] }).joined() {
            let candidate = (order[place]?.domain == nil ? 1 : 0, place)
            guard first.map({ candidate < $0 }) ?? true,
                order[place]?.matches(address, foldingLocalPart: true) ?? true
            else { continue }
            first = candidate
        }
        return first.flatMap { entries[order[$0.place]] }
    }
}

extension AliasMember {
    /// A line of which nothing could be read.
    fileprivate init(faulty error: AliasError, file: String, line: Int) {
        (text, target) = ("", .failure(error))
        (self.file, self.line) = (file, line)
    }
}

/// A line with those that continue it.
private struct LogicalLine {
    var octets: [UInt8]
    /// Where physical lines begin in `octets`, and their numbers.
    var starts: [(offset: Int, number: Int)]
    var fault: AliasError?
    var isCutOff = false
    var number: Int { starts[0].number }

    /// The lines of a file, without those that are empty or comments.
    static func all(of octets: [UInt8], joining: Bool = true) -> [LogicalLine] {
        var lines: [LogicalLine] = []
        var number = 0
        var rest = octets[...]
        while !rest.isEmpty {
            number += 1
            let end = rest.firstIndex(of: Octet.lf)
            var line = rest[..<(end ?? rest.endIndex)]
            rest = end.map { rest[($0 + 1)...] } ?? []
            if line.last == Octet.cr { line = line.dropLast() }
            let text = line.drop { $0 == Octet.space || $0 == Octet.tab }
            guard let first = text.first, first != 0x23 else { continue }
            let isContinued = joining && text.startIndex != line.startIndex && !lines.isEmpty
            if isContinued {
                let last = lines.count - 1
                lines[last].starts.append((lines[last].octets.count + 1, number))
                lines[last].octets += [Octet.space] + line
            } else {
                lines.append(LogicalLine(octets: Array(line), starts: [(0, number)]))
            }
            let last = lines.count - 1
            if end == nil { lines[last].isCutOff = true }
            if lines[last].octets.count > AliasFile.lineLimit {
                lines[last].fault = .lineTooLong(limit: AliasFile.lineLimit)
            } else if line.contains(where: { $0 < 0x20 && $0 != Octet.tab || $0 == 0x7F }) {
                lines[last].fault = .controlCharacter
            } else if String(validating: line, as: UTF8.self) == nil {
                lines[last].fault = .notUTF8
            }
        }
        return lines
    }
}

/// Reads the name and the targets of a line.
private struct AliasScanner {
    struct Name {
        var text: String
        var isQuoted: Bool
        var pattern: AddressPattern?
        /// In lower case.
        var key: String
        var fault: AliasError?
    }

    private let line: LogicalLine
    private var at = 0
    /// Which physical line `at` is in, as far as it was asked.
    private var start = 0
    private var octets: [UInt8] { line.octets }

    init(_ line: LogicalLine) { self.line = line }

    private static func isBlank(_ octet: UInt8) -> Bool { octet == Octet.space || octet == Octet.tab }

    /// Goes on to the physical line that `at` is in.
    private mutating func advance() {
        while start + 1 < line.starts.count, line.starts[start + 1].offset <= at { start += 1 }
    }

    private mutating func skipBlanks() { while at < octets.count, Self.isBlank(octets[at]) { at += 1 } }

    /// `name :`
    mutating func name() throws(AliasError) -> Name {
        guard let first = octets.first, !Self.isBlank(first) else { throw .noName }
        var isQuoted = false
        var text = ""
        if first == 0x22 {
            isQuoted = true
            text = try quoted()
        } else {
            let end = octets.firstIndex { $0 == 0x3A || Self.isBlank($0) } ?? octets.count
            // Of a broken line the name is wanted all the same, as far as it is one.
            guard let bare = String(validating: octets[..<end], as: UTF8.self) else { throw .notUTF8 }
            text = bare
            at = end
        }
        skipBlanks()
        guard !text.isEmpty else { throw .noName }
        var name = Name(text: text, isQuoted: isQuoted, key: text.lowercased(), fault: line.fault)
        if at < octets.count, octets[at] == 0x3A { at += 1 } else { name.fault = name.fault ?? .noColon(name: text) }
        guard name.fault == nil else { return name }
        do throws(PatternError) {
            let pattern = try AddressPattern(parsing: name.key)
            if !isQuoted, pattern.isGlob { name.pattern = pattern }
            if pattern.isNull || text.utf8.contains(0x2C) { name.fault = .badName(text) }
        } catch {
            name.fault = .badName(text)
        }
        return name
    }

    /// The text between quotes; `\x` in it is x.
    private mutating func quoted() throws(AliasError) -> String {
        var text: [UInt8] = []
        at += 1
        while at < octets.count, octets[at] != 0x22 {
            if octets[at] == 0x5C {
                at += 1
                guard at < octets.count else { throw .unclosedQuote }
            }
            text.append(octets[at])
            at += 1
        }
        guard at < octets.count else { throw .unclosedQuote }
        at += 1
        return String(decoding: text, as: UTF8.self)
    }

    mutating func members(limit: Int, of file: String) throws(AliasError) -> [AliasMember] {
        var members: [AliasMember] = []
        while true {
            while at < octets.count, Self.isBlank(octets[at]) || octets[at] == 0x2C { at += 1 }
            guard at < octets.count else { return members }
            if skipComment() { continue }
            guard members.count < limit else { throw .tooMany(limit: limit) }
            advance()
            let number = line.starts[start].number
            members.append(AliasMember(try member(), file: file, line: number))
        }
    }

    /// A `#` at the beginning of a physical line or behind a blank: nothing more of that line counts.
    private mutating func skipComment() -> Bool {
        guard octets[at] == 0x23, at == 0 || Self.isBlank(octets[at - 1]) else { return false }
        advance()
        at = start + 1 < line.starts.count ? line.starts[start + 1].offset : octets.count
        return true
    }

    private mutating func member() throws(AliasError) -> String {
        if octets[at] == 0x7C {
            defer { at = octets.count }
            guard !octets[at...].contains(0x2C) else { throw .commaInProgram }
            return Self.trimmed(octets[at...])
        }
        let start = at
        if octets[at] == 0x22 {
            let text = try quoted()
            // `"a b"@example.org` is an address: its quotes belong to it.
            guard at < octets.count, octets[at] == 0x40 else {
                skipBlanks()
                guard at == octets.count || octets[at] == 0x2C || octets[at] == 0x23 else {
                    throw .badAddress(Self.trimmed(octets[start...]), .badLocalPart)
                }
                return text
            }
        }
        while at < octets.count, octets[at] != 0x2C {
            if octets[at] == 0x23, Self.isBlank(octets[at - 1]) { break }
            at += 1
        }
        return Self.trimmed(octets[start..<at])
    }

    private static func trimmed(_ octets: ArraySlice<UInt8>) -> String {
        let text = octets.drop(while: isBlank)
        let end = text.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? text.startIndex
        return String(decoding: text[..<end], as: UTF8.self)
    }
}
