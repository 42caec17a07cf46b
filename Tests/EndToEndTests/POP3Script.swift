// What scripted POP3 servers say in the same words.

import MailTestKit

/// Parts of a POP3 session as a script, for an account without TLS.
struct POP3Script {
    typealias Step = FakeServer.Step

    static let login: [Step] = [
        .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
        .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"),
    ]
    static let farewell: [Step] = [.expect("QUIT"), .line("+OK")]

    static func uidl(_ ids: [String]) -> [Step] {
        [.expect("UIDL"), .line("+OK")] + ids.enumerated().map { .line("\($0.offset + 1) \($0.element)") } + [
            .line(".")
        ]
    }
}
