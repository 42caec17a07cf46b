// Files that decide what is done: nobody but us and root can change them, or what their path leads to.

import Glibc
import MailTestKit
import Testing

@testable import RunControl

@Suite("Trusted files")
struct TrustedFileTests {
    private let scratch = ScratchDirectory()

    private func said(_ path: String) -> String {
        do throws(TrustedFileError) {
            return String(decoding: try SourceFile.trusted(path, atMost: 100).octets, as: UTF8.self)
        } catch {
            return "\(error)"
        }
    }

    private func directory(_ name: String, _ mode: mode_t = 0o700) -> String {
        let path = scratch.file(name)
        _ = unsafe mkdir(path, 0o700)
        _ = unsafe chmod(path, mode)
        return path
    }

    @Test("each folder on the way counts: where the path leads by its links, and where these stand")
    func links() {
        let (real, open, chain) = (directory("real"), directory("open", 0o777), directory("chain"))
        let file = scratch.write("text", to: "real/file")
        _ = unsafe symlink(file, "\(open)/link")
        _ = unsafe symlink("../open/link", "\(chain)/link")
        _ = unsafe symlink("../chain", "\(real)/up")
        #expect(said(file) == "text")
        #expect(said("\(real)/./../real//file") == "text")
        let refusal = "others could put another file in its place, as they may change \(open); run: chmod go-w \(open)"
        for path in ["\(open)/link", "\(chain)/link", "\(real)/up/link", "\(open)/../real/file"] {
            #expect(said(path) == refusal)
        }
        _ = unsafe chmod(open, 0o755)
        for path in ["\(open)/link", "\(chain)/link", "\(real)/up/link"] { #expect(said(path) == "text") }
    }

    @Test("with the sticky bit only a file of ours is trusted; a circle of links and a missing file are told")
    func sticky() {
        let sticky = directory("sticky", 0o1777)
        let file = scratch.write("text", to: "sticky/file")
        #expect(said(file) == "text")
        _ = unsafe symlink("circle", "\(sticky)/circle")
        #expect(said("\(sticky)/circle") == "is a symbolic link, which is not followed")
        #expect(said("\(sticky)/none").hasPrefix("cannot be read: "))
        #expect(said("file").hasPrefix("cannot be read: "))
        _ = unsafe chmod(file, 0o622)
        #expect(said(file) == "others may change it; run: chmod go-w \(file)")
        #expect(said(scratch.write(String(repeating: "x", count: 101), to: "large")) == "is larger than 100")
    }

    @Test("the stamp is that of the file that was read, not of one that has taken its place")
    func stamp() throws {
        let path = scratch.write("old", to: "file")
        let first = try SourceFile.trusted(path, atMost: 100)
        #expect(first.stamp == FileStamp(path))
        scratch.write("new", to: "other")
        #expect(unsafe rename(scratch.file("other"), path) == 0)
        #expect(first.stamp != FileStamp(path))
    }
}
