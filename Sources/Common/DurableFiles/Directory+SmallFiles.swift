// Small files written as a whole: readers see the old content or the new, even after a power cut.

import Glibc

extension Directory {
    /// Writes `octets` to a new file, synchronizes it and gives it the name `name`; durable on return. A failure leaves
    /// the old file as it was, unless it is the directory that cannot be synchronized: the new file is there then,
    /// perhaps not durably.
    /// - Parameter mode: the file's, whatever the umask.
    public func replace(
        _ name: String, with octets: [UInt8], mode: UInt32 = 0o600, isDurable: Bool = true
    ) throws(DurableError) {
        try put(octets, mode, for: name, isDurable: isDurable) { (temporary) throws(DurableError) in
            try rename(temporary, to: name)
        }
    }

    /// As ``replace(_:with:mode:)``, but only where there is no such file yet; afterwards it is whole or not there.
    /// - Throws: a ``DurableError`` with the code ``DurableError/exists`` when there is one, which stays as it was.
    public func add(_ name: String, with octets: [UInt8], mode: UInt32 = 0o600) throws(DurableError) {
        try put(octets, mode, for: name) { (temporary) throws(DurableError) in
            guard try renameWithoutReplacing(temporary, to: name) else {
                throw DurableError(operation: "create", path: pathOf(name), code: EEXIST)
            }
        }
    }

    private func put(
        _ octets: [UInt8], _ mode: UInt32, for name: String, isDurable: Bool = true,
        show: (_ temporary: String) throws(DurableError) -> Void
    ) throws(DurableError) {
        let temporary = ".\(name).\(UniqueName.random())"
        let file = try createExclusive(temporary, mode: mode)
        do throws(DurableError) {
            try file.change(mode: mode)
            try file.write(octets)
            if isDurable { try file.synchronize() }
            try file.close()
            try show(temporary)
        } catch {
            // The first failure is the one to report; what cannot be removed now is a hidden file that nobody reads.
            _ = try? unlink(temporary)
            throw error
        }
        if isDurable { try synchronize() }
    }

    /// The directory that holds `path`, opened, and the name of `path` in it.
    public static func holding(
        _ path: String, faults: Faults? = nil
    ) throws(DurableError) -> (directory: Directory, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (try Directory(path: ".", faults: faults), path) }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        return (try Directory(path: parent, faults: faults), String(path[path.index(after: slash)...]))
    }
}
