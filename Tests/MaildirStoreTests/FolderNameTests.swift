// Folder names from outside, friendly and hostile.

import MailTestKit
import Testing

@testable import MaildirStore

@Suite("A folder name")
struct FolderNameTests {
    @Test(
        "becomes one directory name and comes back",
        arguments: [
            (["Work"], ".Work"), (["Lists", "Swift"], ".Lists.Swift"), (["Entwürfe"], ".Entw&APw-rfe"),
            (["R&D"], ".R&-D"), (["a.b"], ".a&AC4-b"), ([".."], ".&AC4ALg-"), (["."], ".&AC4-"),
            (["[Gmail]", "Spam"], ".[Gmail].Spam"), (["日本語"], ".&ZeVnLIqe-"), (["😀"], ".&2D3eAA-"),
            ([".hidden"], ".&AC4-hidden"), (["new"], ".new"), (["~", "*"], ".~.*"),
        ])
    func maps(_ parts: [String], _ directory: String) throws {
        let name = try FolderName(parts: parts)
        #expect(name.directoryName == directory)
        #expect(FolderName(directoryName: directory) == name)
    }

    @Test(
        "is refused when it could do harm",
        arguments: [
            "", "/", "a//b", "/a", "a/", "a\u{0}b", "a\nb", "a\u{7F}", "a\u{85}",
            String(repeating: "x", count: 255), String(repeating: "ü", count: 120),
            Array(repeating: "a", count: 17).joined(separator: "/"),
        ])
    func attacks(_ path: String) { #expect(throws: MaildirError.self) { try FolderName.named(path) } }

    @Test("is never a way out of the Maildir", arguments: ["..", "../..", "../x", ".", "./x", "../../etc"])
    func escapes(_ path: String) throws {
        let name = try #require(try FolderName.named(path)).directoryName
        #expect(!name.contains("/"))
        #expect(name != "." && name != "..")
        #expect(name.dropFirst().first != ".")
    }

    @Test("calls the inbox no folder", arguments: ["INBOX", "inbox", "Inbox"])
    func inbox(_ path: String) throws { #expect(try FolderName.named(path) == nil) }

    @Test("takes foreign directories as they are, and only such that are folders")
    func foreign() {
        #expect(FolderName(directoryName: ".Entwürfe")?.parts == ["Entwürfe"])
        #expect(FolderName(directoryName: ".a&xyz")?.parts == ["a&xyz"])
        #expect(FolderName(directoryName: ".a&AAo-")?.parts == ["a&AAo-"])
        #expect(FolderName(directoryName: ".a&AC8-b")?.parts == ["a&AC8-b"])  // no "/" in a part
        #expect(FolderName(directoryName: ".&AGE-")?.parts == ["&AGE-"])  // no second name for "a"
        for name in ["cur", ".", "..", "..x", ".a..b", ".a."] { #expect(FolderName(directoryName: name) == nil) }
    }

    @Test("makes its folder inside the Maildir, marked as one")
    func making() throws {
        let scratch = ScratchDirectory()
        let box = try Maildir(path: scratch.file("box"), making: true)
        let name = try FolderName(parts: ["..", "Ü"])
        #expect(try box.folder(name) == nil)
        _ = try box.makeFolder(name)
        #expect(
            ScratchDirectory.names(in: scratch.file("box/\(name.directoryName)"))
                == ["cur", "maildirfolder", "new", "tmp"])
        #expect(try box.folders() == [name])
        #expect(ScratchDirectory.names(in: scratch.path) == ["box"])
    }
}
