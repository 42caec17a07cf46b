// The journal of a spool: what it says, and what it says again when it is written anew.

import DurableFiles
import MailTestKit
import MaildirStore
import Testing

@testable import FetchSpool

@Suite("The state of a spool")
struct SpoolStateTests {
    private let scratch = ScratchDirectory()

    private func maildir() throws -> Maildir {
        try #require(try FetchSpool.maildir(in: Directory(path: scratch.path), making: true))
    }

    private func open() throws -> FetchSpool {
        try #require(try FetchSpool.open(maildir()))
    }

    private func lines() -> [String] {
        let octets = ScratchDirectory.read(scratch.file("spool/journal")) ?? []
        return String(decoding: octets, as: UTF8.self).split(separator: "\n").map { String($0.dropFirst(9)) }
    }

    /// A state with everything in it.
    private func fill(_ spool: FetchSpool) throws {
        try spool.begin("1.Fx.0.hub", at: "maildir a b", now: 90)
        try spool.begin("1.Fx.0.hub", at: "mbox /a", now: 95, length: 17)
        try spool.begin("1.Fx.0.hub", at: "mbox /a", now: 97, length: 17)
        try spool.begin("1.Fx.1.hub", at: "lmtp h:24 for a@b.example", now: 98)
        try spool.postpone("1.Fx.1.hub", at: "lmtp h:24 for a@b.example", now: 100, until: 400, "452 4.2.2 full")
        try spool.postpone("1.Fx.1.hub", at: "lmtp h:24 for a@b.example", now: 500, until: 900, "still + full")
        try spool.begin("1.Fx.1.hub", at: "smtp h", now: 99)
        try spool.giveBack("1.Fx.1.hub", at: ["smtp h"])
        try spool.finish("1.Fx.2.hub", at: ["maildir a", "mbox /a"])
        try spool.fail("smtp h", now: 100, until: 160, "refused")
        try spool.fail("smtp h", now: 170, until: 290, "refused again")
        try spool.fail("append x", now: 170, until: 290, "gone soon")
        try spool.mend("append x")
        try spool.mend("never down")
    }

    private func check(_ spool: FetchSpool) {
        let box = spool.progress(of: "1.Fx.0.hub", at: "mbox /a")
        #expect(box.deaths == 2 && box.length == 17 && box.begun == 97 && !box.isDone)
        #expect(spool.progress(of: "1.Fx.0.hub", at: "maildir a b").deaths == 1)
        let full = spool.progress(of: "1.Fx.1.hub", at: "lmtp h:24 for a@b.example")
        #expect(full.tries == 2 && full.since == 100 && full.next == 900 && full.deaths == 0)
        #expect(full.words == "still + full")
        #expect(spool.progress(of: "1.Fx.1.hub", at: "smtp h").deaths == 0)
        #expect(spool.progress(of: "1.Fx.2.hub", at: "maildir a").isDone)
        let fault = spool.fault(of: "smtp h")
        #expect(fault?.tries == 2 && fault?.since == 100 && fault?.next == 290 && fault?.words == "refused again")
        #expect(spool.fault(of: "append x") == nil)
        #expect(spool.progress(of: "none", at: "none") == SpoolState.Progress())
    }

    @Test("it is the same after it was read again, and after it was written anew")
    func readAgain() throws {
        try fill(open())
        check(try open())
        do {
            let spool = try open()
            // Messages that are not there are forgotten; these are.
            for number in 0...2 { scratch.write("x", to: "spool/new/1.Fx.\(number).hub,S=1") }
            for _ in 0...(FetchSpool.historyLimit + 100) { try spool.giveBack("1.Fx.1.hub", at: ["smtp h"]) }
            try spool.tidy(keeping: spool.messages(), at: ["smtp h"])
            #expect(lines().count < 20, "\(lines())")
            check(spool)
            #expect(try FetchSpool.open(maildir()) == nil, "one at a time hands on")
        }
        check(try open())
    }

    @Test("what is removed is forgotten, and its file is gone; a message without a file is forgotten, too")
    func removed() throws {
        let spool = try open()
        try fill(spool)
        scratch.write("x", to: "spool/new/1.Fx.2.hub,S=1")
        let message = try #require(try spool.messages().first)
        #expect(message.unique == "1.Fx.2.hub" && message.size == 1 && message.time == 1)
        try spool.remove(message)
        #expect(try spool.messages().isEmpty && lines().last == "gone 1.Fx.2.hub")
        #expect(!spool.progress(of: "1.Fx.2.hub", at: "maildir a").isDone)
        try spool.tidy(keeping: [], at: [])
        #expect(spool.fault(of: "smtp h") == nil && lines().last == "up smtp+20h")
        #expect(spool.progress(of: "1.Fx.0.hub", at: "mbox /a").deaths == 0)
    }

    @Test("a line that makes no sense is damage, and nothing is changed")
    func damage() throws {
        for line in [
            "", "try a", "try a b 1", "try a b x 1", "try a b 1 x", "wait a b 1 2 3", "down a 1 2 x y", "done a",
            "later a", "gone",
        ] {
            var state = SpoolState()
            let isTaken = state.apply(Array(line.utf8)[...])
            #expect(!isTaken, "\(line)")
        }
        try fill(open())
        let before = lines()
        do {
            let journal = try LineJournal(
                FetchSpool.journalName, in: Directory(path: scratch.file("spool")), heading: FetchSpool.heading,
                limit: FetchSpool.journalLimit
            ) { _ in .taken }
            try journal.append([Array("later a".utf8)])
        }
        #expect(throws: SpoolError.self) { try open() }
        #expect(lines() == before + ["later a"])
    }
}
