// What a POP3 session sees while readers, deliveries and other sessions change the mailbox.

import Blocking
import DurableFiles
import Glibc
import MailTestKit
import Testing

@testable import MaildirStore

@Suite("A snapshot")
struct MaildirSnapshotTests {
    private let scratch = ScratchDirectory()
    private let box: Maildir

    init() throws { box = try Maildir(path: scratch.file("box"), making: true) }

    private func deliver(_ text: String, seconds: Int = 1) throws -> StagedDelivery {
        let delivery = try MaildirDelivery(into: box, as: try .random(seconds: seconds))
        try delivery.write(Array(text.utf8))
        return try delivery.commit()
    }

    private func snapshot(_ sizes: SizeCache = SizeCache()) throws -> MaildirSnapshot {
        try MaildirSnapshot(of: [ShownMaildir(box, sizes: sizes)])
    }

    private func read(_ message: MaildirMessage) throws -> [UInt8] {
        var octets: [UInt8] = []
        while let chunk = try message.nextChunk() {
            #expect(!chunk.isEmpty && chunk.count <= MaildirMessage.chunkSize)
            octets += chunk
        }
        return octets
    }

    private func names(_ part: String) -> [String] { ScratchDirectory.names(in: scratch.file("box/\(part)")) }

    @Test("numbers messages by time, then by name, whether new or read")
    func order() throws {
        scratch.write("", to: "box/cur/30.b.h:2,S")
        scratch.write("", to: "box/new/9.z.h")
        scratch.write("", to: "box/new/30.a.h")
        scratch.write("", to: "box/new/.hidden")
        scratch.write("", to: "box/cur/strange")
        let shown = try snapshot()
        let ids = try (0..<shown.count).map { String(decoding: try shown.uniqueID(of: $0), as: UTF8.self) }
        #expect(ids == ["strange", "9.z.h", "30.a.h", "30.b.h"])
    }

    @Test(
        "gives the wire sizes of foreign files exactly, and their content in file form",
        arguments: [
            ("f1", "a\nb\n", 6, "a\nb\n"),
            ("f2", "a\r\nb\r\n", 6, "a\nb\n"),
            ("f3", "a\nb", 6, "a\nb"),
            ("f4,S=99,W=99", "a\nb\n", 6, "a\nb\n"),
            ("f5,S=4", "a\nb\n", 6, "a\nb\n"),
            ("f6,S=4,W=6", "a\nb\n", 6, "a\nb\n"),
            ("f7,S=6,W=6", "a\r\nb\r\n", 6, "a\nb\n"),
            ("f8", "", 0, ""),
            ("f9", "a\r\nb\r", 7, "a\nb\r"),
            ("f10,S=1x,W=-3", "a\n", 3, "a\n"),
        ])
    func foreign(_ name: String, _ content: String, _ wire: Int, _ text: String) throws {
        scratch.write(content, to: "box/cur/\(name):2,S")
        let shown = try snapshot()
        #expect(shown.wireSize(of: 0) == wire)
        let message = try shown.open(0)
        #expect(String(decoding: try read(message), as: UTF8.self) == text)
        #expect(message.wireSize == wire)
    }

    @Test("reads big messages in bounded chunks, a CRLF cut between two of them included")
    func chunks() throws {
        // The CR of the second line is the last octet of the first chunk.
        let line = String(repeating: "x", count: 65_532)
        scratch.write("h\r\n\(line)\r\n\(line)", to: "box/cur/big")
        let shown = try snapshot()
        #expect(shown.wireSize(of: 0) == 3 + 2 * 65_534)
        #expect(try read(try shown.open(0)) == Array("h\n\(line)\n\(line)".utf8))
    }

    @Test("lists 20,000 messages without looking at a single file")
    func many() throws {
        for index in 0..<20_000 {
            let path = scratch.file("box/cur/\(index).F1.\(index).hub,S=10,W=12:2,S")
            close(unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        }
        let shown = try snapshot()
        #expect(shown.count == 20_000)
        #expect(shown.totalWireSize == 240_000)
        #expect(shown.examined == 0)
        #expect(String(decoding: try shown.uniqueID(of: 19_999), as: UTF8.self) == "19999.F1.19999.hub")
    }

    @Test("remembers counted sizes over processes, for as long as the file stands unchanged")
    func cache() throws {
        let path = scratch.write("a\nb\n", to: "box/cur/foreign")
        let state = try Directory(path: scratch.path)
        #expect(try snapshot(try SizeCache("sizes", in: state)).wireSize(of: 0) == 6)
        var status = stat()
        unsafe stat(path, &status)
        // Other octets under the same inode and time of change: only a cache can still say 6.
        scratch.write("aaaa", to: "box/cur/foreign")
        var times = [status.st_mtim, status.st_mtim]
        unsafe utimensat(AT_FDCWD, path, &times, 0)
        #expect(try snapshot(try SizeCache("sizes", in: state)).wireSize(of: 0) == 6)
        times = [timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 5, tv_nsec: 0)]
        unsafe utimensat(AT_FDCWD, path, &times, 0)
        #expect(try snapshot(try SizeCache("sizes", in: state)).wireSize(of: 0) == 6)
        scratch.write("longer\nthan\n", to: "box/cur/foreign")
        times = [timespec(tv_sec: 6, tv_nsec: 0), timespec(tv_sec: 6, tv_nsec: 0)]
        unsafe utimensat(AT_FDCWD, path, &times, 0)
        #expect(try snapshot(try SizeCache("sizes", in: state)).wireSize(of: 0) == 14)
    }

    @Test(
        "passes over a cache that is torn, foreign or newer, and begins it anew",
        arguments: ["", "e3069283 mailhub-sizes 1\n", "X-Mailhub-Sizes: 2\n", "\u{0}", "\n\n"])
    func brokenCache(_ content: String) throws {
        scratch.write("a\n", to: "box/cur/foreign")
        scratch.write(content, to: "sizes")
        let cache = try SizeCache("sizes", in: try Directory(path: scratch.path))
        #expect(cache.isEmpty)
        #expect(try snapshot(cache).wireSize(of: 0) == 3)
        #expect(try !SizeCache("sizes", in: try Directory(path: scratch.path)).isEmpty)
    }

    @Test("a torn line of a cache costs its own size and no other, whatever a file is called")
    func tornCache() throws {
        scratch.write("a\n", to: "box/cur/one = \u{1} 100 %+")
        scratch.write("a\nb\n", to: "box/cur/two")
        let state = try Directory(path: scratch.path)
        _ = try snapshot(try SizeCache("sizes", in: state))
        let whole = try #require(ScratchDirectory.read(scratch.file("sizes")))
        let lines = whole.split(separator: 0x0A)
        #expect(lines.count == 3)
        for (cut, known) in [(whole.count, 2), (whole.count - 3, 1), (lines[0].count + 1, 0)] {
            scratch.write(Array(whole[..<cut]), to: "sizes")
            let cache = try SizeCache("sizes", in: state)
            #expect(["one = \u{1} 100 %+", "two"].filter(cache.knows).count == known, "cut before octet \(cut)")
        }
    }

    @Test("learns from a RETR that a name lied")
    func lies() throws {
        scratch.write("a\nb\n", to: "box/new/1.F1.1.hub,S=4,W=1000")
        let cache = SizeCache()
        let shown = try snapshot(cache)
        #expect(shown.wireSize(of: 0) == 1000)
        _ = try read(try shown.open(0))
        #expect(try snapshot(cache).wireSize(of: 0) == 6)
    }

    @Test(
        "leaves out a message that cannot be opened or read, and shows the others",
        arguments: [
            (Faults.Unreadable.closed(EACCES), "open"), (.closed(EIO), "open"), (.broken(EIO), "read"),
            (.closed(ELOOP), "open"), (.broken(ESTALE), "read"),
        ])
    func unreadable(_ fault: Faults.Unreadable, _ step: String) throws {
        for name in ["1.first.h", "2.bad.h:2,S", "3.last.h", "4.bad.h:2,S"] {
            scratch.write("a\nb\n", to: "box/cur/\(name)")
        }
        let faults = Faults(unreadable: ["2.bad.h:2,S": fault, "4.bad.h:2,S": fault])
        let box = try Maildir(path: box.path, making: false, faults: faults)
        let shelf = SnapshotShelf()
        var told: [LeftOut] = []
        let shown = try shelf.snapshot(of: [ShownMaildir(box)], now: .max) { told.append($0) }
        #expect(
            try (0..<shown.count).map { String(decoding: try shown.uniqueID(of: $0), as: UTF8.self) } == [
                "1.first.h", "3.last.h",
            ])
        #expect(shown.totalWireSize == 12)
        let leftOut = try #require(shown.leftOut)
        #expect(leftOut.count == 2 && leftOut.first.contains("/cur/2.bad.h:2,S: cannot \(step): "), "\(leftOut)")
        // Told once for a reading, not for each session that shares it.
        _ = try shelf.snapshot(of: [ShownMaildir(box)], now: .max) { told.append($0) }
        #expect(told == [leftOut])
        #expect(names("cur").count == 4)
    }

    @Test("a lack of descriptors hides nothing: the mailbox is not shown at all", arguments: [EMFILE, ENFILE, ENOMEM])
    func shortage(_ code: Int32) throws {
        scratch.write("a\n", to: "box/cur/1.some.h")
        let box = try Maildir(path: box.path, making: false, faults: Faults(unreadable: ["1.some.h": .closed(code)]))
        #expect(throws: MaildirError.self) { try MaildirSnapshot(of: [ShownMaildir(box)]) }
    }

    @Test("a message that becomes shorter while it is read is an error, not a short message")
    func shrinks() throws {
        for (name, content) in [
            ("1.foreign.h", String(repeating: "line\n", count: 40_000)),
            ("2.foreign.h", String(repeating: "line\r\n", count: 40_000)),
            ("3.F1.1.hub,S=200000,W=240000", String(repeating: "line\n", count: 40_000)),
        ] {
            let path = scratch.write(content, to: "box/new/\(name)")
            let shown = try snapshot()
            let message = try shown.open(shown.count - 1)
            #expect(try message.nextChunk()?.isEmpty == false)
            #expect(unsafe truncate(path, 100_000) == 0)
            #expect(throws: MaildirError.shrunk(path: path)) { try read(message) }
            #expect(message.wireSize == nil)
        }
    }

    @Test("a message that became shorter since it was listed is an error, and the next listing has its size")
    func shrankBefore() throws {
        let path = scratch.write("a letter\nof two lines\n", to: "box/new/1.foreign.h")
        let shown = try snapshot()
        #expect(unsafe truncate(path, 9) == 0)
        #expect(throws: MaildirError.shrunk(path: path)) { try read(try shown.open(0)) }
        let again = try snapshot()
        #expect(again.wireSize(of: 0) == 10)
        #expect(try read(try again.open(0)) == Array("a letter\n".utf8))
    }

    @Test("finds a message whose flags a reader changed since, and deletes it")
    func flags() throws {
        let staged = try deliver("hello\n")
        let shown = try snapshot()
        unsafe rename(scratch.file("box/new/\(staged.fileName)"), scratch.file("box/cur/\(staged.fileName):2,FS"))
        #expect(try read(try shown.open(0)) == Array("hello\n".utf8))
        try shown.delete([0])
        #expect(names("cur").isEmpty)
        #expect(throws: MaildirError.self) { try shown.open(0) }
    }

    @Test("lets two sessions delete, the same messages and others")
    func twoSessions() throws {
        for second in 1...4 { _ = try deliver("m\(second)\n", seconds: second) }
        let one = try snapshot()
        let other = try snapshot()
        try one.delete([0, 1])
        let late = try deliver("late\n", seconds: 9)
        try other.delete([1, 2])
        #expect(try read(try one.open(3)) == Array("m4\n".utf8))
        #expect(names("new").count == 2)
        #expect(names("new").contains(late.fileName))
    }

    @Test("shows a file that is in new and cur once, and deletes both")
    func doubled() throws {
        scratch.write("a\n", to: "box/new/7.x.h")
        scratch.write("a\n", to: "box/cur/7.x.h:2,S")
        let shown = try snapshot()
        #expect(shown.count == 1)
        try shown.delete([0])
        #expect(names("new").isEmpty && names("cur").isEmpty)
    }

    @Test("throws when a deletion is not durable, so that nobody says +OK")
    func deletionFaults() throws {
        for call in 1...4 {  // unlink, unlink, synchronize new, synchronize cur
            let path = scratch.file("faulty-\(call)")
            let clean = try Maildir(path: path, making: true)
            for second in 1...2 {
                let delivery = try MaildirDelivery(into: clean, as: try .random(seconds: second))
                _ = try delivery.commit()
            }
            let box = try Maildir(path: path, making: false, faults: Faults(.error(EIO), at: call))
            let shown = try MaildirSnapshot(of: [ShownMaildir(box)])
            #expect(throws: DurableError.self) { try shown.delete([0, 1]) }
            #expect(ScratchDirectory.names(in: path + "/new").count == (call <= 2 ? 1 : 0), "call \(call)")
        }
    }

    @Test("moves to a folder instead of deleting, flags kept")
    func moves() throws {
        let trash = try box.makeFolder(try FolderName(parts: ["Trash"]))
        let staged = try deliver("a\n", seconds: 1)
        scratch.write("b\n", to: "box/cur/2.x.h:2,FS")
        let shown = try snapshot()
        try shown.move([0, 1], to: trash)
        try shown.move([0, 1], to: trash)
        #expect(names("new").isEmpty && names("cur").isEmpty)
        #expect(Set(ScratchDirectory.names(in: trash.path + "/cur")) == ["\(staged.fileName):2,", "2.x.h:2,FS"])
    }

    @Test("gives UIDLs of 1 to 70 printable octets, stable and different")
    func uniqueIDs() throws {
        let long = String(repeating: "a", count: 71)
        for name in ["1.a.h", long, "b b", "c\u{1}", "ü", String(repeating: "d", count: 70)] {
            scratch.write("", to: "box/cur/\(name):2,S")
        }
        let junk = try box.makeFolder(try FolderName(parts: ["Junk"]))
        scratch.write("", to: "box/.Junk/cur/1.a.h")
        let shown = try MaildirSnapshot(of: [ShownMaildir(box), ShownMaildir(junk, prefix: "Junk/")])
        let ids = try (0..<shown.count).map { String(decoding: try shown.uniqueID(of: $0), as: UTF8.self) }
        #expect(
            ids.allSatisfy { (1...70).contains($0.utf8.count) && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } })
        #expect(Set(ids).count == 7)
        #expect(ids.contains("1.a.h") && ids.contains("Junk/1.a.h") && ids.contains(String(repeating: "d", count: 70)))
        // printf %s 'b b' | sha256sum, in base64url
        #expect(ids.contains("MrhXs-kkzhrnCZ3iEpkt5KK6dn0oNWpHmFIzdcy9uqY"))
    }

    @Test("holds whole messages only, while others deliver, flag and delete")
    func race() throws {
        let text = String(repeating: "line of mail\n", count: 2_000)
        let path = scratch.file("box")
        let thread = try BlockingThread(name: "deliveries") {
            guard let box = try? Maildir(path: path, making: false) else { return }
            for index in 0..<120 {
                guard let name = try? DeliveryName.random(seconds: index),
                    let delivery = try? MaildirDelivery(into: box, as: name)
                else { return }
                try? delivery.write(Array(text.utf8))
                guard let staged = try? delivery.commit() else { return }
                if index % 3 == 0 {
                    unsafe rename("\(path)/new/\(staged.fileName)", "\(path)/cur/\(staged.fileName):2,S")
                }
                if index % 7 == 0 { unsafe unlink("\(path)/new/\(staged.fileName)") }
            }
        }
        var seen = 0
        while seen < 60 {
            let shown = try snapshot()
            for index in 0..<shown.count {
                do {
                    #expect(try read(try shown.open(index)).count == text.utf8.count)
                } catch let error as MaildirError {
                    guard case .messageGone = error else { throw error }
                }
            }
            seen = max(seen, shown.count)
        }
        thread.join()
        #expect(try snapshot().examined == 0)
    }

    @Test("is shared until the mailbox changes, and not while a change is young")
    func shelf() throws {
        let shelf = SnapshotShelf()
        let shown = [ShownMaildir(box)]
        _ = try deliver("a\n")
        let now = time(nil)
        let young = try shelf.snapshot(of: shown, now: now)
        #expect(try shelf.snapshot(of: shown, now: now) !== young)
        let settled = try shelf.snapshot(of: shown, now: now + 5)
        #expect(try shelf.snapshot(of: shown, now: now + 5) === settled)
        _ = try deliver("b\n")
        #expect(try shelf.snapshot(of: shown, now: now + 5).count == 2)
    }

    @Test("is kept by its sessions and not by the shelf")
    func released() throws {
        let shelf = SnapshotShelf()
        _ = try deliver("a\n")
        weak var gone: MaildirSnapshot?
        gone = try shelf.snapshot(of: [ShownMaildir(box)], now: .max)
        #expect(gone == nil)
    }
}
