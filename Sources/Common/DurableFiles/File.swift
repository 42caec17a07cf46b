// An open file: whole writes, checked synchronization, reads at an offset.

internal import CMHSys
import Glibc
import Synchronization

/// A file held open; closed when released, or by ``close()`` where the result matters.
///
/// Safe to share: the descriptor changes once, atomically, to closed. Writing from two threads at once is the caller's
/// to avoid. A call that fails throws a ``DurableError`` with the system's errno.
public final class File: Sendable {
    public enum Access: Sendable, Hashable {
        case reading
        case readingAndWriting
        /// Reading and writing; every write goes to the end.
        case appending

        var flags: Int32 {
            switch self {
            case .reading: O_RDONLY
            case .readingAndWriting: O_RDWR
            case .appending: O_RDWR | O_APPEND
            }
        }
    }

    /// The path it was opened by, for messages; a rename does not change it.
    public var path: String { folder.map { "\($0)/\(name)" } ?? name }
    /// Kept apart, as nearly nobody asks for the path of the many files that a listing opens.
    private let folder: String?
    private let name: String
    private let number: Atomic<Int32>
    private let faults: Faults?

    init(descriptor: Int32, path: String, in folder: String? = nil, faults: Faults?) {
        number = Atomic(descriptor)
        (name, self.folder) = (path, folder)
        self.faults = faults
    }

    deinit {
        let open = number.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0 { Glibc.close(open) }
    }

    /// The descriptor, for calls that this type does not have; -1 once closed. It stays this object's to close.
    public var descriptor: Int32 { number.load(ordering: .acquiring) }

    /// Writes all octets of `octets[range]` (all, if `nil`) at the file's position.
    public func write(_ octets: [UInt8], in range: Range<Int>? = nil) throws(DurableError) {
        let range = range ?? octets.indices
        precondition(range.lowerBound >= 0 && range.upperBound <= octets.count)
        if let code = faults?.count() {
            if faults?.tearsNow == true { try put(octets, range.lowerBound..<(range.lowerBound + range.count / 2)) }
            throw DurableError(operation: "write", path: path, code: code)
        }
        try put(octets, range)
    }

    /// Writes all octets of `octets` at `offset`; the file's position stays.
    public func overwrite(_ octets: [UInt8], at offset: Int) throws(DurableError) {
        try allow("write")
        try put(octets, octets.indices, at: offset)
    }

    /// - Parameter offset: `nil` for the file's position.
    private func put(_ octets: [UInt8], _ range: Range<Int>, at offset: Int? = nil) throws(DurableError) {
        var at = range.lowerBound
        while at < range.upperBound {
            let count = unsafe octets.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[at..<range.upperBound])
                guard let offset else { return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count) }
                return unsafe pwrite(descriptor, rest.baseAddress, rest.count, offset + at - range.lowerBound)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("write")
            }
            at += count
        }
    }

    /// Gives the file exactly this mode, whatever the umask.
    public func change(mode: UInt32) throws(DurableError) {
        try allow("change the mode of")
        guard fchmod(descriptor, mode) == 0 else { throw failure("change the mode of") }
    }

    /// Lets the system begin to write what it holds of the file, so that a ``synchronize()`` that follows waits less. Of many
    /// files that are synchronized together each would otherwise be given its place on the disk by itself, and the journal
    /// of the file system be written for each.
    public func startWriteback() {
        // It promises nothing, and no error of it is lost: the synchronization tells.
        _ = sync_file_range(descriptor, 0, 0, mh_SYNC_FILE_RANGE_WRITE())
    }

    /// Puts content and size on stable storage (fsync). A failure is final: what the file holds is unknown from then
    /// on.
    public func synchronize() throws(DurableError) {
        try allow("synchronize")
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("synchronize") }
        }
    }

    /// Puts content, and what is needed to read it, on stable storage (fdatasync). A failure is final.
    public func synchronizeContent() throws(DurableError) {
        try allow("synchronize")
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("synchronize") }
        }
    }

    /// Closes now and reports a failure: some file systems report a failed write only here.
    public func close() throws(DurableError) {
        let open = number.exchange(-1, ordering: .acquiringAndReleasing)
        guard open >= 0 else { return }
        // Linux has closed the descriptor even when it says EINTR.
        guard Glibc.close(open) == 0 || errno == EINTR else { throw failure("close") }
    }

    /// Reads at `offset` into the whole of `buffer`, short only at the end of the file.
    /// - Returns: the octets read.
    public func read(into buffer: inout [UInt8], at offset: Int) throws(DurableError) -> Int {
        try unsafe buffer.withUnsafeMutableBytes { unsafe fill($0, at: offset) }.get()
    }

    /// At most `limit` octets from `offset` on; fewer only at the end of the file.
    public func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8] {
        var failure: DurableError?
        let octets = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            switch unsafe fill(UnsafeMutableRawBufferPointer(buffer), at: offset) {
            case .success(let filled): count = filled
            case .failure(let error): failure = error
            }
        }
        if let failure { throw failure }
        return octets
    }

    /// A result, not an error thrown: what takes it has no typed throws yet.
    private func fill(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Result<Int, DurableError> {
        if let code = faults?.code(reading: path) {
            return .failure(DurableError(operation: "read", path: path, code: code))
        }
        var filled = 0
        while filled < bytes.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
            let count = unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(failure("read"))
            }
            if count == 0 { break }
            filled += count
        }
        return .success(filled)
    }

    /// Cuts the file to `size` octets.
    public func truncate(to size: Int) throws(DurableError) {
        try allow("truncate")
        while ftruncate(descriptor, off_t(size)) != 0 {
            guard errno == EINTR else { throw failure("truncate") }
        }
    }

    /// Reserves disk space for `octets` beyond the present end, which stays where it is; the space outlasts
    /// ``close()``.
    /// - Throws: ENOSPC when there is too little. On a file system that cannot reserve, more than twice as much must be
    ///   free.
    public func reserve(_ octets: Int) throws(DurableError) {
        try allow("reserve room")
        let keepSize: Int32 = 1  // FALLOC_FL_KEEP_SIZE
        let end = try status().size
        while fallocate(descriptor, keepSize, off_t(end), off_t(octets)) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP, ENOSYS:
                var free = statvfs()
                guard unsafe fstatvfs(descriptor, &free) == 0 else { throw failure("reserve room") }
                let room = free.f_bavail.multipliedReportingOverflow(by: free.f_frsize)
                if room.overflow || room.partialValue / 2 > UInt(octets) { return }
                throw DurableError(operation: "reserve room", path: path, code: ENOSPC)
            default: throw failure("reserve room")
            }
        }
    }

    /// Writes `count` octets of `source` from `offset` on at this file's position, within the kernel where possible.
    /// - Throws: EIO, too, when `source` ends before that.
    public func copy(_ count: Int, from source: File, at offset: Int) throws(DurableError) {
        try allow("write")
        var at = off_t(offset)
        var left = count
        while left > 0 {
            let moved = unsafe copy_file_range(source.descriptor, &at, descriptor, nil, left, 0)
            if moved < 0, errno == EINTR { continue }
            if moved < 0, errno == ENOSPC || errno == EDQUOT || errno == EIO { throw failure("write") }
            if moved <= 0 { break }  // a kernel or file system that cannot; go on by hand
            left -= moved
        }
        var buffer: [UInt8] = []
        while left > 0 {
            if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: min(left, 65_536)) }
            let got = try source.read(into: &buffer, at: Int(at))
            guard got > 0 else { throw DurableError(operation: "read", path: source.path, code: EIO) }
            let taken = min(got, left)
            try put(buffer, 0..<taken)
            at += off_t(taken)
            left -= taken
        }
    }

    public func status() throws(DurableError) -> FileStatus {
        var found = stat()
        guard unsafe fstat(descriptor, &found) == 0 else { throw failure("look at") }
        return FileStatus(found)
    }

    /// Sets the time of modification.
    /// - Parameter time: in seconds since 1970.
    public func setModified(_ time: Int) throws(DurableError) {
        try allow("touch")
        let untouched = timespec(tv_sec: 0, tv_nsec: mh_UTIME_OMIT())
        let times = [untouched, timespec(tv_sec: time, tv_nsec: 0)]
        guard unsafe futimens(descriptor, times) == 0 else { throw failure("touch") }
    }

    /// Sets the time of modification to now, as a mark for others to see.
    public func touch() throws(DurableError) {
        try allow("touch")
        guard futimens(descriptor, nil) == 0 else { throw failure("touch") }
    }

    private func allow(_ operation: String) throws(DurableError) {
        guard let code = faults?.count() else { return }
        throw DurableError(operation: operation, path: path, code: code)
    }

    func failure(_ operation: String) -> DurableError {
        DurableError(operation: operation, path: path, code: errno)
    }
}
