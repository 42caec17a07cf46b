// What is told of an account: its runs, those that died, what is known, what could not be fetched; and whose ledger it is.

import DurableFiles
import MailTestKit
import MaildirStore
import Testing

@testable import FetchLedger

@Suite("The report of an account")
struct AccountReportTests {
    let scratch = ScratchDirectory()

    private var state: String { scratch.file("state") }

    private func report() throws -> AccountReport { try AccountReport.read("peer", in: state) }

    @Test("an account that was never fetched has no runs, and is given no folder by the question")
    func never() throws {
        #expect(try report().runs == 0 && report().isWell)
        #expect(
            try report().json.written
                == #"{"account":"peer","well":true,"runs":0,"begun":null,"underway":false,"watched":false,"ended":null,"status":null,"#
                + #""words":null,"lastwell":null,"died":0,"known":0,"staying":0,"skipped":0,"headersonly":0,"since":null,"messages":0,"messageoctets":0,"octets":0,"failed":[]}"#
        )
        #expect(try AccountLedger.look(at: "peer", in: state) == nil)
        #expect(ScratchDirectory.names(in: scratch.path).isEmpty)
    }

    @Test("the ledger is one run's, and who only looks sees that it is under way")
    func lock() throws {
        var ledger = try AccountLedger.open("peer", in: state)
        try #require(ledger).beginRun(at: 1_800_000_000)
        #expect(try AccountLedger.open("peer", in: state) == nil)
        #expect(try report().isUnderWay && report().runs == 1 && report().died == 0)
        #expect(try AccountLedger.look(at: "peer", in: state)?.lastRun == 1_800_000_000)
        ledger = nil
        // A child that another test starts in this very moment holds the lock until it becomes its program.
        let patience = ContinuousClock.now + .seconds(10)
        while try report().isUnderWay, ContinuousClock.now < patience {}
        #expect(try !report().isUnderWay && report().died == 1)
        #expect(try AccountLedger.open("peer", in: state) != nil)
    }

    @Test("runs that died since the last end are counted, also behind a compaction")
    func deaths() throws {
        let folder = try LedgerFolder.open("peer", in: state)
        var ledger = try AccountLedger(in: folder)
        try ledger.beginRun(at: 1_800_000_000)
        try ledger.endRun(at: 1_800_000_001, status: 0, "")
        #expect(try report().isWell && report().died == 0)
        for number in 1...3 {
            try ledger.beginRun(at: 1_800_000_000 + number * 60)
            try ledger.compact()
            ledger = try AccountLedger(in: folder)
            #expect(try report().died == number && !report().isWell)
        }
        let during = AccountReport(of: "peer", ledger.state, octets: 0, isUnderWay: true)
        #expect(during.died == 2 && during.lastRun == 1_800_000_180 && during.runs == 4)
        try ledger.endRun(at: 1_800_000_301, status: 75, "mail.example: timed out")
        #expect(try report().died == 0 && !report().isWell)
        #expect(try report().lastEnding?.words == "mail.example: timed out")
        #expect(try report().lastSuccess == 1_800_000_001)
        #expect(try report().octets == ledger.kept.extent.octets)
    }

    @Test("what is known is counted, what could not be fetched is listed with its folder; a mere note is no failure")
    func counts() throws {
        let ledger = try AccountLedger(in: LedgerFolder.open("peer", in: state))
        let inbox = try ledger.folder(named: "INBOX", validity: 7)
        let keys = (0..<3).map { MessageKey.unique("id-\($0)", occurrence: 0) } + [.uid(9, folder: inbox)]
        try ledger.turn(beginning: .init(nonce: "n", time: 1_800_000_000, keys: keys))
        try ledger.turn(ending: [.init(nonce: "n", delivered: [0: nil, 1: nil, 2: nil, 3: nil])])
        try ledger.markStaying(keys[0], try #require(MessageDigest(parsing: [UInt8](repeating: 0x61, count: 43)[...])))
        try ledger.markDeleted([keys[1]])
        try ledger.endRun(at: 1_800_000_009, status: 75, "some \"mail\"\n")
        for time in 1...3 { try ledger.fail(.uid(11, folder: inbox), at: time, "no\u{1B}") }
        try ledger.fail(.unique("odd", occurrence: 1), at: 4, "NO")
        try ledger.note(.unique("chance", occurrence: 0), at: 5, "cut off")
        #expect(try report().known == 2 && report().staying == 1 && !report().isWell)
        #expect(
            try report().failures == [
                .init(
                    key: .uid(11, folder: inbox), folder: "INBOX", tries: 3, time: 3, reason: "no\u{1B}", isFinal: true),
                .init(
                    key: .unique("odd", occurrence: 1), folder: nil, tries: 1, time: 4, reason: "NO", isFinal: false),
            ])
        let json = try report().json.written
        #expect(
            json.contains(
                #""well":false,"runs":0,"begun":null,"underway":false,"watched":false,"ended":1800000009,"status":75,"#)
        )
        #expect(json.contains(#""words":"some \"mail\"\u000a","#))
        #expect(
            json.hasSuffix(
                #""failed":[{"uidl":null,"uid":11,"folder":"INBOX","tries":3,"time":3,"reason":"no\u001b","daily":true},"#
                    + #"{"uidl":"odd","uid":null,"folder":null,"tries":1,"time":4,"reason":"NO","daily":false}]}"#))
    }
}
