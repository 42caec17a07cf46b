// The EXIT STATUS of each page and the statuses the code can end with.

import MailTestKit
import Testing

/// Compared are the pages and the sources: a status is one that an error type says of itself. Which types can end a command
/// stands here by hand, and so does why others cannot: a new type in a command's rooms turns this red until it has its place.
@Suite("manual pages")
struct ManualPageTests {
    private static let pages = [
        "mhfetch": "mhfetch.1", "mhsend": "mhsend.8", "mhcarry": "mhcarry.8", "mhqueue": "mhqueue.8",
        "mhroute": "mhroute.1", "mhserve": "mhserve.8",
    ]

    /// Of every command but mhsend: the rc, the user, the log, and what is printed.
    private static let start: Set = ["ArgumentError", "RunControlError", "HubUserError", "LogError", "OutputError"]
    private static let disk: Set = ["DurableError", "OwnershipFault", "ThreadError"]

    /// The types whose errors can end a command.
    private static let ends: [String: Set<String>] = [
        "mhfetch": start.union(disk).union([
            "AccountError", "AccountFault", "DeflateError", "DigestError", "FetchError", "IMAPError", "JournalError",
            "LedgerError",
            "LoginRecordError", "StateFileError",
            "MaildirError", "PathError", "POP3Error", "ProgramError", "SpoolError", "TLSError", "TransportError",
        ]),
        "mhsend": [
            "ArgumentError", "RunControlError", "HubUserError", "DurableError", "OwnershipFault", "IntakeError",
            "DialogueError", "DropError", "OptionError",
            "OutputError", "QueueError", "SiblingError",
        ],
        "mhcarry": start.union(disk).union(["CarryError", "QueueError", "SendingError"]),
        "mhqueue": start.union(disk).union(["QueueCommandError", "QueueError", "SiblingError"]),
        "mhroute": start,
        "mhserve": start.union(disk).union(["KeeperError", "LoginFault", "ProgramError", "QueueError", "TLSError"]),
    ]

    /// The types of a command's rooms whose errors cannot end it, and why.
    private static let contained: [String: [String: String]] = [
        "mhfetch": [
            "LineFault": "speaks to no other process of the hub",
            "SMTPError": "the message waits", "SiblingError": "starts no command of the hub",
            "DeliveryError": "the message waits", "MboxError": "the message waits",
            "QueueError": "is a concern of the hub's health",
        ],
        "mhsend": [
            "LineFault": "speaks to no other process of the hub",
            "LogError": "writes no log", "ProgramError": "runs no program", "ThreadError": "has one thread",
            "SMTPError": "is the client's",
            "JournalError": "is told as a QueueError", "StateFileError": "is told as a QueueError",
        ],
        "mhcarry": [
            "LineFault": "speaks to no other process of the hub",
            "AccountError": "the route waits, or it is told as a SendingError", "DeflateError": "the route waits",
            "MailHostError": "is told of the mail", "ResolverError": "is told as a MailHostError",
            "DigestError": "the recipient waits", "PathError": "the route waits",
            "ProgramError": "the route waits", "TLSError": "the route waits", "TransportError": "the route waits",
            "SMTPError": "the route waits", "POP3Error": "collects nothing", "IMAPError": "collects nothing",
            "MaildirError": "the recipient waits", "DeliveryError": "the recipient waits",
            "MboxError": "the recipient waits",
            "SiblingError": "is logged",
            "JournalError": "is told as a QueueError", "StateFileError": "is told as a QueueError",
            "LoginRecordError": "the route waits",
        ],
        "mhqueue": [
            "LineFault": "speaks to no other process of the hub", "ProgramError": "runs no program",
            "JournalError": "is told as a QueueError", "StateFileError": "is told as a QueueError",
        ],
        "mhroute": [
            "LineFault": "speaks to no other process of the hub",
            "ProgramError": "runs no program", "SiblingError": "starts no command of the hub",
            "ThreadError": "has one thread", "DurableError": "opens no state", "OwnershipFault": "opens no state",
            "JournalError": "opens no state", "StateFileError": "opens no state",
        ],
        "mhserve": [
            "LineFault": "is told as a KeeperError",
            "DigestError": "ends a session", "ServerContextError": "ends a session", "MaildirError": "ends a session",
            "POP3Error": "ends a session", "SMTPError": "ends a session", "DeliveryError": "is told to the client",
            "MboxError": "writes no mbox",
            "SiblingError": "is logged",
            "JournalError": "is told as a QueueError", "StateFileError": "is told as a QueueError",
        ],
    ]

    /// Types of another command that ends in the place of this one.
    private static let inItsPlace: [String: (command: String, types: [String])] = [
        "mhsend": ("mhcarry", ["SendingError"])
    ]

    /// Statuses of those types that stand for what the command never does.
    private static let beyond: [String: [Int: String]] = [
        "mhserve": [76: "no server is spoken to, and a client's handshake ends its session alone"]
    ]

    @Test("every status that a command can exit with stands in its page, and no other", arguments: pages.keys.sorted())
    func statuses(of command: String) throws {
        let types = try Self.types(in: Self.rooms(of: command))
        let ends = try #require(Self.ends[command])
        let contained = try #require(Self.contained[command])
        #expect(Set(types.keys) == ends.union(contained.keys), "\(command): each type has its place")
        // 64 is the parser's; 70 is the end of every error that is no Complaint (``complain(_:as:)``).
        var expected: Set = [0, 64, 70]
        for name in ends { expected.formUnion(types[name] ?? []) }
        if let other = Self.inItsPlace[command] {
            let theirs = try Self.types(in: Self.rooms(of: other.command))
            for name in other.types { expected.formUnion(try #require(theirs[name])) }
        }
        expected.subtract(Self.beyond[command, default: [:]].keys)
        let page = try Self.page(try #require(Self.pages[command]))
        #expect(
            page == expected,
            "missing \(expected.subtracting(page).sorted()), idle \(page.subtracting(expected).sorted())")
    }

    // MARK: What the files say

    /// The numbers of the section EXIT STATUS.
    private static func page(_ name: String) throws -> Set<Int> {
        var found: Set<Int> = []
        var isInside = false
        for line in try Project.text("man/\(name)").split(separator: "\n") {
            if line.hasPrefix(".Sh ") { isInside = line == ".Sh EXIT STATUS" }
            guard isInside, line.hasPrefix(".It ") else { continue }
            found.formUnion(line.split(separator: " ").compactMap { Int($0) })
        }
        return found
    }

    /// The folders of the modules that a command is made of.
    private static func rooms(of command: String) throws -> [String] {
        let manifest = try Project.text("Package.swift")
        var uses: [String: [String]] = [:]
        for match in manifest.matches(of: /(?:room|command)\(\s*"(\w+)"(?:,\s*uses:((?:\s*"\w+",?)+))?/) {
            uses[String(match.1)] = (match.2 ?? "").matches(of: /"(\w+)"/).map { String($0.1) }
        }
        var found: Set<String> = []
        var rest = [command]
        while let name = rest.popLast() {
            if found.insert(name).inserted { rest += uses[name] ?? [] }
        }
        return found.sorted().map { $0 == command ? "Sources/\($0)" : "Sources/Common/\($0)" }
    }

    /// The statuses that each error type in `folders` says of itself.
    private static func types(in folders: [String]) throws -> [String: Set<Int>] {
        var numbers: [String: Int] = [:]
        for match in try Project.text("Sources/Common/Reporting/ExitStatus.swift").matches(of: /case (\w+) = (\d+)/) {
            numbers[String(match.1)] = Int(match.2)
        }
        var types: [String: Set<Int>] = [:]
        for folder in folders {
            for file in ScratchDirectory.names(in: "\(Project.path)/\(folder)") where file.hasSuffix(".swift") {
                let source = try Project.text("\(folder)/\(file)")
                for match in source.matches(of: /(?:enum|struct|extension) (\w+): [^{\n]*\bComplaint\b/) {
                    let rest = source[match.range.upperBound...]
                    let start = try #require(rest.firstRange(of: "var exitStatus: ExitStatus {"), "\(match.1)")
                    let words = answers(in: braces(of: rest[start.upperBound...]))
                    let named = words.matches(of: /\.(\w+)/).compactMap { numbers[String($0.1)] }
                    types[String(match.1)] = Set(named)
                }
            }
        }
        return types
    }

    /// `body` without what stands between a `case` and its colon: there are causes, not statuses.
    private static func answers(in body: String) -> String {
        body.split(separator: "case ", omittingEmptySubsequences: false).enumerated().map { at, piece in
            guard at > 0 else { return String(piece) }
            var depth = 0
            let colon = piece.firstIndex { character in
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
                return depth == 0 && character == ":"
            }
            return colon.map { String(piece[$0...]) } ?? String(piece)
        }.joined()
    }

    /// `text` up to the brace that closes what is open at its beginning.
    private static func braces(of text: Substring) -> String {
        var depth = 1
        return String(
            text.prefix { character in
                if character == "{" { depth += 1 }
                if character == "}" { depth -= 1 }
                return depth > 0
            })
    }
}
