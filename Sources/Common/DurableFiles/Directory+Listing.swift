// Reading a directory in one pass, with or without making a String of each name.

import Glibc

extension Directory {
    /// Calls `body` with each name, `.` and `..` aside, in no order; the octets are valid during the call only.
    public func forEachName(_ body: (borrowing Span<UInt8>) -> Void) throws(DurableError) {
        // An open file description of its own: reading through a dup would share the offset between threads.
        let own = unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw failure("read", nil) }
        guard let stream = unsafe fdopendir(own) else {
            let error = failure("read", nil)
            close(own)
            throw error
        }
        defer { unsafe closedir(stream) }
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw failure("read", nil) }
                return
            }
            unsafe withUnsafeMutablePointer(to: &entry.pointee.d_name) { field in
                let start = unsafe UnsafeRawPointer(field).assumingMemoryBound(to: UInt8.self)
                let length = unsafe strlen(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
                if length == 1, unsafe start[0] == 0x2E { return }
                if length == 2, unsafe start[0] == 0x2E, unsafe start[1] == 0x2E { return }
                let octets = unsafe UnsafeBufferPointer(start: start, count: length)
                unsafe body(octets.span)
            }
        }
    }

    /// All names, `.` and `..` aside, in no order. Octets that are no UTF-8 are repaired: use ``forEachName(_:)`` where
    /// foreign names must be acted on.
    public func names() throws(DurableError) -> [String] {
        var names: [String] = []
        try forEachName { octets in
            unsafe octets.withUnsafeBufferPointer { unsafe names.append(String(decoding: $0, as: UTF8.self)) }
        }
        return names
    }
}
