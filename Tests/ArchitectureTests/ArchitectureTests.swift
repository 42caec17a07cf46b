// The house is as docs/architecture.md draws it: rooms, floors, imports, and the types that its walks name.

import MailTestKit
import Testing

@Suite("The house")
struct ArchitectureTests {
    private let targets: [Target]
    private let floors: [[String]]
    private let commands = ["mhfetch", "mhsend", "mhcarry", "mhqueue", "mhroute", "mhserve"]

    init() throws {
        targets = try HouseDrawing.manifest()
        floors = try HouseDrawing.floors()
    }

    @Test("every room and command stands once on a floor of the picture, and nothing else does")
    func picture() {
        #expect(floors.flatMap { $0 }.sorted() == targets.map(\.name).sorted())
    }

    @Test("the table of rooms says what Package.swift lets each of them use")
    func table() throws {
        let rows = Dictionary(try HouseDrawing.table().map { ($0.name, $0.uses) }, uniquingKeysWith: { one, _ in one })
        for target in targets {
            let wanted = target.uses.sorted().map { "`\($0)`" }.joined(separator: " ")
            #expect(rows[target.name] == target.uses, "docs/architecture.md, row of `\(target.name)`: uses \(wanted)")
        }
        #expect(Set(rows.keys) == Set(targets.map(\.name)))
    }

    @Test("imports go down: to a lower floor, or to what stands before it on the same one")
    func down() {
        let order = floors.flatMap { $0 }
        for target in targets {
            guard let own = order.firstIndex(of: target.name) else { continue }  // the picture's test tells
            for used in target.uses {
                #expect(order[..<own].contains(used), "\(target.name) uses \(used), which stands no lower")
            }
        }
    }

    @Test("a room imports what Package.swift gives it, all of it and nothing more")
    func imports() throws {
        let names = Set(targets.map(\.name))
        for target in targets {
            let found = try HouseDrawing.imports(of: target, isCommand: commands.contains(target.name))
            #expect(found.intersection(names) == target.uses, "\(target.name)")
        }
    }

    @Test("the longest chain of imports has six links, its command among them")
    func chains() {
        let uses = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0.uses) })
        var known: [String: [String]] = [:]
        func longest(_ name: String) -> [String] {
            if let chain = known[name] { return chain }
            let below = (uses[name] ?? []).sorted().map(longest).max { $0.count < $1.count } ?? []
            known[name] = [name] + below
            return [name] + below
        }
        for target in targets {
            let chain = longest(target.name)
            #expect(chain.count <= 6, "\(chain.joined(separator: " → "))")
        }
    }

    @Test("what a walk passes on is a type of the room that it names")
    func walks() throws {
        let text = try Project.text("docs/architecture.md")
        let steps = text.split(separator: "\n").filter { $0.first.map(\.isNumber) ?? false && $0.contains("`") }
        let named = steps.map { HouseDrawing.names(in: $0) }.joined().filter { $0.contains(".") }
        #expect(named.count >= 20, "the walks name the values that they pass on")
        for name in named {
            let parts = name.split(separator: ".").map(String.init)
            let folder = commands.contains(parts[0]) ? "Sources/\(parts[0])" : "Sources/Common/\(parts[0])"
            let files = ScratchDirectory.names(in: "\(Project.path)/\(folder)").filter {
                $0.hasSuffix(".swift")
            }
            let sources = try files.map { try Project.text("\(folder)/\($0)") }.joined(separator: "\n")
            for type in parts.dropFirst() {
                let isDeclared = ["struct", "enum", "class", "protocol", "actor", "typealias"].contains { kind in
                    [" ", ":", "<", "(", "\n", ","].contains { sources.contains("\(kind) \(type)\($0)") }
                }
                #expect(isDeclared, "`\(name)` in docs/architecture.md: there is no \(type) in \(folder)")
            }
        }
    }
}
