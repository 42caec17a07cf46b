// Which file systems keep the promises that queue, state and locks rely on.

internal import CMHSys
import Glibc

extension Directory {
    /// The name of the network or cluster file system this directory lies on; `nil` when it is a local one.
    ///
    /// On a network file system a rename may be replayed and a lock silently lost, so that mail would go out twice.
    public func networkFileSystem() throws(DurableError) -> String? {
        var found = statfs()
        guard unsafe fstatfs(descriptor, &found) == 0 else { throw failure("look at", nil) }
        let magic = UInt32(truncatingIfNeeded: found.f_type)
        if let name = Self.networkMagics[magic] { return name }
        guard magic == 0x6573_5546 else { return nil }
        // FUSE does not tell what is behind it: only the mount table knows.
        let kind = try Self.mountKind(of: status().device) ?? "fuse"
        return Self.localFUSE.contains(kind) ? nil : kind
    }

    /// Values of statfs(2)'s `f_type`, from linux/magic.h and the file systems' own sources.
    static let networkMagics: [UInt32: String] = [
        0x6969: "nfs", 0x517B: "smb", 0xFE53_4D42: "smb2", 0xFF53_4D42: "cifs", 0x0102_1997: "9p",
        0x5346_414F: "afs", 0x6B41_4653: "afs", 0x7375_7245: "coda", 0x00C3_6400: "ceph", 0x564C: "ncp",
        0x7461_636F: "ocfs2", 0x0116_1970: "gfs2", 0x0BD0_0BD0: "lustre", 0x4750_4653: "gpfs",
        0x786F_4256: "vboxsf",
    ]

    /// FUSE kinds that keep their files on a local disk.
    static let localFUSE: Set<String> = [
        "fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.mergerfs", "fuse.ext4",
        "fuse.fuse2fs",
    ]

    /// The file system's kind, as `fuse.sshfs`, of the mount with this device number.
    static func mountKind(of device: UInt) throws(DurableError) -> String? {
        let path = "/proc/self/mountinfo"
        let opened = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        let table = try File(descriptor: opened, path: path, faults: nil).read(atMost: 4 << 20, at: 0)
        let major = (device >> 8 & 0xFFF) | (device >> 32 & ~0xFFF)
        let minor = (device & 0xFF) | (device >> 12 & ~0xFF)
        // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw (proc(5))
        for line in table.split(separator: 0x0A) {
            let words = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            guard words.count > 6, words[2] == "\(major):\(minor)", let dash = words.firstIndex(of: "-"),
                dash + 1 < words.count
            else { continue }
            return words[dash + 1]
        }
        return nil
    }
}

extension Directory {
    /// Octets that an ordinary user may still write on this file system.
    public func freeOctets() throws(DurableError) -> Int {
        var status = statvfs()
        guard unsafe fstatvfs(descriptor, &status) == 0 else { throw failure("look at the file system of", nil) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }
}
