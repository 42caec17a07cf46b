// What PLAIN and LOGIN carry, the mechanisms that show the server the password.

import Credentials

/// A user and a password that both mechanisms can carry.
struct PasswordCredentials: Sendable {
    let user: [UInt8]
    let password: Secret

    init(user: String, password: Secret) throws(SASLError) {
        guard SASL.isLogin(Array(user.utf8)) else { throw .badLogin }
        guard SASL.isPassword(password.revealed) else { throw .badPassword }
        self.user = Array(user.utf8)
        self.password = password
    }
}
