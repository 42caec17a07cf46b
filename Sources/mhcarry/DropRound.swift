// Mail that users without rights to the queue have left: taken in before a pass over the queue.

import Blocking
import DurableFiles
import Glibc
import Octets
import Programs
import Reporting
import RunControl
import SpoolQueue

/// Has `mhsend` take in what lies in the drop directory of the machine's hub. A hub of one's own has none.
struct DropRound {
    /// How long that may take; what is left waits for the next run.
    private static let patience = Duration.seconds(600)
    /// Octets of its report: a line for each message of many users.
    private static let reportLimit = 16 << 20
    /// Files that a letter names.
    private static let namedFiles = 20
    /// Where mhsend puts what it does not take in, in the state directory.
    private static let refused = "drop-refused"

    let hub: CarrierHub
    /// How often it is looked while a run is at work, which may take long.
    static let pace = Duration.seconds(2)
    /// What the directory looked like when its names were read last.
    private var look = ""
    /// The files that were there when mail was taken in last. What is left of them waits for the next run: of one user there
    /// may be more than a run takes in.
    private var known: Set<String> = []

    init(hub: CarrierHub) { self.hub = hub }

    /// As ``run()``, where files have come since.
    mutating func runAgain() {
        guard hub.settings.isSystem, Self.look() != look else { return }
        do {
            look = Self.look()
            guard let drop = try directory(), try !known.isSuperset(of: drop.names()) else { return }
        } catch {
            return hub.log.write(.error, "drop", [("error", sentence(error))])
        }
        run()
    }

    private static func look() -> String { FileStatus.stamp(of: [DropDirectory.path]) }

    /// Takes in what there is. What goes wrong stops no mail that is queued already.
    mutating func run() {
        guard hub.settings.isSystem else { return }
        do {
            var faults: [String: String] = [:]
            look = Self.look()
            known = Set(try directory()?.names() ?? [])
            if try !known.isEmpty || hub.queue.hasStagedDrops() { faults = try takeIn() }
            try tell(of: faults)
        } catch {
            hub.log.write(.error, "drop", [("error", sentence(error))])
        }
    }

    /// - Returns: what is wrong with files that were not taken in, by name.
    private func takeIn() throws -> [String: String] {
        var intake = Program(
            argv: [try SiblingCommand.intake.path(), "-C", hub.settings.source, "--take-drop"],
            deadline: Deadline(after: Self.patience), outputLimit: Self.reportLimit)
        // It is the hub itself, whose user may be root.
        intake.isRoot = { false }
        let result = try intake.run()
        let faults = log(result.output)
        do throws(ProgramError) { try result.requireSuccess(of: "mhsend --take-drop") } catch {
            hub.log.write(.error, "drop", [("error", sentence(error))])
        }
        return faults
    }

    /// The directory, made where its place is the hub's own; `nil` where there is none.
    private func directory() throws -> Directory? {
        if let obstacle = DropDirectory.obstacle {
            hub.log.write(.error, "drop", [("error", obstacle)])
            return nil
        }
        guard DropDirectory.isOwn(hub.settings) else {
            return try FileStatus.at(DropDirectory.path).map { _ in try Directory(path: DropDirectory.path) }
        }
        let state = hub.queue.state
        // By its name: nobody can open one whose mode says so.
        if let status = try state.status(of: DropDirectory.name), status.mode != DropDirectory.mode {
            try state.change(mode: DropDirectory.mode, of: DropDirectory.name)
        }
        let drop = try state.directory(DropDirectory.name, making: 0o700)
        if try drop.status().mode != DropDirectory.mode { try drop.change(mode: DropDirectory.mode) }
        // Others must be able to go through it to the drop directory; what else lies there is closed to them.
        let mode = try state.status().mode
        if mode & 0o001 == 0 { try state.change(mode: mode | 0o011) }
        return drop
    }

    /// Logs what the intake reports.
    /// - Returns: what is wrong with files, by name.
    private func log(_ report: [UInt8]) -> [String: String] {
        var faults: [String: String] = [:]
        for line in report.split(separator: Octet.lf) {
            let words = line.split(separator: Octet.space, maxSplits: 2).map { String(decoding: $0, as: UTF8.self) }
            switch (words.first, words.count) {
            case ("taken", 3): hub.log.write(.info, "drop", [("file", words[1]), ("taken", words[2])])
            case ("left", 3): faults[words[1]] = words[2]  // for the letter: it is so in each run
            case ("aside", 3):
                hub.log.write(.warning, "drop", [("file", words[1]), ("aside", words[2])])
                faults[words[1]] = words[2]
            case ("waiting", 2): hub.log.write(.notice, "drop", [("waiting", words[1])])
            default: hub.log.write(.warning, "drop", [("line", printable(octets: Array(line), limit: 300))])
            }
        }
        return faults
    }

    /// Who has left the file `name`; `nil` where it is gone, or has not the name of a message.
    private func owner(of name: String) throws -> String? {
        guard DropDirectory.isName(name) else { return nil }
        for folder in ["\(hub.settings.stateDirectory)/\(Self.refused)", DropDirectory.path] {
            guard try FileStatus.at(folder) != nil, let status = try Directory(path: folder).status(of: name) else {
                continue
            }
            return UserName.of(status.owner) ?? "user \(status.owner)"
        }
        return nil
    }

    /// Tells the postmaster of what was not taken in: what is still there, and what was put aside since the last letter.
    private func tell(of faults: [String: String]) throws {
        try DailyLetter("drop-told", of: hub).send(isOwed: !faults.isEmpty) { last, id, date in
            var files = faults
            if try hub.queue.state.status(of: Self.refused) != nil {
                let folder = try hub.queue.state.directory(Self.refused)
                for name in try folder.names() where files[name] == nil {
                    guard let status = try folder.status(of: name), status.changed >= last else { continue }
                    files[name] = "put aside; the log says why"
                }
            }
            guard !files.isEmpty else { return nil }
            hub.log.write(.warning, "drop", [("refused", "\(files.count)"), ("such as", files.keys.min())])
            let lines = try files.keys.sorted().prefix(Self.namedFiles).map { name in
                "\(name)\(try owner(of: name).map { " of \($0)" } ?? ""): \(files[name] ?? "")"
            }
            return try hub.notices.write(
                notTakenIn: lines + (files.count > lines.count ? ["…"] : []), id: id, at: date)
        }
    }
}

extension DropDirectory {
    fileprivate static let name = "drop"

    /// Whether its place is the state directory, in which the hub makes it.
    fileprivate static func isOwn(_ settings: HubSettings) -> Bool { path == "\(settings.stateDirectory)/\(name)" }

    /// Why nothing can be taken from it; `nil` for no reason, as where there is none.
    fileprivate static var obstacle: String? {
        do throws(DurableError) {
            guard let status = try FileStatus.at(path), status.owner != geteuid() else { return nil }
            let owner = UserName.of(status.owner) ?? "\(status.owner)"
            return "\(path): belongs to the user \(owner), and no mail in it is taken in; as root: "
                + UserName.givingCommand(path)
        } catch {
            return sentence(error)
        }
    }
}

extension Check {
    /// Users without an rc can hand in mail, and what they have left can be taken in. Warnings only: all other mail goes on.
    static let dropDirectory = Check { settings, findings in
        guard settings.isSystem else { return }
        if let obstacle = DropDirectory.obstacle { return findings.warning(settings.positions["state"], obstacle) }
        do throws(DurableError) {
            guard !DropDirectory.isOwn(settings), try FileStatus.at(DropDirectory.path) == nil else { return }
            let making = UserName.makingCommand(DropDirectory.path, mode: DropDirectory.mode)
            findings.warning(
                settings.positions["state"],
                "users without an rc cannot hand in mail, as there is no \(DropDirectory.path); as root: \(making)")
        } catch {
            findings.warning(settings.positions["state"], sentence(error))
        }
    }
}
