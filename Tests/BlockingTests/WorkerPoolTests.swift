// Threads run what they are given, once each, and report every failure.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

private final class Tally: Sendable {
    let jobs = Mutex<[Int: Int]>([:])
    let threads = Mutex<Set<UInt>>([])
    func note(_ job: Int) {
        jobs.withLock { $0[job, default: 0] += 1 }
        threads.withLock { _ = $0.insert(UInt(pthread_self())) }
    }
}

private struct Odd: Error, Equatable { let job: Int }

@Suite struct WorkerPoolTests {
    @Test("every job runs exactly once, on no more threads than allowed")
    func once() async throws {
        let tally = Tally()
        let failures = try await onThread { WorkerPool(threads: 8).run(count: 500) { tally.note($0) }.count }
        #expect(failures == 0)
        #expect(tally.jobs.withLock { $0.count } == 500)
        #expect(tally.jobs.withLock { $0.values.allSatisfy { $0 == 1 } })
        #expect(tally.threads.withLock { $0.count } <= 8)
    }

    @Test("failing jobs stop no other and are reported in order")
    func failures() async throws {
        let tally = Tally()
        let jobs = try await onThread {
            WorkerPool(threads: 3).run(count: 10) { index in
                tally.note(index)
                if index % 2 == 1 { throw Odd(job: index) }
            }.map { ($0.job, $0.error as? Odd) }.map { $0.0 == $0.1?.job ? $0.0 : -1 }
        }
        #expect(jobs == [1, 3, 5, 7, 9])
        #expect(tally.jobs.withLock { $0.count } == 10)
    }

    @Test("the threads are kept from one call to the next, and a second caller waits for nobody")
    func kept() async throws {
        try await onThread {
            let tally = Tally()
            let pool = WorkerPool(threads: 4)
            for _ in 0..<50 { #expect(pool.run(count: 20) { tally.note($0) }.isEmpty) }
            #expect(tally.jobs.withLock { $0.values.allSatisfy { $0 == 50 } })
            #expect(tally.threads.withLock { $0.count } <= 4)
            let gate = Promise<Void>()
            let first = try BlockingThread(name: "first") {
                _ = pool.run(count: 4) { _ in gate.wait() }
            }
            #expect(pool.run(count: 5) { tally.note(100 + $0) }.isEmpty)
            #expect(tally.jobs.withLock { jobs in (100..<105).allSatisfy { jobs[$0] == 1 } })
            gate.keep()
            first.join()
        }
    }

    @Test("no jobs, one job and a pool of nothing are fine")
    func small() {
        #expect(WorkerPool(threads: 4).run(count: 0) { _ in }.isEmpty)
        #expect(WorkerPool(threads: 0).run([{ throw Odd(job: 0) }]).count == 1)
        #expect(WorkerPool(threads: -3).run(count: 1) { _ in }.isEmpty)
    }

    @Test("a thread can be joined twice, or never")
    func join() async throws {
        let count = try await onThread {
            let tally = Tally()
            let thread = try BlockingThread(name: "a name longer than the kernel keeps") { tally.note(1) }
            thread.join()
            thread.join()
            _ = try BlockingThread(name: "", stackSize: 0) { tally.note(2) }
            return tally.jobs.withLock { $0[1] }
        }
        #expect(count == 1)
    }
}
