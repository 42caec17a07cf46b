// What a person reads when there is no session.

import Octets
import Reporting
import Testing

@testable import AccountSessions

@Suite("An account's error")
struct AccountErrorTests {
    @Test("of a refused login says what to do, and its status whether to try again")
    func refused() {
        func error(_ cause: LoginRefusal.Cause, isTemporary: Bool) -> AccountError {
            .loginRefused(
                user: "ti\u{7}m", host: "mail.test",
                LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8]("no\u{1B}".utf8)))
        }
        let wrong = error(.credentials, isTemporary: false)
        #expect("\(wrong)" == "mail.test refused the login of ti\\x07m: no\\x1B; check user and password")
        #expect(wrong.exitStatus == .noPermission)
        let busy = error(.server, isTemporary: true)
        #expect("\(busy)" == "mail.test refused the login of ti\\x07m: no\\x1B; it is tried again later")
        #expect(busy.exitStatus == .temporaryFailure)
    }
}
