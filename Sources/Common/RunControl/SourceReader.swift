// The files of an rc: each opened once, examined and read within bounds by one descriptor, with includes put in place.

import Glibc
import Reporting

/// An rc file as it was opened.
package struct SourceFile {
    package let path: String
    package let octets: [UInt8]
    package let owner: UInt32
    /// Permission bits.
    package let mode: UInt32
    /// Which file it was, and when it was changed last, before it was read; `nil` of octets that were at hand already.
    package let stamp: FileStamp?

    /// - Throws: ``RunControlError/missing(path:namedBy:)`` named by an empty text, `unreadable`, `notAFile`.
    /// - Parameters:
    ///   - limit: octets; of a larger file one more is read.
    ///   - isFollowed: whether a symbolic link is followed.
    package static func open(
        _ path: String, atMost limit: Int = RunControlLimits.fileSize, following isFollowed: Bool = true
    ) throws(RunControlError) -> SourceFile {
        // Not blocking: a pipe put in the place of the rc must not hold us.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (isFollowed ? 0 : O_NOFOLLOW)
        let descriptor = unsafe Glibc.open(path, flags)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR { throw .missing(path: path, namedBy: "") }
            throw .unreadable(path: path, code: code)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while octets.count <= limit {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, code: errno) }
            guard count > 0 else { break }
            octets.append(contentsOf: chunk[..<count])
        }
        return SourceFile(
            path: path, octets: octets, owner: status.st_uid, mode: UInt32(status.st_mode & 0o7777),
            stamp: FileStamp(status))
    }

    /// Refuses an rc that others may change, or read though it `holdsSecrets`.
    /// - Parameter holdsSecrets: asked only where others have any right to the file: the answer needs all words.
    func refuseIfUnsafe(user: UInt32, holdsSecrets: () -> Bool) throws(RunControlError) {
        if let (why, command) = FileSafety.complaint(
            owner: owner, mode: mode, isSecret: mode & 0o077 != 0 && holdsSecrets(), user: user, path: path)
        {
            throw .unsafe(path: path, why: why, command: command)
        }
    }
}

/// Who may own, read and change a file that decides what we do, or that holds a secret.
enum FileSafety {
    /// Whether `path` is the rc of a machine's hub whose user is another than `user`.
    static func isMachinesHub(_ path: String, of user: UInt32) -> Bool {
        let system = ProcessContext(environment: [:])
        guard path == system.systemPath, user != 0, let owner = owner(of: system.systemState) else { return false }
        return owner != user
    }

    static func owner(of path: String) -> UInt32? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_uid : nil
    }

    /// Who we are, and what root types to let us read a file of root's.
    static func reader(of path: String) -> (user: String, command: String) {
        guard let entry = unsafe getpwuid(geteuid()), let name = unsafe entry.pointee.pw_name else {
            return ("\(geteuid())", "chown \(geteuid()) \(shellQuoted(path))")
        }
        let group = unsafe getgrgid(entry.pointee.pw_gid).flatMap { unsafe $0.pointee.gr_name }
        let groupName = unsafe group.map { unsafe String(cString: $0) } ?? "\(unsafe entry.pointee.pw_gid)"
        let quoted = shellQuoted(path)
        return (unsafe String(cString: name), "chgrp \(shellQuoted(groupName)) \(quoted) && chmod 640 \(quoted)")
    }

    /// What is wrong with the file, and the command that mends it; `nil` when nothing is.
    ///
    /// It must be ours or root's, and nobody else may write it. Nobody else may read a secret either, but a group may
    /// read one that root owns: that is how the machine's rc is handed to the hub's user (0640 root:group).
    static func complaint(
        owner: UInt32, mode: UInt32, isSecret: Bool, user: UInt32, path: String
    ) -> (why: String, command: String)? {
        let quoted = shellQuoted(path)
        guard owner == user || owner == 0 else {
            let why =
                user == 0
                ? "belongs to another user (uid \(owner)): run this as that user, or make the file root's"
                : "belongs to another user (uid \(owner)), who could make us do anything"
            return (why, "chown \(user) \(quoted)")
        }
        if isSecret {
            guard mode & (owner == 0 ? 0o027 : 0o077) != 0 else { return nil }
            return (
                "holds passwords, yet others may read it", "chmod \(owner == 0 && user != 0 ? "640" : "600") \(quoted)"
            )
        }
        guard mode & 0o022 != 0 else { return nil }
        return ("others may change it", "chmod go-w \(quoted)")
    }
}

/// Reads an rc and what it includes into one run of lines.
struct SourceReader {
    let context: ProcessContext
    var faults = FaultList()
    private(set) var files: [SourceFile] = []
    private var total = 0

    init(context: ProcessContext) { self.context = context }

    /// All lines, those of an included file in the place of its `include`.
    mutating func lines(of file: SourceFile, within stack: [String] = []) -> [RunControlLine] {
        files.append(file)
        total += file.octets.count
        let start = SourcePosition(file: file.path, line: 1, column: 1)
        guard file.octets.count <= RunControlLimits.fileSize else {
            faults.add(start, "the file is larger than \(Quantity.text(octets: RunControlLimits.fileSize))")
            return []
        }
        guard total <= RunControlLimits.totalSize, files.count <= RunControlLimits.files else {
            faults.add(start, "the files of this rc are too many, or too large together")
            return []
        }
        var lines: [RunControlLine] = []
        var isIncluded = false
        var hasToldOfIndent = false
        for line in LineSplitter.lines(of: file.octets, file: file.path, faults: &faults) {
            if line.isIndented, lines.isEmpty || isIncluded {
                if !hasToldOfIndent {
                    faults.add(line.keyword.position, "an indented line belongs to a block, and none has begun here")
                }
                hasToldOfIndent = true
                continue
            }
            hasToldOfIndent = false
            guard line.keyword.key == "include", !line.isIndented else {
                lines.append(line)
                isIncluded = false
                continue
            }
            isIncluded = true
            guard !line.isBroken else { continue }
            do throws(RunControlFault) {
                var arguments = Arguments(line, scope: .top, context: context)
                let word = try arguments.next("the file")
                try arguments.end()
                lines += try include(word, from: file, within: stack + [file.path])
            } catch {
                faults.add(error)
            }
        }
        return lines
    }

    private mutating func include(
        _ word: Word, from file: SourceFile, within stack: [String]
    ) throws(RunControlFault) -> [RunControlLine] {
        var path = word.text
        if path.hasPrefix("~/") {
            guard let home = context.home else {
                throw RunControlFault(word.position, "~ means nothing here: there is no HOME")
            }
            path = home + path.dropFirst()
        } else if !path.hasPrefix("/") {
            // Beside the file that includes it.
            path = (file.path.lastIndex(of: "/").map { String(file.path[...$0]) } ?? "") + path
        }
        guard stack.count <= RunControlLimits.includeDepth else {
            throw RunControlFault(word.position, "includes go more than \(RunControlLimits.includeDepth) deep")
        }
        var lines: [RunControlLine] = []
        for found in try names(matching: path, word) {
            guard !stack.contains(found) else {
                throw RunControlFault(word.position, "\(found) is being read already: includes run in a circle")
            }
            do throws(RunControlError) {
                lines += self.lines(of: try SourceFile.open(found), within: stack)
            } catch {
                switch error {
                case .missing: throw RunControlFault(word.position, "\(found): there is no such file")
                case .unreadable: throw RunControlFault(word.position, error.description)
                default:
                    throw RunControlFault(word.position, "\(found): not a plain file; for a directory write \(found)/*")
                }
            }
        }
        return lines
    }

    /// `path` itself, or the files of its directory that match a last part with `*` or `?`, ordered by name.
    private func names(matching path: String, _ word: Word) throws(RunControlFault) -> [String] {
        guard let slash = path.lastIndex(of: "/") ?? path.indices.first else { return [path] }
        let last = String(path[path.index(after: slash)...])
        guard last.contains(where: { $0 == "*" || $0 == "?" }) else { return [path] }
        let directory = String(path[..<slash])
        guard let stream = unsafe opendir(directory.isEmpty ? "/" : directory) else {
            throw RunControlFault(word.position, "\(directory): \(reason(errno))")
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            // What editors and packages leave behind is not meant.
            guard !name.hasPrefix("."), !name.hasSuffix("~"), !name.hasSuffix(".dpkg-old"),
                !name.hasSuffix(".dpkg-new"),
                unsafe fnmatch(last, name, 0) == 0
            else { continue }
            names.append(name)
            guard names.count <= RunControlLimits.files else {
                throw RunControlFault(word.position, "more than \(RunControlLimits.files) files match")
            }
        }
        return names.sorted().map { "\(directory)/\($0)" }
    }
}
