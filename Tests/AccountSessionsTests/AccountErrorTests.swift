// What a person reads when there is no session.

import Octets
import Reporting
import Testing

@testable import AccountSessions

@Suite("An account's error")
struct AccountErrorTests {
    @Test("of a refused login says what to do, and its status whether to try again")
    func refused() {
        func error(_ cause: LoginRefusal.Cause, isTemporary: Bool, _ mechanism: String? = "PLAIN") -> AccountError {
            .loginRefused(
                user: "ti\u{7}m", host: "mail.test", mechanism: mechanism,
                LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8]("no\u{1B}".utf8)))
        }
        let wrong = error(.credentials, isTemporary: false)
        #expect("\(wrong)" == "mail.test refused the login of ti\\x07m: no\\x1B; check user and password")
        #expect(wrong.exitStatus == .noPermission)
        #expect("\(error(.credentials, isTemporary: false, nil))" == "\(wrong)")
        let better = error(.credentials, isTemporary: false, "SCRAM-SHA-256")
        #expect(
            "\(better)"
                == "\(wrong); if they are right, the server may be wrong about SCRAM-SHA-256, and `auth plain` does without it"
        )
        #expect(
            "\(error(.credentials, isTemporary: false, "SCRAM-SHA-256-PLUS"))"
                == "\(wrong); if they are right, the server may not know how to tie a login to this TLS connection, and "
                + "`auth scram-sha-256` does without that")
        let busy = error(.server, isTemporary: true)
        #expect("\(busy)" == "mail.test refused the login of ti\\x07m: no\\x1B; it is tried again later")
        #expect(busy.exitStatus == .temporaryFailure)
    }
}
