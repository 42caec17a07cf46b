// A small file replaced as a whole: readers see the old content or the new, also after a power cut.

extension Directory {
    /// Writes `octets` to a new file, synchronizes it and gives it the name `name`; durable on return.
    /// A failure leaves the old file as it was.
    public func replace(_ name: String, with octets: [UInt8], mode: UInt32 = 0o600) throws(DurableError) {
        let temporary = ".\(name).\(UniqueName.random())"
        let file = try createExclusive(temporary, mode: mode)
        do throws(DurableError) {
            try file.write(octets)
            try file.synchronize()
            try file.close()
            try rename(temporary, to: name)
        } catch {
            // The first failure is the one to tell; what cannot be removed now is a hidden file that nobody reads.
            _ = try? unlink(temporary)
            throw error
        }
        try synchronize()
    }
}
