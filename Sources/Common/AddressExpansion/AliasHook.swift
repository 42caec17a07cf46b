// The program that knows aliases which stand in no file.

import Blocking
import MailAliases
import MailFormat
import Programs
import RunControl

/// `alias-hook PROGRAM`: asked for the aliases of an address, which it writes as an aliases file has them behind the
/// colon, apart by commas or lines.
struct AliasHook: Sendable {
    /// How long it may take.
    static let patience = Duration.seconds(10)
    /// Octets of its answer.
    static let limit = 65_536

    let argv: [String]

    /// - Returns: `nil` where the rc has none.
    init?(_ settings: HubSettings) {
        guard !settings.aliasHook.isEmpty else { return nil }
        argv = settings.aliasHook
    }

    /// What `address` leads to by the program; nothing where it is no alias.
    /// - Throws: ``AliasFileFault`` where it fails.
    func members(of address: Address) throws(AliasFileFault) -> [AliasMember] {
        let text = "\(address)"
        // No stranger's address is an option of the program.
        guard text.utf8.first != 0x2D else { return [] }
        let result: ProgramResult
        let name = argv.first ?? ""
        do throws(ProgramError) {
            result = try Program(
                argv: argv + [text], deadline: Deadline(after: Self.patience), outputLimit: Self.limit
            ).run()
            try result.requireSuccess(of: name)
        } catch {
            throw AliasFileFault(path: "alias-hook", words: "\(error)")
        }
        guard !result.isOutputCut else {
            throw AliasFileFault(path: "alias-hook", words: "\(name) wrote more than \(Self.limit) octets")
        }
        var octets = result.output
        if octets.last != 0x0A, !octets.isEmpty { octets.append(0x0A) }
        return AliasFile.included(octets, path: "alias-hook")
    }
}
