// One login for POP3, IMAP and SMTP: the same mechanism, the same steps and the same refusals in all three.

import Credentials
import LoginLedger
import MailTestKit
import Octets
import Programs
import SASLMechanisms
import Synchronization
import Testing
import Transport

@testable import AccountSessions
@testable import RunControl

/// An account at the played server.
func account(
    tls: TLSRule = .off, auth: AuthMethod = .auto, secret: SecretSource = .text(Secret("tanstaaf"))
) -> AccountSettings {
    var account = AccountSettings(name: "peer", position: SourcePosition(file: "rc", line: 1, column: 1))
    account.user = "tim"
    account.secret = secret
    account.tlsLine = TLSLine(rule: tls)
    account.auth = auth
    account.timeout = .seconds(20)
    return account
}

let server = AccountServer(
    word: "fetch", service: "any", host: "mail.test", port: 1, hasImplicitTLS: false, counterpart: "other")

/// Begins a session on the connection to `played`.
func begin(
    _ dialect: Dialect, on played: PlayedServer, _ account: AccountSettings,
    speaking mechanisms: [SASLClientMechanism] = SASLClientMechanism.withPassword,
    recordedBy records: LoginRecords? = nil
) throws {
    let login = try AccountLogin(of: account, speaking: mechanisms, recordedBy: records)
    switch dialect {
    case .pop3: _ = try POP3Session(on: played.wire, of: account, at: server, login)
    case .imap: _ = try IMAPSession(on: played.wire, of: account, at: server, login)
    case .smtp: _ = try SMTPSession(on: played.wire, of: account, at: server, as: "hub.test", login)
    }
}

/// The error that `body` throws, described; `nil` when it throws none.
func described(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite("A login")
struct LoginDriverTests {
    private static let unproven =
        "mail.test did not prove by X-PROOF that it knows the password: it may be somebody else; stopped"

    @Test("of several steps is tied to the channel, and the server proves itself", arguments: Dialect.allCases)
    func bound(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let scratch = ScratchDirectory()
            let played = try PlayedServer(tls: try TestCertificate(in: scratch)) { voice in
                try voice.greet(dialect, offering: "PLAIN", "X-PROOF", "X-PROOF-PLUS")
                let command = try voice.hear()
                guard command.hasSuffix(" X-PROOF-PLUS dGlt") else { return }
                let nonce = [UInt8]("n".utf8)
                try voice.challenge(nonce, dialect)
                // What the server itself knows of the channel: in the middle stands nobody.
                let channel = voice.wire.facts.tls?.channelBinding
                let wanted = ProofClient.proof(of: "client", "tanstaaf", nonce: nonce, channel)
                guard channel != nil, try voice.hear() == String(decoding: Base64.encode(wanted), as: UTF8.self) else {
                    return
                }
                try voice.challenge(ProofClient.proof(of: "server", "tanstaaf", nonce: nonce, channel), dialect)
                guard try voice.hear() == "" else { return }
                try voice.accept(dialect)
            }
            let speaking = [SASLClientMechanism.proofPlus, .proof, .plain]
            let error = described { try begin(dialect, on: played, account(tls: .required), speaking: speaking) }
            #expect(error == nil, "\(played.heard())")
        }
    }

    @Test("is none without the server's proof, whoever says yes to it", arguments: Dialect.allCases)
    func unproven(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(dialect, offering: "X-PROOF")
                try voice.hear()
                try voice.challenge([1], dialect)
                try voice.hear()
                try voice.accept(dialect)
            }
            #expect(described { try begin(dialect, on: played, account(), speaking: [.proof]) } == Self.unproven)
        }
    }

    @Test("is given up with an asterisk when the server's proof is wrong", arguments: Dialect.allCases)
    func wrongProof(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(dialect, offering: "X-PROOF")
                for challenge in [[1], [2]] as [[UInt8]] {
                    try voice.hear()
                    try voice.challenge(challenge, dialect)
                }
                try voice.hear()
            }
            #expect(described { try begin(dialect, on: played, account(), speaking: [.proof]) } == Self.unproven)
            #expect(played.heard().last == "*")
        }
    }

    @Test("is given up when the server asks for more than there is to say", arguments: Dialect.allCases)
    func tooManyQuestions(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(dialect, offering: "PLAIN")
                try voice.hear()
                try voice.challenge([], dialect)
                try voice.hear()
            }
            #expect(
                described { try begin(dialect, on: played, account()) }
                    == "mail.test: the server gave more questions at the login than PLAIN has answers")
            #expect(played.heard().last == "*")
        }
    }

    @Test("takes no mechanism that binds a channel where there is none", arguments: Dialect.allCases)
    func noChannel(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(dialect, offering: "X-PROOF-PLUS", "PLAIN")
                try voice.hear()
                try voice.accept(dialect)
            }
            #expect(described { try begin(dialect, on: played, account(), speaking: [.proofPlus, .plain]) } == nil)
            #expect(played.heard().contains { $0.hasSuffix(" PLAIN AHRpbQB0YW5zdGFhZg==") })
        }
    }

    @Test(
        "reads no secret before there is a mechanism for it, and says nothing without one", arguments: Dialect.allCases)
    func secretLast(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let lost = SecretSource.file("/nowhere/at/all")
            for (offered, word) in [
                ("GSSAPI", "offers none of the logins that may be used"), ("PLAIN", "/nowhere/at/all"),
            ] {
                let played = try PlayedServer { voice in
                    try voice.greet(dialect, offering: offered)
                    try voice.hear()
                }
                let error = described { try begin(dialect, on: played, account(auth: .plain, secret: lost)) }
                #expect(error?.contains(word) == true, "\(error ?? "none")")
                #expect(!played.heard().contains { $0.contains("AUTH") })
            }
        }
    }

    @Test("goes by the protocol's own commands where no mechanism fits; SMTP has none")
    func ownCommands() async throws {
        try await onThread { () throws in
            let pop3 = try PlayedServer { voice in
                try voice.greet(.pop3, offering: "GSSAPI")
                for _ in 1...2 {
                    try voice.hear()
                    try voice.say("+OK")
                }
                try voice.hear()
                try voice.say("-ERR")
            }
            #expect(described { try begin(.pop3, on: pop3, account()) } == nil)
            #expect(pop3.heard() == ["CAPA", "USER tim", "PASS tanstaaf", "CAPA"])
            let imap = try PlayedServer { voice in
                try voice.greet(.imap, offering: "GSSAPI")
                try voice.hear()
                try voice.accept(.imap)
            }
            #expect(described { try begin(.imap, on: imap, account()) } == nil)
            #expect(imap.heard() == ["a1 LOGIN \"tim\" \"tanstaaf\""])
            let smtp = try PlayedServer { try $0.greet(.smtp, offering: "GSSAPI") }
            #expect(described { try begin(.smtp, on: smtp, account()) }?.contains("offers none of the logins") == true)
            // Who names a mechanism that hides the password gets that one, or nothing: not even where nothing is offered.
            for method in [AuthMethod.scramSHA256, .cramMD5, .scramSHA256Plus] {
                let mute = try PlayedServer { voice in
                    try voice.say("+OK hi")
                    try voice.hear()
                    try voice.say("-ERR what?")
                }
                #expect(
                    described { try begin(.pop3, on: mute, account(auth: method)) }?.contains("none of the logins")
                        == true)
                #expect(mute.heard() == ["CAPA"])
            }
            // Who names a mechanism gets that one, or nothing; `login` names the command as well.
            let named = try PlayedServer { try $0.greet(.pop3, offering: "GSSAPI") }
            #expect(
                described { try begin(.pop3, on: named, account(auth: .plain)) }?.contains("none of the logins") == true
            )
            let own = try PlayedServer { voice in
                try voice.greet(.imap, offering: "PLAIN")
                try voice.hear()
                try voice.accept(.imap)
            }
            #expect(described { try begin(.imap, on: own, account(auth: .login)) } == nil)
            #expect(own.heard() == ["a1 LOGIN \"tim\" \"tanstaaf\""])
        }
    }

    /// Records in which the login was accepted by SCRAM-SHA-256 before.
    private func records(
        _ scratch: ScratchDirectory, warn: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> LoginRecords {
        let records = LoginRecords(in: scratch.path, watching: [], warn: warn)
        let identity = LoginIdentity(user: "tim", host: "mail.test", port: 1)
        try records.attempt(identity, stamp: "", until: .never)?.accepted(by: "SCRAM-SHA-256") { _, _ in false }
        return records
    }

    @Test("FE3: in clear is not shown to a server that has had a better mechanism before", arguments: Dialect.allCases)
    func weakerInClear(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let scratch = ScratchDirectory()
            for offered in ["PLAIN", "CRAM-MD5"] {
                let played = try PlayedServer { try $0.greet(dialect, offering: offered) }
                let error = described { try begin(dialect, on: played, account(), recordedBy: records(scratch)) }
                #expect(
                    error?.contains("offers \(offered) at best, and had SCRAM-SHA-256 before") == true, "\(error ?? "")"
                )
                #expect(!played.heard().contains { $0.contains("AUTH") })
            }
            // Who names the mechanism has decided.
            let named = try PlayedServer { voice in
                try voice.greet(dialect, offering: "PLAIN")
                try voice.hear()
                try voice.accept(dialect)
            }
            #expect(
                described { try begin(dialect, on: named, account(auth: .plain), recordedBy: records(scratch)) } == nil)
        }
    }

    @Test("in verified TLS is taken by a weaker mechanism, and that is told once", arguments: Dialect.allCases)
    func weakerInTLS(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let scratch = ScratchDirectory()
            let told = Mutex<[String]>([])
            let records = try records(scratch) { words in told.withLock { $0.append(words) } }
            for _ in 1...2 {
                let played = try PlayedServer(tls: try TestCertificate(in: scratch)) { voice in
                    try voice.greet(dialect, offering: "PLAIN")
                    try voice.hear()
                    try voice.accept(dialect)
                }
                #expect(
                    described { try begin(dialect, on: played, account(tls: .required), recordedBy: records) } == nil)
            }
            let words = told.withLock { $0 }
            #expect(words.count == 1 && words.first?.contains("SCRAM-SHA-256 any more; PLAIN was taken") == true)
        }
    }

    @Test("FE3: never goes in clear from an account that demands TLS")
    func inClear() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { try $0.hear() }
            let exchange = Exchange(ReadyEngine(), on: played.wire, timeout: .seconds(5))
            let account = account(tls: .required)
            let login = try #require(try AccountLogin(of: account))
            let driver = LoginDriver(account: account, host: "mail.test", port: 1, exchange: exchange)
            #expect(
                described { try driver.logIn(login) }
                    == "mail.test: a password is never sent without TLS; take `tls off` out of the account")
            #expect(played.heard().isEmpty)
        }
    }
}

/// An engine that would say every login.
private struct ReadyEngine: SessionEngine {
    struct Failure: Error {}
    var awaits: Awaited { .nothing }
    var progress: Int { 0 }
    var mayHearContent: Bool { false }
    var secret: Range<Int> { 0..<0 }
    var offers: SessionOffers? { SessionOffers(hasStartTLS: false, mechanisms: ["PLAIN"]) }
    mutating func receive(_ octets: [UInt8]) {}
    mutating func nextEvent() throws(Failure) -> Int? { nil }
    mutating func send(_ command: String) -> [UInt8] { Array("\(command)\r\n".utf8) }
    mutating func tlsEstablished() {}
    static func meaning(of event: Int) -> SessionEvent? { nil }
    static func command(_ step: SessionCommand) -> String { "said" }
    static var ownLogin: ((_ user: String, _ password: String) -> [String])? { nil }
}
