// The checks of aliases: every line of every file, and what stands in the way of following it.

import MailAliases
import MailRouting
import Programs
import RunControl

extension Check {
    /// Aliases files can be read, are ours, and each line means something that can be done; the hook is there. Warnings
    /// only: mail to such an address waits, and the run goes on.
    public static let aliases = Check { settings, findings in
        if let name = settings.aliasHook.first, let obstacle = Program.obstacle(to: name) {
            findings.warning(settings.positions["alias-hook"], "alias-hook: \(obstacle)")
        }
        let book = AliasBook(settings)
        for file in book.read() {
            switch file {
            case .success(let file): look(at: file, of: book, settings, &findings)
            case .failure(let fault):
                findings.warning(position(of: fault.path, in: settings), "the aliases file \(fault)")
            }
        }
    }

    /// Homes in which no .forward can be seen.
    public static let forwardFiles = Check { settings, findings in
        for mailbox in settings.mailboxes where mailbox.forward.isEmpty {
            guard let file = mailbox.unixUser.flatMap({ ForwardFile(ofUser: $0) }) else { continue }
            if file.isHidden {
                findings.warning(
                    mailbox.positions["unix-user"] ?? mailbox.position,
                    "mailbox \(mailbox.name): whether there is a \(file.path) cannot be seen from here, and so none counts; "
                        + "a \"forward\" line does the same")
            }
            do throws(AliasFileFault) { _ = try file.members() } catch {
                findings.warning(
                    mailbox.positions["unix-user"] ?? mailbox.position,
                    "mailbox \(mailbox.name): its mail waits: \(error)")
            }
        }
    }

    /// The place of the word that names an aliases file.
    private static func position(of path: String, in settings: HubSettings) -> SourcePosition? {
        settings.domains.first { $0.aliases == path }.map { $0.positions["aliases"] ?? $0.position }
            ?? settings.positions["aliases"]
    }

    private static func look(
        at file: AliasFile, of book: AliasBook, _ settings: HubSettings, _ findings: inout Findings
    ) {
        func place(_ line: Int) -> SourcePosition { SourcePosition(file: file.path, line: line, column: 1) }
        for (line, error) in file.unnamed { findings.warning(place(line), "\(error)") }
        for (name, line, earlier) in file.repeated {
            findings.warning(place(line), "alias \(name): it stands in line \(earlier) already, which does not count")
        }
        for entry in file.entries {
            if let domain = entry.domain, !book.asks(file.path, for: domain) {
                findings.warning(
                    place(entry.line),
                    "alias \(entry.name): it has no effect, as this is no aliases file of \(domain); see \"domain\" in mailhubrc(5)"
                )
            }
            for (line, error) in entry.faults { findings.warning(place(line), "alias \(entry.name): \(error)") }
            for member in entry.members {
                guard case .success(let target) = member.target,
                    let fault = fault(of: target, asking: book, settings)
                else { continue }
                findings.warning(place(member.line), "alias \(entry.name): \(fault)")
            }
        }
        for (entry, way) in circles(in: file, settings.localAddresses) {
            findings.warning(
                place(entry.line),
                "alias \(entry.name): it leads back to itself, by way of \(way.joined(separator: ", "))")
        }
    }

    /// The aliases that lead back to themselves by way of others, each circle once, with the others of it.
    private static func circles(
        in file: AliasFile, _ locals: LocalAddresses
    ) -> [(entry: AliasEntry, way: [String])] {
        let entries = Dictionary(file.entries.map { ($0.name.lowercased(), $0) }) { $1 }
        var found: [(AliasEntry, [String])] = []
        var done: Set<String> = []
        func follow(_ name: String, _ way: [String]) {
            guard let entry = entries[name] else { return }
            if let start = way.firstIndex(of: name) {
                if way.count - start > 1 { found.append((entry, Array(way[(start + 1)...]))) }
                return
            }
            guard way.count < Expander.depthLimit, done.insert(name).inserted else { return }
            for case .success(.address(let address, isFinal: false, _)) in entry.members.map(\.target) {
                guard address.domain.map({ locals.isOurs(domain: $0) }) ?? true else { continue }
                let whole = "\(address)".lowercased()
                follow(entries[whole] == nil ? address.localPart.lowercased() : whole, way + [name])
            }
        }
        for entry in file.entries { follow(entry.name.lowercased(), []) }
        return found
    }

    /// Why `target` cannot be followed; `nil` for no reason that could be told from here.
    private static func fault(of target: AliasTarget, asking book: AliasBook, _ settings: HubSettings) -> String? {
        switch target {
        case .address(_, isFinal: _, let via), .sameName(_, let via):
            if case .address(let address, _, _) = target, !via.isEmpty,
                settings.localAddresses.resolve(address, aliases: book) != .elsewhere
            {
                return
                    "via \(via.joined(separator: "/")): \(address) is an address of this hub, and no account is asked"
            }
            guard let name = via.first(where: { settings.account($0)?.send == nil }) else { return nil }
            let hint = Nearest.hint(to: name, among: settings.accounts.filter { $0.send != nil }.map(\.name))
            return "via \(name): the rc has no account of that name that sends\(hint)"
        case .program(_, let argv):
            return argv.first.flatMap { Program.obstacle(to: $0.description) }.map { "\($0)" }
        case .file(let path):
            return settings.ownPlace(holding: path).map { "\(path) lies in \($0), where no alias puts anything" }
        case .include(let path):
            do throws(AliasFileFault) {
                let members = try Includes(settling: Settling()).members(of: path)
                for member in members {
                    if case .failure(let error) = member.target { return "\(path):\(member.line): \(error)" }
                }
                return members.isEmpty ? "\(path) leads to nobody" : nil
            } catch {
                return "\(error)"
            }
        case .nowhere: return nil
        }
    }
}
