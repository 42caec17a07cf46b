// The words of `mhfetch --status`.

import DurableFiles
import MailTestKit
import Testing

@testable import FetchLedger
@testable import LoginLedger
@testable import mhfetch

@Suite("The words about an account")
struct StatusReportTests {
    private func text(_ ledger: AccountLedger, isUnderWay: Bool = false, login: LoginState? = nil) -> String {
        AccountStatus(
            report: AccountReport(of: "peer", ledger.state, octets: 100, isUnderWay: isUnderWay), login: login
        ).text(at: 1_800_000_900)
    }

    @Test("FE15: runs that ended, died and are under way are told with their age")
    func runs() throws {
        let scratch = ScratchDirectory()
        let ledger = try AccountLedger(in: try Directory(path: scratch.path))
        #expect(text(ledger) == "peer: never fetched\n")
        try ledger.beginRun(at: 1_800_000_000)
        #expect(
            text(ledger, isUnderWay: true)
                == "peer: no run has come to its end yet; a run is under way, begun 15 min ago; 1 run, 0 messages known; "
                + "100 octets of state\n")
        try ledger.endRun(at: 1_800_000_890, status: 0, "")
        #expect(text(ledger) == "peer: well, just now; 1 run, 0 messages known; 100 octets of state\n")
        for number in 1...3 {
            try ledger.beginRun(at: 1_800_000_000 + number * 60)
            #expect(text(ledger).contains(number == 1 ? "; the last run died;" : "; the last \(number) runs died;"))
        }
        #expect(
            text(ledger, isUnderWay: true).contains("; the last 2 runs died; a run is under way, begun 12 min ago;"))
        try ledger.endRun(at: 1_800_000_301, status: 75, "mail.example:\n timed out")
        #expect(
            text(ledger) == "peer: status 75: mail.example:\\x0A timed out, 9 min ago; last well just now; 4 runs, "
                + "0 messages known; 100 octets of state\n")
    }

    @Test("OP4: a login that is refused is told with since when, until when and why, and makes the status 77")
    func login() throws {
        let scratch = ScratchDirectory()
        let ledger = try AccountLedger(in: try Directory(path: scratch.path))
        var login = LoginState()
        #expect(text(ledger, login: login) == "peer: never fetched\n")
        for minute in 0..<3 { login.noteRefusal("535 no\u{7}", stamp: "s", at: 1_800_000_000 + minute * 60) }
        #expect(
            text(ledger, login: login) == "peer: never fetched\n  login refused, the first time 15 min ago, the last "
                + "time 13 min ago: 535 no\\x07; tried again in 2 min, as soon as the rc or the password's file has changed, or at once with --retry\n"
        )
        let status = AccountStatus(
            report: AccountReport(of: "peer", ledger.state, octets: 100, isUnderWay: false), login: login)
        #expect(status.exitStatus == .noPermission)
        #expect(status.json.written.contains(#""well":false,"#))
        #expect(
            status.json.written.hasSuffix(
                #""login":{"refused":3,"since":1800000000,"last":1800000120,"next":1800001020,"words":"535 no\u0007"}}"#
            ))
        login.noteAcceptance()
        let well = AccountStatus(report: status.report, login: login)
        #expect(well.exitStatus == .ok && well.json.written.contains(#""well":true,"#))
        #expect(well.json.written.hasSuffix(#""login":null}"#))
    }

    @Test("a message that could not be fetched is told by its place, harmless on a terminal")
    func failures() throws {
        let scratch = ScratchDirectory()
        let ledger = try AccountLedger(in: try Directory(path: scratch.path))
        let folder = try ledger.folder(named: "M\u{1B}x", validity: 1)
        for _ in 1...3 { try ledger.fail(.uid(7, folder: folder), at: 1_800_000_000, "NO \u{7}") }
        try ledger.fail(.unique("id", occurrence: 1), at: 1_799_000_000, "cut")
        let lines = text(ledger).split(separator: "\n").dropFirst()
        #expect(
            lines == [
                "  failed UID 7 of M\\x1Bx: 3 times, 15 min ago: NO \\x07; tried once a day, or at once with --retry",
                "  failed id (number 2 with this id): 1 time, 11 days ago: cut",
            ])
    }

    @Test("of several accounts a refused login comes first, then 75; of one it is its own status")
    func exitStatus() {
        #expect(MHFetch.status(of: [], among: 3) == nil && MHFetch.status(of: [], among: 1) == nil)
        #expect(MHFetch.status(of: [.dataError], among: 1) == .dataError)
        #expect(MHFetch.status(of: [.dataError], among: 2) == .temporaryFailure)
        #expect(MHFetch.status(of: [.temporaryFailure, .protocolError], among: 3) == .temporaryFailure)
        #expect(MHFetch.status(of: [.protocolError, .noPermission], among: 3) == .noPermission)
    }
}
