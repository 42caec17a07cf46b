// Runs in this process against scripted servers: whose turn it is, and how long a server may take.

import AccountSessions
import MailTestKit
import Reporting
import RunControl
import Testing

@testable import CommandStart
@testable import FetchLedger
@testable import mhfetch

@Suite("A run for an account")
struct AccountRunTests {
    private typealias Step = FakeServer.Step

    private static func login(_ ids: Range<Int>) -> [Step] {
        [
            .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("USER"), .line("+OK"), .expect("PASS"), .line("+OK"),
            .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
        ] + ids.map { .line("\($0 + 1) id-\($0)") } + [.line(".")]
    }

    private static let retrieve: [Step] = [.expect("RETR"), .line("+OK"), .line("Subject: x"), .line(".")]

    /// A run of the account `peer`, whose state is left in `scratch`.
    private func run(
        _ server: FakeServer, _ scratch: ScratchDirectory, _ service: String = "pop3", start: Int,
        turnLimit: Duration = AccountRun.turnLimit,
        othersWait: @escaping () -> Bool = { false }
    ) throws -> AccountRun {
        let rc = scratch.write(
            """
            state \(scratch.file("state"))
            maildirs \(scratch.file("Mail"))/%m
            log none
            mailbox alice
              address alice@hub.test
            account peer
              user alice
              password secret
              tls off
              fetch \(service) 127.0.0.1:\(server.port)
            """, to: "rc")
        let settings = try HubSettings.load(explicitPath: rc)
        let account = try #require(settings.account("peer"))
        let ledger = try AccountLedger(in: LedgerFolder.open("peer", in: settings.stateDirectory))
        let hub = StartedHub(settings: settings, log: try Log(program: "mhfetch", to: settings.log))
        return try AccountRun(
            account: account, hub: hub, paths: Paths(settings), ledger: ledger, AccountRuns.Request(),
            due: DueAccounts(of: hub, at: start), RunMeans(othersWait: othersWait, turnLimit: turnLimit))
    }

    @Test("a session ends at the border of a batch when another account has waited too long, and only then")
    func turn() async throws {
        try await onThread {
            // Each too large to share a batch, as the server says.
            let sizes: [Step] =
                [.expect("LIST"), .line("+OK")] + (1...3).map { .line("\($0) 17000000") } + [.line(".")]
            let session = Self.login(0..<3) + sizes
            let farewell: [Step] = [.expect("QUIT"), .line("+OK")]
            let server = try FakeServer(
                session + Self.retrieve + farewell, session + Self.retrieve + Self.retrieve + farewell)
            let scratch = ScratchDirectory()
            let first = try run(server, scratch, start: 1_800_000_000, turnLimit: .zero) { true }
            #expect(AccountRun.turnLimit == .seconds(3600))
            #expect(try first.carryOut() == .ok)
            #expect(first.delivery?.published == 1)
            #expect(first.state.lastEnding?.words == "the turn of another account came first, the rest follows")
            let second = try run(server, scratch, start: 1_800_000_000, turnLimit: .zero)
            #expect(try second.carryOut() == .ok)
            #expect(second.delivery?.published == 2, "nobody waits")
            #expect(second.state.lastEnding?.words == "")
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("an IMAP session ends behind what it has asked for when another account has waited too long")
    func turnOfIMAP() async throws {
        try await onThread {
            let body = "Subject: x\r\n\r\nx\r\n"
            func fetched(_ uid: Int) -> Step {
                .octets(Array("* \(uid) FETCH (UID \(uid) BODY[] {\(body.utf8.count)}\r\n\(body))\r\n".utf8))
            }
            // Each too large to be asked for with another one, as the server says.
            let server = try FakeServer([
                .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS] hello"), .expect("a1 AUTHENTICATE PLAIN"),
                .line("a1 OK [CAPABILITY IMAP4rev1 UIDPLUS] in"), .expect("a2 SELECT"), .line("* 2 EXISTS"),
                .line("* OK [UIDVALIDITY 1] ok"), .line("* OK [UIDNEXT 3] ok"), .line("a2 OK [READ-ONLY] done"),
                .expect("a3 UID FETCH"), .line("* 1 FETCH (UID 1 RFC822.SIZE 17000000)"),
                .line("* 2 FETCH (UID 2 RFC822.SIZE 17000000)"), .line("a3 OK done"),
                .expect("a4 UID FETCH 1 "), fetched(1), .line("a4 OK done"), .expect("a5 LOGOUT"), .line("a5 OK bye"),
            ])
            let scratch = ScratchDirectory()
            let first = try run(server, scratch, "imap", start: 1_800_000_000, turnLimit: .zero) { true }
            #expect(try first.carryOut() == .ok)
            #expect(first.delivery?.published == 1)
            #expect(first.state.lastEnding?.words == "the turn of another account came first, the rest follows")
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("the journal is made short also where no run ends well")
    func compactsAfterFailure() async throws {
        try await onThread {
            let server = try FakeServer([.line("-ERR not today")])
            let scratch = ScratchDirectory()
            let failing = try run(server, scratch, start: 1_800_000_000)
            for time in 0..<300 { try failing.ledger.beginRun(at: 1_800_000_000 + time) }
            #expect(throws: (any Error).self) { try failing.carryOut() }
            #expect(failing.ledger.journal?.extent.lines ?? .max < 10)
            #expect(failing.state.run == 301 && failing.state.lastEnding?.status == 75)
        }
    }

    @Test("a run counts from the start of all, and from no earlier than one that went between")
    func startOfRun() async throws {
        try await onThread {
            let server = try FakeServer(Self.login(0..<0) + [.expect("QUIT"), .line("+OK")])
            let scratch = ScratchDirectory()
            let times = [1_750_000_000, 1_750_000_900, 1_750_000_600].map { start in
                do {
                    let run = try run(server, scratch, start: start)
                    _ = try run.carryOut()
                    return run.state.lastRun
                } catch {
                    Issue.record(error)
                    return 0
                }
            }
            #expect(times == [1_750_000_000, 1_750_000_900, 1_750_000_900])
        }
    }
}
