// A Maildir as it is made, opened, delivered to and searched.

import DurableFiles
import Glibc
import MailTestKit
import Reporting
import Testing

@testable import MaildirStore

@Suite("A Maildir")
struct MaildirTests {
    private let scratch = ScratchDirectory()
    private var path: String { scratch.file("box") }

    private func deliver(_ text: String, to box: Maildir, as name: DeliveryName? = nil) throws -> StagedDelivery {
        let delivery = try MaildirDelivery(into: box, as: try name ?? .random(seconds: 1_700_000_000))
        try delivery.write(Array(text.utf8))
        return try delivery.commit()
    }

    @Test("is made private, and whole")
    func making() throws {
        _ = try Maildir(path: path + "//", making: true)
        #expect(ScratchDirectory.names(in: path) == ["cur", "new", "tmp"])
        for part in ["", "/cur", "/new", "/tmp"] {
            var status = stat()
            #expect(unsafe lstat(path + part, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o700)
        }
        #expect(throws: MaildirError.self) { try Maildir(path: scratch.file("none"), making: false) }
        // On the first day the folder of all Maildirs is missing too.
        _ = try Maildir(path: scratch.file("mail/of/alice"), making: true)
        #expect(ScratchDirectory.names(in: scratch.file("mail/of/alice")) == ["cur", "new", "tmp"])
    }

    @Test("is refused when a part of it is a symbolic link")
    func links() throws {
        _ = try Maildir(path: path, making: true)
        unsafe rmdir(path + "/new")
        unsafe symlink("/tmp", path + "/new")
        #expect(throws: MaildirError.self) { try Maildir(path: path, making: true) }
    }

    @Test("is refused when it belongs to another user", .enabled(if: geteuid() == 0))
    func foreign() throws {
        _ = try Maildir(path: path, making: true)
        unsafe chown(path + "/cur", 4711, 4711)
        #expect(throws: MaildirError.notOurs(.foreignOwner(path: path + "/cur", owner: 4711, own: geteuid()))) {
            try Maildir(path: path, making: true)
        }
    }

    @Test("is refused when all may write to a part of it; a group may")
    func writable() throws {
        _ = try Maildir(path: path, making: true)
        for part in ["", "/cur", "/new", "/tmp"] {
            unsafe chmod(path + part, 0o770)
            _ = try Maildir(path: path, making: true)
            unsafe chmod(path + part, 0o702)
            #expect(throws: MaildirError.notOurs(.othersMayWrite(path: path + part, chmod: "o-w"))) {
                try Maildir(path: path, making: true)
            }
            unsafe chmod(path + part, 0o700)
        }
    }

    @Test(
        "gets messages whole, with their sizes in the name",
        arguments: [
            ("", "S=0,W=0"), ("a\n", "S=2,W=3"), ("a\n\nb\n", "S=5,W=8"), ("no end", "S=6"), ("a\r\n", "S=3,W=4"),
            ("x\n\u{0}ü", "S=5"),
        ])
    func sizes(_ text: String, _ sizes: String) throws {
        let box = try Maildir(path: path, making: true)
        let staged = try deliver(text, to: box)
        #expect(staged.fileName == "\(staged.name.unique),\(sizes)")
        #expect(ScratchDirectory.names(in: path + "/new") == [staged.fileName])
        #expect(ScratchDirectory.names(in: path + "/tmp").isEmpty)
        #expect(ScratchDirectory.read("\(path)/new/\(staged.fileName)") == Array(text.utf8))
        #expect(try MaildirSnapshot(of: [ShownMaildir(box)]).wireSize(of: 0) == staged.wireSize)
    }

    @Test("keeps nothing of a delivery that was dropped")
    func dropped() throws {
        let box = try Maildir(path: path, making: true)
        do {
            let delivery = try MaildirDelivery(into: box, as: try .random(seconds: 1))
            try delivery.write([0x61])
            #expect(ScratchDirectory.names(in: path + "/tmp").count == 1)
        }
        do {
            let delivery = try MaildirDelivery(into: box, as: try .random(seconds: 1))
            try delivery.finishWriting().synchronize()
        }
        #expect(ScratchDirectory.names(in: path + "/tmp").isEmpty)
        #expect(ScratchDirectory.names(in: path + "/new").isEmpty)
    }

    @Test("never replaces a message")
    func taken() throws {
        let box = try Maildir(path: path, making: true)
        let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 1)
        let first = try deliver("one\n", to: box, as: name)
        #expect(throws: MaildirError.nameTaken(path: "\(path)/new/\(first.fileName)")) {
            try deliver("two\n", to: box, as: name)
        }
        #expect(ScratchDirectory.read("\(path)/new/\(first.fileName)") == Array("one\n".utf8))
    }

    @Test("finds the copies of a queued message wherever a reader put them, whatever tail they bear")
    func copies() throws {
        let box = try Maildir(path: path, making: true)
        let folder = try box.makeFolder(try FolderName(parts: ["Work"]))
        let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 2)
        #expect(name.unique == "17.Q17.abc.hub.2.hub")
        #expect(try box.copies(ofQueued: "17.abc.hub").isEmpty)
        let staged = try deliver("x\n", to: box, as: name)
        #expect(try box.copies(ofQueued: "17.abc.hub") == [2])
        unsafe rename("\(path)/new/\(staged.fileName)", "\(path)/cur/\(staged.fileName):2,RS")
        #expect(try box.copies(ofQueued: "17.abc.hub") == [2])
        unsafe rename("\(path)/cur/\(staged.fileName):2,RS", "\(folder.path)/cur/17.Q17.abc.hub.2.old.host:2,S")
        _ = try deliver("x\n", to: box, as: try .queued(id: "17.abc.hub", recipient: 22))
        #expect(try box.copies(ofQueued: "17.abc.hub") == [2, 22])
        #expect(try box.copies(ofQueued: "17.abc").isEmpty && box.copies(ofQueued: "7.abc.hub").isEmpty)
    }

    @Test("finds what was delivered under another tail, and takes no other message for it")
    func otherTails() throws {
        let box = try Maildir(path: path, making: true)
        scratch.write("x", to: "box/cur/17.Q17.abc.old.example.2.old.example,S=1:2,S")
        scratch.write("x", to: "box/new/9.Fabc.3.old.example,S=1")
        #expect(try box.copies(ofQueued: "17.abc.old.example") == [2])
        #expect(try box.copies(ofQueued: "17.abc").isEmpty)
        #expect(try box.findBatches(["x", "abc"]).traces.map(\.delivered) == [[], [3]])
    }

    @Test("what a batch has left in tmp is told before it is removed, so that a death between the two forgets nothing")
    func toldFirst() throws {
        let box = try Maildir(path: path, making: true)
        let folder = try box.makeFolder(FolderName(parts: ["Junk"]))
        scratch.write("x", to: "box/tmp/9.Fabc.3.hub")
        scratch.write("x", to: "box/.Junk/tmp/9.Fabc.4.hub")
        #expect(try box.findBatches(["abc"]).traces.map(\.unfinished) == [[3, 4]])
        let found = try box.findBatches(["abc"])
        #expect(found.traces.map(\.unfinished) == [[3, 4]], "looking removes nothing")
        try found.removeUnfinished()
        #expect(try box.findBatches(["abc"]).traces[0].unfinished.isEmpty)
        #expect(ScratchDirectory.names(in: folder.path + "/tmp").isEmpty)
    }

    @Test("removes what nobody writes to any more from tmp, and nothing younger")
    func stale() throws {
        let box = try Maildir(path: path, making: true)
        scratch.write("old", to: "box/tmp/old")
        scratch.write("young", to: "box/tmp/young")
        let later = time(nil) + Maildir.staleAge + 60
        // A copy with the times of what was copied is no leftover.
        for (name, seconds) in [("old", 1_000), ("young", later - 60)] {
            var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
            unsafe utimensat(AT_FDCWD, path + "/tmp/\(name)", &times, 0)
        }
        #expect(try box.removeStaleTemporaries(now: time(nil) + 60) == 0)
        #expect(try box.removeStaleTemporaries(now: later) == 1)
        #expect(ScratchDirectory.names(in: path + "/tmp") == ["young"])
        #expect(try box.removeStaleTemporaries(now: 0) == 0)
    }

    @Test("a sweep of tmp looks at so many files and no more")
    func sweepIsBounded() throws {
        let box = try Maildir(path: path, making: true)
        for number in 0..<(Maildir.sweepLimit + 5) {
            let file = unsafe open("\(path)/tmp/\(number)", O_CREAT | O_WRONLY, 0o600)
            #expect(file >= 0 && close(file) == 0)
        }
        let later = time(nil) + Maildir.staleAge + 60
        #expect(try box.removeStaleTemporaries(now: later) == Maildir.sweepLimit)
        #expect(try box.removeStaleTemporaries(now: later) == 5)
    }

    @Test("says a full disk is temporary, and shows nothing in new")
    func fullDisk() throws {
        _ = try Maildir(path: path, making: true)
        for call in 1...3 {  // create, write, synchronize
            let box = try Maildir(path: path, making: true, faults: Faults(.lasting(ENOSPC), at: call))
            do {
                _ = try deliver("x\n", to: box)
                Issue.record("call \(call): delivered to a full disk")
            } catch let error as any Complaint {
                #expect(error.exitStatus == .temporaryFailure)
            }
            #expect(ScratchDirectory.names(in: path + "/new").isEmpty)
        }
    }

    @Test("makes five changes for a message: create, write, synchronize, rename, synchronize new")
    func economy() throws {
        _ = try Maildir(path: path, making: true)
        let faults = Faults(.crash, at: .max)
        _ = try deliver("x\n", to: try Maildir(path: path, making: true, faults: faults))
        #expect(faults.calls == 5)
    }

    @Test("takes a batch back when its entries cannot be made durable")
    func withdrawn() throws {
        // create, write, create, write, synchronize, synchronize, rename, rename, synchronize new
        for call in 7...9 {
            let faults = Faults(.error(EIO), at: call)
            let box = try Maildir(path: path, making: true)
            let faulty = try Maildir(path: path, making: false, faults: faults)
            let staged = try (1...2).map { index in
                let name = try DeliveryName.fetched(nonce: "n", index: index, seconds: 5)
                let delivery = try MaildirDelivery(into: faulty, as: name)
                try delivery.write([0x61, 0x0A])
                return delivery.finishWriting()
            }
            for message in staged { try message.synchronize() }
            #expect(throws: MaildirError.self) { try Maildir.publish(staged) }
            #expect(faults.isHit)
            #expect(ScratchDirectory.names(in: path + "/new").isEmpty)
            #expect(try box.findBatches(["n"]).traces[0].delivered.isEmpty)
        }
    }

    @Test("delivers each message of a batch once, wherever the process dies")
    func batchCrashes() throws {
        for kind in [Faults.Kind.crash, .tornCrash] {
            var call = 1
            while true {
                let path = scratch.file("crash-\(kind)-\(call)")
                _ = try Maildir(path: path, making: true)
                let faults = Faults(kind, at: call)
                try? fetch(Set(1...3), into: try Maildir(path: path, making: false, faults: faults))
                let box = try Maildir(path: path, making: false)
                let found = try box.findBatches(["abc"])
                try found.removeUnfinished()
                let done = found.traces[0].delivered
                #expect(ScratchDirectory.names(in: path + "/tmp").isEmpty, "\(kind) at call \(call)")
                try fetch(Set(1...3).subtracting(done), into: box)
                let names = ScratchDirectory.names(in: path + "/new")
                #expect(names.count == 3, "\(kind) at call \(call)")
                for name in names {
                    #expect(ScratchDirectory.read("\(path)/new/\(name)") == Array("message\n".utf8), "call \(call)")
                }
                #expect(try box.findBatches(["abc"]).traces[0].delivered == [1, 2, 3])
                #expect(try box.findBatches(["ab"]).traces[0].delivered.isEmpty)
                if !faults.isHit { break }
                call += 1
            }
            #expect(call > 12)
        }
    }

    private func fetch(_ wanted: Set<Int>, into box: Maildir) throws {
        let staged = try wanted.sorted().map { index in
            let delivery = try MaildirDelivery(into: box, as: try .fetched(nonce: "abc", index: index, seconds: 9))
            try delivery.write(Array("mess".utf8))
            try delivery.write(Array("age\n".utf8))
            return delivery.finishWriting()
        }
        for message in staged { try message.synchronize() }
        try Maildir.publish(staged)
    }

    @Test(
        "refuses parts of names that could lead elsewhere", arguments: ["a/b", "a:b", "a,b", "", "a\u{0}", "ü", "a b"])
    func badNames(_ part: String) {
        #expect(throws: MaildirError.self) { try DeliveryName.queued(id: part, recipient: 1) }
        #expect(throws: MaildirError.self) { try DeliveryName.fetched(nonce: part, index: 1, seconds: 1) }
    }
}
