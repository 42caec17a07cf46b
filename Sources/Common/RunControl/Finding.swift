// What `--check` looks at, and what it has to say.

import Reporting

/// One thing that `--check` found.
public struct Finding: Sendable, Hashable, CustomStringConvertible {
    public enum Weight: Sendable, Hashable {
        /// The command's run would refuse it.
        case fault
        /// The run goes on, and somebody may be surprised.
        case warning
    }

    public let weight: Weight
    /// Where in the rc it stands; `nil` for what concerns no line.
    public let position: SourcePosition?
    public let message: String

    /// `file:line:column: message`, free of control characters.
    public var description: String {
        let text = weight == .warning ? "warning: \(message)" : message
        return printable(position.map { "\($0): \(text)" } ?? text)
    }
}

/// Findings as the checks make them; each is told once.
public struct Findings: Sendable {
    private var found: [Finding] = []
    private var known: Set<String> = []

    public init() {}

    /// In the order of their places, those without one last.
    public var all: [Finding] {
        var files: [String: Int] = [:]
        for finding in found {
            if let file = finding.position?.file, files[file] == nil { files[file] = files.count }
        }
        return found.enumerated().sorted { one, other in
            guard let first = one.element.position, let second = other.element.position else {
                return (one.element.position == nil ? 1 : 0, one.offset) < (
                    other.element.position == nil ? 1 : 0, other.offset
                )
            }
            if first.file != second.file { return (files[first.file] ?? 0) < (files[second.file] ?? 0) }
            if first.precedes(second) { return true }
            return !second.precedes(first) && one.offset < other.offset
        }.map(\.element)
    }

    public var hasFaults: Bool { found.contains { $0.weight == .fault } }

    public mutating func fault(_ position: SourcePosition?, _ message: String) {
        add(Finding(weight: .fault, position: position, message: message))
    }

    public mutating func warning(_ position: SourcePosition?, _ message: String) {
        add(Finding(weight: .warning, position: position, message: message))
    }

    private mutating func add(_ finding: Finding) {
        if known.insert(finding.description).inserted { found.append(finding) }
    }
}

/// One thing that `--check` looks at. A command puts together the checks of what its own run needs; the room that knows
/// a thing (keys, programs, folder names) has the check of it, in an extension.
public struct Check: Sendable {
    private let look: @Sendable (HubSettings, inout Findings) -> Void

    /// - Parameter look: touches nothing, contacts nobody.
    public init(_ look: @escaping @Sendable (HubSettings, inout Findings) -> Void) { self.look = look }

    func carryOut(_ settings: HubSettings, _ findings: inout Findings) { look(settings, &findings) }
}

extension HubSettings {
    /// What `checks` have to say of these settings.
    public func findings(of checks: [Check]) -> Findings {
        var findings = Findings()
        for check in checks { check.carryOut(self, &findings) }
        return findings
    }
}
