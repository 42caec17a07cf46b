// What Package.swift, the sources and docs/architecture.md say of the rooms, each read by itself.

import MailTestKit

/// A target of ours: a room or a command.
struct Target: Hashable {
    let name: String
    /// The targets of ours that it uses, C libraries aside.
    let uses: Set<String>
}

/// The house as three witnesses tell of it.
enum HouseDrawing {
    /// The rooms and commands of Package.swift, in its order.
    static func manifest() throws -> [Target] {
        let text = try Project.text("Package.swift")
        var targets: [Target] = []
        for maker in ["room(", "command("] {
            // Behind a blank: the functions' own declarations have the name behind `func `.
            for call in text.split(separator: "        \(maker)").dropFirst() {
                let strings = call.prefix { $0 != ")" }.split(separator: "\"", omittingEmptySubsequences: false)
                let quoted = strings.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
                guard let name = quoted.first else { throw KitError("a call of \(maker) names no target") }
                let uses = quoted.dropFirst().filter { !isLibrary($0) }
                targets.append(Target(name: name, uses: Set(uses.prefix { $0 != "NIOCore" })))
            }
        }
        return targets
    }

    private static func isLibrary(_ name: String) -> Bool {
        ["CMHSys", "CIDN2", "COpenSSL", "CUnbound", "CMaxMindDB", "CGPGME", "CSSH2", "CZlib"].contains(name)
    }

    /// The modules that the files of `target` import.
    static func imports(of target: Target, isCommand: Bool) throws -> Set<String> {
        let folder = isCommand ? "Sources/\(target.name)" : "Sources/Common/\(target.name)"
        let files = ScratchDirectory.names(in: "\(Project.path)/\(folder)").filter { $0.hasSuffix(".swift") }
        guard !files.isEmpty else { throw KitError("no sources in \(folder)") }
        var modules: Set<String> = []
        for file in files {
            for line in try Project.text("\(folder)/\(file)").split(separator: "\n") {
                let words = line.split(separator: " ").drop {
                    $0.hasPrefix("@") || ["internal", "public"].contains($0)
                }
                if words.count == 2, words.first == "import", let module = words.last { modules.insert(String(module)) }
            }
        }
        return modules
    }

    /// The floors of the picture, the lowest first: the names that stand on each.
    static func floors() throws -> [[String]] {
        let lines = try Project.text("docs/architecture.md").split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: "```floors"), let end = lines[(start + 1)...].firstIndex(of: "```")
        else {
            throw KitError("docs/architecture.md has no picture of the floors")
        }
        var floors: [Int: [String]] = [:]
        var floor: Int?
        for line in lines[(start + 1)..<end] {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            floor = Int(first) ?? floor
            guard let floor else { throw KitError("a line of the picture before its first floor: \(line)") }
            floors[floor, default: []] += Int(first) == nil ? words : Array(words.dropFirst())
        }
        return floors.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The rows of the table of rooms: a name, and the names behind it.
    static func table() throws -> [Target] {
        try Project.text("docs/architecture.md").split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap {
            line in
            let cells = line.split(separator: "|").map { names(in: $0) }
            guard cells.count == 3, cells[0].count == 1, !cells[0][0].contains(".") else { return nil }
            return Target(name: cells[0][0], uses: Set(cells[2]))
        }
    }

    /// What stands between backticks in `text`.
    static func names(in text: Substring) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
