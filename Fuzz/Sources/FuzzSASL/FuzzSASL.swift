// SASL, server side, and stored hashes: no login or password that the rules forbid gets to a verifier.

import FuzzKit
import SASLMechanisms

@main
enum FuzzSASL {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let setting = input.choice()
    let octets = input.rest
    // Responses stand between LF: a mechanism sees them decoded, with any octet else.
    var responses = octets.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }[...]
    var server = SASLServer()
    claim(!server.isWaiting, "waits before it began")
    let mechanism: SASLMechanism = setting & 1 == 0 ? .plain : .login
    var step = server.start(mechanism, initialResponse: setting & 2 == 0 ? nil : responses.popFirst())
    for _ in 0..<4 {
        switch step {
        case .challenge:
            claim(server.isWaiting, "a challenge, and no wait for the response")
        case .verify(let credentials):
            claim(!server.isWaiting, "waits behind the end")
            claimAllowed(credentials)
        case .failed:
            claim(!server.isWaiting, "waits behind a failure")
        }
        let wasWaiting = server.isWaiting
        step = server.receive(responses.popFirst() ?? [])
        if !wasWaiting {
            guard case .failed(.notStarted) = step else { return claim(false, "a response outside an exchange") }
        }
    }
    if let text = String(validating: octets, as: UTF8.self), let hash = try? ScryptHash(parsing: text) {
        claim(hash.description == text, "a hash of two forms: \(text)")
    }
    if let named = SASLMechanism(name: octets) {
        claim(named.description.utf8.count == octets.count, "another name for \(named)")
    }
}

private func claimAllowed(_ credentials: SASLCredentials) {
    let login = credentials.login
    claim(!login.isEmpty && login.utf8.count <= SASL.loginLimit, "a login of \(login.utf8.count) octets")
    claim(login.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a login")
    let password = credentials.password.revealed
    claim(!password.isEmpty && password.count <= SASL.passwordLimit && !password.contains(0), "a forbidden password")
    claim("\(credentials)".utf8.count < 2000, "a password that shows")
}
