// What is done with a message that runs died with, without a server to fetch from.

import AccountSessions
import Blocking
import DurableFiles
import Glibc
import MailTestKit
import MaildirStore
import Reporting
import RunControl
import Testing

@testable import CommandStart
@testable import FetchLedger
@testable import FetchSpool
@testable import mhfetch

@Suite("Handing on what is spooled")
struct HandOverTests {
    private let scratch = ScratchDirectory()

    /// Hands on, with `deaths` of the attempts at `place` noted for each message there.
    /// - Returns: the names of alice's and of bob's messages.
    private func handOver(_ place: String, deaths: Int, to target: String) throws -> (alice: Int, bob: Int) {
        let settings = try settings(place)
        let account = try #require(settings.account("peer"))
        let ledger = try AccountLedger(in: LedgerFolder.open("peer", in: settings.stateDirectory))
        let maildir = try spooled(in: ledger)
        do {
            let spool = try #require(try FetchSpool.open(maildir))
            for _ in 0..<deaths { try spool.begin("1700000000.Fx.0.hub", at: target, now: time(nil) - 86_400) }
        }
        let hub = StartedHub(settings: settings, log: try Log(program: "mhfetch", to: settings.log))
        let run = try AccountRun(
            account: account, hub: hub, paths: Paths(settings), ledger: ledger, AccountRuns.Request(),
            due: DueAccounts(of: hub, at: 1_800_000_000))
        #expect(try run.handOverOnly() == .temporaryFailure, "the other place is down")
        return (count("alice"), count("bob"))
    }

    private func count(_ name: String) -> Int { ScratchDirectory.names(in: scratch.file("Mail/\(name)/new")).count }

    /// An account with two places, of which the second one is down.
    private func settings(_ place: String) throws -> HubSettings {
        let rc = scratch.write(
            """
            state \(scratch.file("state"))
            maildirs \(scratch.file("Mail"))/%m
            log none
            mailbox alice
              address alice@hub.test
            mailbox bob
            account peer
              owner alice
              user alice
              password secret
              tls off
              fetch pop3 127.0.0.1:1
              fallback bob
              deliver \(place)
              deliver lmtp 127.0.0.1:1
            """, to: "rc")
        return try HubSettings.load(explicitPath: rc)
    }

    /// The spool with one message in it.
    private func spooled(in ledger: AccountLedger) throws -> Maildir {
        let folder = try #require(ledger.folder)
        let maildir = try #require(try FetchSpool.maildir(in: folder, making: true))
        scratch.write("x: y\n\nz\n", to: "state/fetch/peer/spool/new/1700000000.Fx.0.hub,S=8")
        return maildir
    }

    @Test(
        "FE11: a disk that fails once, at whichever call, keeps a hand-over that goes on from nothing",
        arguments: 2...14)
    func diskThatFails(at number: Int) async throws {
        try await onThread {
            let settings = try settings("maildir")
            let account = try #require(settings.account("peer"))
            let ledger = try AccountLedger(in: LedgerFolder.open("peer", in: settings.stateDirectory))
            let maildir = try spooled(in: ledger)
            let hub = StartedHub(settings: settings, log: try Log(program: "mhfetch", to: settings.log))
            do {
                let spool = try #require(try FetchSpool.open(maildir))
                try spool.fail("smtp elsewhere", now: 100, until: 160, "words of before")
            }
            do {
                let spool = try #require(try FetchSpool.open(maildir, faults: Faults(.error(EIO), at: number)))
                let handOver = try HandOver(
                    of: account, from: spool, hub: hub, over: Paths(settings), isForced: true)
                defer { handOver.end() }
                try handOver.take(spool.messages(), fromEarlierRun: true)
                var failed = 0
                for turn in 0...2 {
                    do {
                        if turn > 0 { try handOver.offerAgain() }
                        try handOver.settle(until: Deadline(after: .seconds(60)))
                    } catch {
                        failed += 1
                    }
                }
                #expect(failed <= 1)
                #expect(handOver.count == 1, "the other place is down")
            }
            #expect(count("alice") == 1)
            // What was recorded before and since is on the disk.
            let spool = try #require(try FetchSpool.open(maildir))
            #expect(spool.progress(of: "1700000000.Fx.0.hub", at: "maildir alice").isDone)
            #expect(spool.fault(of: "smtp elsewhere")?.words == "words of before")
            #expect(spool.fault(of: "lmtp 127.0.0.1:1") != nil)
        }
    }

    @Test("FE11: five deaths send a message to the fall-back mailbox, four do not; a Maildir is never given up")
    func deaths() async throws {
        try await onThread {
            let maildir = try handOver("maildir", deaths: 5, to: "maildir alice")
            #expect(maildir.bob == 0)
            let box = scratch.file("mbox")
            let four = try handOver("mbox \(box)", deaths: 4, to: "mbox \(box)")
            #expect(four.bob == 0)
            removeFile(scratch.file("state/fetch/peer/spool/journal"))
            let five = try handOver("mbox \(box)", deaths: 5, to: "mbox \(box)")
            #expect(five.bob == 1)
        }
    }
}
