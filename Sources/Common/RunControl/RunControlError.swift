// What is wrong with an rc: every fault at its place, or why there is no rc to read.

import Glibc
import Reporting

/// One thing that is wrong, where it stands, and what to do.
public struct RunControlFault: Error, Sendable, Hashable, CustomStringConvertible {
    public let position: SourcePosition
    public let message: String

    public init(_ position: SourcePosition, _ message: String) {
        self.position = position
        self.message = message
    }

    /// `file:line:column: message`, free of control characters.
    public var description: String { printable("\(position): \(message)") }
}

/// Why there are no settings.
public enum RunControlError: Complaint, Hashable {
    /// All that is wrong in the rc, in its order.
    case faults([RunControlFault])
    /// No rc at any of the places where it is looked for.
    case noneFound(lookedIn: [String])
    /// The rc that was named is not there.
    case missing(path: String, namedBy: String)
    /// There is an rc, and we may not read it.
    case unreadable(path: String, code: Int32)
    /// The rc is a directory, a pipe or a device.
    case notAFile(path: String)
    /// Others may read the secrets in it, or change what it makes us do.
    case unsafe(path: String, why: String, command: String)

    public var exitStatus: ExitStatus {
        switch self {
        case .faults, .noneFound, .notAFile: .configuration
        case .missing: .noInput
        case .unreadable(_, let code): code == 13 || code == 1 ? .noPermission : .ioError
        case .unsafe: .noPermission
        }
    }

    /// A line for each thing that is wrong.
    public var lines: [String] {
        switch self {
        case .faults(let faults): faults.map(\.description)
        case .noneFound(let paths):
            ["there is no rc; looked for:"] + paths.map { printable("  \($0)") }
                + ["copy examples/mailhubrc to one of them and change it, or name a file with -C"]
        case .missing(let path, let name): [printable("\(path): there is no such file, though \(name) names it")]
        case .unreadable(let path, let code) where code == 13 && FileSafety.isMachinesHub(path, of: geteuid()):
            [
                printable(
                    "\(path): this is for the user of the hub of this machine; hand mail in with mhsend, or write ~/.mailhubrc for a hub of your own"
                )
            ]
        case .unreadable(let path, let code) where code == 13 && geteuid() != 0:
            [
                printable(
                    "\(path): cannot read the rc as the user \(FileSafety.reader(of: path).user): \(reason(code)); as root run: "
                        + FileSafety.reader(of: path).command)
            ]
        case .unreadable(let path, let code): [printable("\(path): cannot read the rc: \(reason(code))")]
        case .notAFile(let path): [printable("\(path): the rc must be a plain file")]
        case .unsafe(let path, let why, let command): [printable("\(path): \(why); run: \(command)")]
        }
    }

    public var description: String { lines.joined(separator: "\n") }
}

/// Faults as they are found; bounded, each told once.
struct FaultList {
    /// More than a person mends in one go.
    static let limit = 100

    private(set) var faults: [RunControlFault] = []
    private var known: Set<String> = []
    private(set) var isCut = false

    var isEmpty: Bool { faults.isEmpty }
    var isFull: Bool { faults.count >= Self.limit }

    mutating func add(_ position: SourcePosition, _ message: String) { add(RunControlFault(position, message)) }

    mutating func add(_ fault: RunControlFault) {
        guard !known.contains(fault.description) else { return }
        guard !isFull else {
            isCut = true
            return
        }
        known.insert(fault.description)
        faults.append(fault)
    }

    /// In the order of the files read, within a file by place.
    func sorted(files: [String]) -> [RunControlFault] {
        let order = Dictionary(files.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var all = faults.enumerated().sorted { one, other in
            let (first, second) = (one.element.position, other.element.position)
            if first.file != second.file { return (order[first.file] ?? .max) < (order[second.file] ?? .max) }
            if first.precedes(second) { return true }
            if second.precedes(first) { return false }
            return one.offset < other.offset
        }.map(\.element)
        if isCut, let last = all.last {
            all.append(RunControlFault(last.position, "more faults follow; mend these first"))
        }
        return all
    }
}
