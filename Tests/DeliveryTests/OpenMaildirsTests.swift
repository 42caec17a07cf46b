// Maildirs held open, and the paths that no longer lead to them.

import DurableFiles
import Glibc
import MailTestKit
import MaildirStore
import Reporting
import Synchronization
import Testing

@testable import Delivery

extension OpenMaildirs {
    /// Nothing keeps a leftover here, unless a test says so.
    convenience init(faults: Faults? = nil, now: @escaping @Sendable () -> Int = { time(nil) }) {
        self.init(faults: faults, now: now) { error in
            if error.code != Faults.crashed, faults == nil { Issue.record(error) }
        }
    }
}

@Suite("Open Maildirs")
struct OpenMaildirsTests {
    private let scratch = ScratchDirectory()

    @Test("one is opened once, each folder by itself")
    func held() throws {
        let maildirs = OpenMaildirs()
        let inbox = Destination(maildir: scratch.file("a"))
        let junk = Destination(maildir: scratch.file("a"), folder: try FolderName(parts: ["Junk"]))
        let first = try maildirs.maildir(at: inbox)
        #expect(try maildirs.maildir(at: inbox) === first)
        let folder = try maildirs.maildir(at: junk)
        #expect(folder !== first)
        #expect(try maildirs.maildir(at: junk) === folder)
    }

    @Test(
        "one that was moved away, removed, replaced or opened to others is not used any more",
        arguments: ["moved", "removed", "replaced", "link"])
    func changed(_ how: String) throws {
        let maildirs = OpenMaildirs()
        let path = scratch.file("a")
        let first = try maildirs.maildir(at: Destination(maildir: path))
        #expect(unsafe rename(path, scratch.file("old")) == 0)
        switch how {
        case "moved": break
        case "removed": _ = try runProgram(["rm", "-rf", scratch.file("old")])
        case "replaced": _ = try Maildir(path: path, making: true)
        default:
            _ = try Maildir(path: scratch.file("other"), making: true)
            #expect(unsafe symlink(scratch.file("other"), path) == 0)
        }
        let second = try maildirs.maildir(at: Destination(maildir: path))
        #expect(second !== first)
        #expect(ScratchDirectory.names(in: path).sorted() == ["cur", "new", "tmp"])
    }

    @Test("what writers that died have left in tmp goes when it is opened, and nothing younger")
    func leftovers() throws {
        let place = Destination(maildir: scratch.file("a"))
        _ = try OpenMaildirs().maildir(at: place)
        for name in ["old", "young"] { scratch.write("x", to: "a/tmp/\(name)") }
        let later = time(nil) + 37 * 3600
        var times = [timespec(tv_sec: later, tv_nsec: 0), timespec(tv_sec: later, tv_nsec: 0)]
        unsafe utimensat(AT_FDCWD, scratch.file("a/tmp/young"), &times, 0)
        _ = try OpenMaildirs(now: { later }).maildir(at: place)
        #expect(ScratchDirectory.names(in: scratch.file("a/tmp")) == ["young"])
    }

    @Test("a leftover that cannot go is told, keeps no other from going, and no mail from coming")
    func stuckLeftover() throws {
        let path = scratch.file("a")
        _ = try OpenMaildirs().maildir(at: Destination(maildir: path))
        for name in ["one", "stuck", "two"] { scratch.write("x", to: "a/tmp/\(name)") }
        let later = time(nil) + 37 * 3600
        let told = Mutex<[String]>([])
        let faults = Faults(.error(EIO), at: 1)
        let maildirs = OpenMaildirs(
            faults: faults, now: { later }, telling: { error in told.withLock { $0.append(error.operation) } })
        let delivery = try maildirs.begin(.random(seconds: 1), at: Destination(maildir: path))
        try delivery.write([0x78, 0x0A])
        _ = try delivery.commit()
        #expect(told.withLock { $0 } == ["remove"])
        #expect(ScratchDirectory.names(in: path + "/tmp").count == 1)
        #expect(ScratchDirectory.names(in: path + "/new").count == 1)
    }

    @Test("rights that were opened meanwhile are seen", arguments: ["", "/new", "/tmp", "/cur"])
    func rights(_ part: String) throws {
        let maildirs = OpenMaildirs()
        let path = scratch.file("a")
        _ = try maildirs.maildir(at: Destination(maildir: path))
        #expect(unsafe chmod(path + part, 0o777) == 0)
        #expect(throws: MaildirError.self) { try maildirs.maildir(at: Destination(maildir: path)) }
    }

    @Test("a tmp or cur that was removed is made again, and so is the mail", arguments: ["tmp", "cur", "new"])
    func removed(_ part: String) throws {
        let maildirs = OpenMaildirs()
        let place = Destination(maildir: scratch.file("a"))
        for round in 0..<2 {
            let delivery = try maildirs.begin(.random(seconds: 1), at: place)
            try delivery.write([0x78, 0x0A])
            _ = try delivery.commit()
            if round == 0 { _ = try runProgram(["rm", "-rf", scratch.file("a/\(part)")]) }
        }
        let wanted = part == "new" ? 1 : 2
        #expect(ScratchDirectory.names(in: scratch.file("a/new")).count == wanted)
    }

    @Test("one that was swapped while it was opened is not taken for what stands there now")
    func swapped() throws {
        let path = scratch.file("a")
        let maildirs = OpenMaildirs(now: {
            // Called in the midst of the opening: the sweep of tmp asks for the time.
            if unsafe access(scratch.file("old"), F_OK) != 0 { _ = unsafe rename(path, scratch.file("old")) }
            return ClockSanity.buildDate
        })
        _ = try maildirs.maildir(at: Destination(maildir: path))
        let delivery = try maildirs.begin(.random(seconds: 1), at: Destination(maildir: path))
        try delivery.write([0x78, 0x0A])
        _ = try delivery.commit()
        #expect(ScratchDirectory.names(in: path + "/new").count == 1)
    }

    @Test("after a day one is opened anew, so that its tmp is swept")
    func age() throws {
        let time = Mutex(ClockSanity.buildDate)
        let maildirs = OpenMaildirs(now: { time.withLock { $0 } })
        let place = Destination(maildir: scratch.file("a"))
        let first = try maildirs.maildir(at: place)
        time.withLock { $0 += OpenMaildirs.age - 1 }
        #expect(try maildirs.maildir(at: place) === first)
        time.withLock { $0 += 1 }
        #expect(try maildirs.maildir(at: place) !== first)
    }

    @Test("where descriptors run out, those that are held make room for a delivery")
    func shortOfDescriptors() throws {
        _ = try OpenMaildirs().maildir(at: Destination(maildir: scratch.file("a")))
        let maildirs = OpenMaildirs(faults: Faults(.error(EMFILE), at: 1))
        let idle = Destination(maildir: scratch.file("a"))
        let first = try maildirs.maildir(at: idle)
        _ = try maildirs.begin(.random(seconds: 1), at: idle)
        #expect(try maildirs.maildir(at: idle) !== first)
    }

    @Test("the most are held, and those used least lately go")
    func bounded() throws {
        let maildirs = OpenMaildirs()
        func place(_ number: Int) -> Destination { Destination(maildir: scratch.file("box\(number)")) }
        let first = try maildirs.maildir(at: place(0))
        for number in 1...OpenMaildirs.limit + 10 {
            _ = try maildirs.maildir(at: place(number))
            _ = try maildirs.maildir(at: place(0))
        }
        #expect(maildirs.count == OpenMaildirs.limit)
        #expect(try maildirs.maildir(at: place(0)) === first)
    }
}
