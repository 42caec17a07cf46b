// Aliases files: any octets give entries or faults, one line never spoils another, and a target that was read means the
// same when the queue gives it back.

import FuzzKit
import MailAliases
import MailFormat
import MailRouting

@main
enum FuzzAliases {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    let octets = input.rest
    let file = AliasFile(parsing: octets, path: "/a")
    claim(file.entries.count <= octets.count, "more entries than octets")
    for entry in file.entries {
        claim(entry.fault == nil || entry.members.isEmpty, "a faulty line leads somewhere")
        claim(entry.fault != nil || !entry.members.isEmpty, "a good line leads nowhere")
        for (line, error) in entry.faults {
            claim(line >= entry.line, "a fault above its line")
            claim(!"\(error)".isEmpty, "a fault without words")
        }
        for member in entry.members { examine(member) }
    }
    for member in AliasFile.included(octets, path: "x") { examine(member) }
    // What comes behind a whole line changes nothing before it.
    let good = Array("good: alice@home.example\nother: bob\n".utf8)
    let behind = AliasFile(parsing: good + octets, path: "/a")
    claim(
        behind.entries.first?.members.map(\.text) == ["alice@home.example"],
        "a line behind it has changed the first one")
    do throws(AddressError) {
        let address = try Address("x@home.example")
        for rank in AliasRank.allCases { _ = AliasTable([.success(file)]).find(address, rank) }
    } catch {
        claim(false, "\(error)")
    }
}

private func examine(_ member: AliasMember) {
    guard case .success(let target) = member.target else { return }
    claim(member.text.utf8.count <= AliasTarget.limit, "a target longer than the queue keeps")
    claim(member.text.utf8.allSatisfy { $0 >= 0x20 || $0 == 0x09 }, "a control character in a target")
    do throws(AliasError) {
        let again = try AliasTarget(member.text)
        claim(again == target, "read twice, \(member.text) means two things")
    } catch {
        claim(false, "what was read cannot be read again: \(error)")
    }
    switch target {
    case .file(let path), .include(let path): claim(path.utf8.first == 0x2F, "a path that is not absolute")
    case .program(_, let argv): claim(!argv.isEmpty, "no program")
    case .address, .sameName, .nowhere: break
    }
}
