// A mailbox on disk, as a place for a copy.

import DurableFiles
import MaildirStore

/// The Maildir at a path, or a folder of it.
public struct Destination: Sendable, Hashable, CustomStringConvertible {
    public let path: String
    public let folder: FolderName?

    public init(maildir path: String, folder: FolderName? = nil) {
        self.path = path
        self.folder = folder
    }

    public var description: String { folder.map { "\(path) (\($0))" } ?? path }

    var inbox: Destination { Destination(maildir: path) }

    /// Octets that are free for us on the disk it lies on, or will lie on once it is made.
    public func freeOctets() throws(DurableError) -> Int {
        var path = path
        while true {
            do throws(DurableError) {
                return try Directory(path: path).freeOctets()
            } catch {
                let above = path.utf8.lastIndex(of: 0x2F).map { String(path[..<$0]) } ?? "."
                guard error.isMissing, path != "/", path != "." else { throw error }
                path = above.isEmpty ? "/" : above
            }
        }
    }

    /// The mailbox, made when missing.
    func open(faults: Faults?) throws(MaildirError) -> Maildir {
        let inbox = try Maildir(path: path, making: true, faults: faults)
        guard let folder else { return inbox }
        return try inbox.makeFolder(folder)
    }
}
