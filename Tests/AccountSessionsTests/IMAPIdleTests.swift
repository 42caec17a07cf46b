// A session that waits for news, as a played server sees it.

import Blocking
import Glibc
import IMAPProtocol
import MailTestKit
import Testing

@testable import AccountSessions
@testable import RunControl

@Suite("A session that waits for news")
struct IMAPIdleTests {
    /// Logs in, and waits in a folder of two messages.
    /// - Parameter play: goes on when the client has said IDLE, whose tag is a2.
    /// - Returns: how the wait has ended, and how many messages there are.
    private func idle(
        until alarm: Alarm = Alarm(), patience: Duration = .seconds(20),
        _ play: @escaping @Sendable (Voice) throws -> Void
    ) throws -> (end: IMAPSession.IdleEnd, messages: Int) {
        let played = try PlayedServer { voice in
            try voice.greet(.imap, offering: "PLAIN", "IDLE")
            try voice.hear()
            try voice.accept(.imap)
            let line = try voice.hear()
            #expect(line.hasSuffix(" IDLE"))
            try play(voice)
        }
        let account = account()
        let session = try IMAPSession(on: played.wire, of: account, at: server, try AccountLogin(of: account))
        var messages = 2
        let end = try session.idle(messages: &messages, until: alarm, patience: patience)
        return (end, messages)
    }

    /// Ends the wait.
    private func end(_ voice: Voice) throws {
        #expect(try voice.hear() == "DONE")
        try voice.say("* 1 FETCH (FLAGS ())", "a2 OK done")
    }

    @Test(
        "FE6: more messages are news, in IDLE, before it has begun and as it ends; fewer, flags and greetings are none")
    func news() async throws {
        try await onThread {
            let inIdle = try idle { voice in
                try voice.say("+ go", "* OK still here", "* 1 FETCH (FLAGS (\\Seen))", "* 2 EXISTS", "* 3 EXISTS")
                try end(voice)
            }
            #expect(inIdle == (.news, 3))
            let before = try idle { voice in
                try voice.say("* 3 EXISTS", "+ go")
                try end(voice)
            }
            #expect(before == (.news, 3))
            let alarm = Alarm()
            let atEnd = try idle(until: alarm) { voice in
                try voice.say("+ go", "* 2 EXPUNGE", "* 1 EXPUNGE")
                alarm.ring()
                #expect(try voice.hear() == "DONE")
                try voice.say("* 1 EXISTS", "a2 OK done")
            }
            #expect(atEnd == (.news, 1), "one came when none was left")
            alarm.ring()
            let none = try idle(until: alarm) { voice in
                try voice.say("+ go")
                try end(voice)
            }
            #expect(none == (.alarm, 2))
        }
    }

    @Test("FE6: without UIDNEXT the highest UID marks how a folder stands; what comes meanwhile is news")
    func mark() async throws {
        try await onThread {
            func mark(uidNext: UInt32?, _ answer: String...) throws -> FolderMark? {
                let played = try PlayedServer { voice in
                    try voice.greet(.imap, offering: "PLAIN", "IDLE")
                    try voice.hear()
                    try voice.accept(.imap)
                    #expect(try voice.hear().hasSuffix(" SELECT \"INBOX\""))
                    let told = uidNext.map { ["* OK [UIDNEXT \($0)] ok"] } ?? []
                    for line in ["* 2 EXISTS", "* OK [UIDVALIDITY 5] ok"] + told + ["a2 OK done"] {
                        try voice.say(line)
                    }
                    guard !answer.isEmpty else { return }
                    #expect(try voice.hear() == "a3 UID FETCH * (UID)")
                    for line in answer { try voice.say(line) }
                }
                let account = account()
                let session = try IMAPSession(on: played.wire, of: account, at: server, try AccountLogin(of: account))
                let selection = try session.select("INBOX")
                return try session.mark(of: selection)
            }
            let eight = FolderMark(uidValidity: 5, uidNext: 8)
            let told = try mark(uidNext: 8)
            let asked = try mark(uidNext: nil, "* 2 FETCH (UID 7)", "a3 OK done")
            #expect(told == eight && asked == eight)
            let meanwhile = try mark(uidNext: nil, "* 2 FETCH (UID 7)", "* 3 EXISTS", "a3 OK done")
            #expect(meanwhile == nil)
        }
    }

    @Test("FE6: words that mean nothing are heard up to a bound")
    func wordy() async throws {
        try await onThread {
            let alarm = Alarm()
            alarm.set(Deadline(after: .seconds(60)))
            let error = accountError {
                _ = try idle(until: alarm) { voice in
                    try voice.say("+ go")
                    let line = "* XNONE " + String(repeating: "x", count: 1_000)
                    // Ends when the client hangs up.
                    while true { try voice.say(line) }
                }
            }
            #expect(error.map { "\($0)" }?.contains("octets in one IDLE") == true, "\(String(describing: error))")
            let before = accountError {
                _ = try idle(until: alarm) { voice in while true { try voice.say("* OK not yet") } }
            }
            #expect(before.map { "\($0)" }?.contains("lines in one IDLE") == true, "\(String(describing: before))")
            let never = accountError {
                _ = try idle(until: alarm, patience: .milliseconds(300)) { voice in
                    while true {
                        try voice.say("* OK not yet")
                        usleep(5_000)
                    }
                }
            }
            #expect(never?.isTimeout == true, "\(String(describing: never))")
        }
    }

    @Test("FE6: a connection that answers the end of IDLE no more is given up after a while, whatever else it says")
    func deadConnection() async throws {
        try await onThread {
            for isTalking in [false, true] {
                let alarm = Alarm()
                alarm.set(Deadline(after: .milliseconds(50)))
                let error = accountError {
                    _ = try idle(until: alarm, patience: .milliseconds(300)) { voice in
                        try voice.say("+ go")
                        #expect(try voice.hear() == "DONE")
                        while true {
                            // Ends when the client hangs up.
                            guard isTalking else {
                                _ = try voice.hear()
                                continue
                            }
                            try voice.say("* OK still here")
                            usleep(5_000)
                        }
                    }
                }
                #expect(error?.isTimeout == true, "\(isTalking) \(String(describing: error))")
            }
        }
    }

    @Test("FE6: a server that refuses IDLE, ends it or says good-bye is heard")
    func refused() async throws {
        try await onThread {
            let refused = try idle { voice in try voice.say("a2 NO not today") }
            #expect(refused == (.refused, 2))
            let ended = try idle { voice in try voice.say("+ go", "a2 OK enough") }
            #expect(ended == (.refused, 2))
            let farewell = accountError { _ = try idle { voice in try voice.say("+ go", "* BYE closing") } }
            #expect(farewell?.farewellWords == "closing")
            let gone = accountError { _ = try idle { voice in try voice.say("+ go") } }
            #expect(gone?.transportError != nil)
        }
    }
}
