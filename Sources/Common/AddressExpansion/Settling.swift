// Files are believed when they have been left alone for a while: an editor that writes one anew may have written half.

import Blocking
import MailAliases
import RunControl

/// How long a file of aliases is left alone before it is believed.
struct Settling: Sendable, Hashable {
    /// How long it is waited for one that is changed all the time.
    static let patience = Duration.seconds(5)
    /// Clocks of file systems are this coarse.
    private static let grain = Duration.milliseconds(20)

    var time = Duration.seconds(1)

    /// The file at `path`, once nobody writes it any more. Nobody but us and root can change it.
    /// - Parameters:
    ///   - limit: octets.
    ///   - isPatient: whether it is waited for, up to ``patience``.
    func trusted(
        _ path: String, atMost limit: Int, waiting isPatient: Bool = true
    ) throws(AliasFileFault) -> SourceFile {
        try read(waiting: isPatient) { () throws(AliasFileFault) in
            do throws(TrustedFileError) {
                return try SourceFile.trusted(path, atMost: limit)
            } catch {
                throw AliasFileFault(path: path, words: "\(error)")
            }
        }
    }

    /// The file that `open` reads, once nobody writes it any more.
    /// - Throws: what `open` throws, or ``AliasFileFault/beingChanged(_:)``.
    func read(
        waiting isPatient: Bool = true, _ open: () throws(AliasFileFault) -> SourceFile
    ) throws(AliasFileFault) -> SourceFile {
        let deadline = Deadline(after: Self.patience)
        while true {
            let file = try open()
            // One that was written or replaced while it was read was changed just now.
            let age = FileStamp(file.path).flatMap { $0 == file.stamp ? $0.age : nil } ?? .zero
            // A time to come is no reason to wait: the clock was set back.
            if age > time || age < .zero { return file }
            guard isPatient, !deadline.hasPassed,
                StopSignal.pause(until: deadline.earlier(of: Deadline(after: time - age + Self.grain)))
            else { throw .beingChanged(file.path) }
        }
    }
}

extension AliasFileFault {
    static func beingChanged(_ path: String) -> AliasFileFault {
        AliasFileFault(path: path, words: "is being changed")
    }
}
