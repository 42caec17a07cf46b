// Who may try a login when, over threads, processes and runs.

import Blocking
import Foundation
import Glibc
import MailTestKit
import Synchronization
import Testing

@testable import DurableFiles
@testable import LoginLedger

private final class Counter: Sendable { let value = Atomic(0) }

@Suite("The records of logins")
struct LoginRecordsTests {
    private let scratch = ScratchDirectory()
    private let alice = LoginIdentity(user: "alice", host: "mail.example.org", port: 993)

    private func records(forced: Bool = false, warn: @escaping @Sendable (String) -> Void = { _ in }) -> LoginRecords {
        LoginRecords(in: scratch.file("state"), watching: [scratch.file("rc")], isForced: forced, warn: warn)
    }

    private func refuse(_ records: LoginRecords, _ times: Int, stamp: String = "s") throws {
        for _ in 0..<times {
            try records.attempt(alice, stamp: stamp, until: Deadline(after: .seconds(5)))?.refused(
                "wrong password", stamp: "s")
        }
    }

    @Test("leave a login alone after its third refusal, whoever asks, but for a person and another login")
    func pause() throws {
        try refuse(records(), 3)
        let state = try records().state(of: alice)
        #expect(state.refusals == 3 && state.words == "wrong password")
        for try_ in [
            { (_: Void) throws in try records().demandLeave(alice, stamp: "s") },
            { (_: Void) throws in _ = try records().attempt(alice, stamp: "s", until: .never) },
        ] {
            #expect {
                try try_(())
            } throws: { error in
                guard case LoginRecordError.paused(alice, state.next, state.since, "wrong password") = error else {
                    return false
                }
                return "\(error)".contains("mail.example.org refuses the login of alice")
                    && (error as? LoginRecordError)?.exitStatus == .noPermission
            }
        }
        try records(forced: true).demandLeave(alice, stamp: "s")
        try records().demandLeave(alice, stamp: "changed")
        for other in [
            LoginIdentity(user: "bob", host: alice.host, port: 993),
            LoginIdentity(user: "alice", host: "b.example", port: 993),
            LoginIdentity(user: "alice", host: alice.host, port: 995),
        ] {
            try records().demandLeave(other, stamp: "s")
        }
        // One server, however its name is written.
        #expect(throws: LoginRecordError.self) {
            try records().demandLeave(LoginIdentity(user: "alice", host: "MAIL.example.org", port: 993), stamp: "s")
        }
    }

    @Test("let one try at a time, so that many at once are refused as often as one")
    func oneAtATime() async throws {
        let (tried, paused) = (Counter(), Counter())
        let (records, alice) = (records(), alice)
        try await onThread {
            let threads = try (0..<9).map { _ in
                try BlockingThread(name: "try") {
                    do {
                        let attempt = try records.attempt(alice, stamp: "s", until: Deadline(after: .seconds(20)))
                        tried.value.add(1, ordering: .relaxed)
                        usleep(2000)
                        attempt?.refused("wrong password", stamp: "s")
                    } catch let error as LoginRecordError where error.isPause {
                        paused.value.add(1, ordering: .relaxed)
                    } catch {
                        Issue.record(error)
                    }
                }
            }
            for thread in threads { thread.join() }
        }
        #expect(tried.value.load(ordering: .relaxed) == 3)
        #expect(paused.value.load(ordering: .relaxed) == 6)
    }

    @Test("are not led astray by a program that writes a file of its own at each login")
    func rewritten() throws {
        for number in 0..<3 {
            let stamp = number == 0 ? "start" : "after \(number - 1)"
            try records().attempt(alice, stamp: stamp, until: .never)?.refused("no", stamp: "after \(number)")
        }
        #expect(throws: LoginRecordError.self) { try records().demandLeave(alice, stamp: "after 2") }
    }

    @Test("tell a person when a refusal cannot be noted, which no pause follows then")
    func unwritable() throws {
        let told = Mutex<[String]>([])
        let attempt = try #require(
            try records(warn: { words in told.withLock { $0.append(words) } }).attempt(
                alice, stamp: "s", until: .never))
        try FileManager.default.removeItem(atPath: scratch.file("state/login"))
        attempt.refused("wrong password", stamp: "s")
        #expect(told.withLock { $0.count } == 1)
        #expect(
            told.withLock { $0.first }?.hasPrefix("the refused login at mail.example.org could not be noted") == true)
    }

    @Test("say so when another process does not come to an end of its try")
    func busy() throws {
        let attempt = try #require(try records().attempt(alice, stamp: "s", until: .never))
        #expect(throws: LoginRecordError.busy(alice)) {
            _ = try records().attempt(alice, stamp: "s", until: Deadline(after: .milliseconds(120)))
        }
        #expect(attempt.state == LoginState())
    }

    @Test("see every change of the rc and of the files of the secret")
    func stamp() throws {
        scratch.write("one", to: "rc")
        scratch.write("secret", to: "password")
        let paths = [scratch.file("password")]
        var seen = [records().stamp(of: paths)]
        func look() { seen.append(records().stamp(of: paths)) }
        #expect(records().stamp(of: paths) == seen[0])
        scratch.write("other", to: "rc")
        look()
        scratch.write("Secret", to: "password.new")
        _ = unsafe rename(scratch.file("password.new"), scratch.file("password"))
        look()
        _ = unsafe unlink(scratch.file("password"))
        look()
        look()
        #expect(Set(seen).count == 4 && seen[3] == seen[4])
    }

    @Test("keep the strongest mechanism, and tell of a weaker one once")
    func strongest() throws {
        let told = Mutex<[String]>([])
        let order = ["A", "B", "C"]
        func accept(_ mechanism: String?) throws -> LoginState {
            let records = records { words in told.withLock { $0.append(words) } }
            let attempt = try records.attempt(alice, stamp: "s", until: .never)
            attempt?.accepted(by: mechanism) { one, other in
                (order.firstIndex(of: one) ?? 0) > (order.firstIndex(of: other) ?? 0)
            }
            return try records.state(of: alice)
        }
        #expect(try accept("B").strongest == "B")
        #expect(try accept("A").strongest == "A")
        #expect(try accept("B").strongest == "A" && accept("B").toldOf == "B")
        #expect(told.withLock { $0.count } == 1)
        #expect(try accept("C").toldOf == "C" && told.withLock { $0.count } == 2)
        #expect(told.withLock { $0.last }?.contains("no login by A any more; C was taken") == true)
        #expect(try accept(nil).strongest == "A")
        #expect(try accept("A").toldOf == nil)
    }

    @Test("write nothing where nothing is news, and read nothing into a missing file")
    func quiet() throws {
        #expect(try records().state(of: alice) == LoginState())
        #expect(!ScratchDirectory.names(in: scratch.path).contains("state"))
        for _ in 0..<2 {
            try records().attempt(alice, stamp: "s", until: .never)?.accepted(by: "PLAIN") { _, _ in false }
        }
        let path = scratch.file("state/login/\(alice.fileName)")
        let before = try FileStatus.at(path)
        try records().attempt(alice, stamp: "s", until: .never)?.accepted(by: "PLAIN") { _, _ in false }
        #expect(try FileStatus.at(path)?.inode == before?.inode && before != nil)
    }

    @Test("keep nothing for those who only look, and do not let them by in a pause")
    func looking() throws {
        let records = LoginRecords(in: scratch.file("state"), watching: [], isLooking: true)
        #expect(try records.attempt(alice, stamp: "s", until: .never) == nil)
        #expect(!ScratchDirectory.names(in: scratch.path).contains("state"))
        try refuse(self.records(), 3)
        #expect(throws: LoginRecordError.self) { _ = try records.attempt(alice, stamp: "s", until: .never) }
    }

    @Test("stop with 72 at a state that makes no sense")
    func damaged() throws {
        try refuse(records(), 1)
        scratch.write("rubbish", to: "state/login/\(alice.fileName)")
        #expect {
            try records().demandLeave(alice, stamp: "s")
        } throws: { ($0 as? LoginRecordError)?.exitStatus == .osFile && "\($0)".contains("remove it") }
    }
}
