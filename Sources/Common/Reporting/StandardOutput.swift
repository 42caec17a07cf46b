// Standard output: what cannot be written is an error, a reader who has seen enough is none.

import Glibc

/// Writes `text` on standard output.
/// - Throws: ``OutputError`` when not all of it could be written.
public func writeToStandardOutput(_ text: String) throws(OutputError) { try writeToStandardOutput(Array(text.utf8)) }

/// Writes octets on standard output as they are.
/// - Throws: ``OutputError`` when not all of them could be written.
public func writeToStandardOutput(_ octets: [UInt8]) throws(OutputError) {
    guard OutputWait.write(octets, to: 1) else { throw OutputError(code: errno) }
}

/// Not all output could be written to standard output.
public struct OutputError: Complaint, Hashable {
    let code: Int32

    /// As in `mhqueue list | head`: the listing ends there, and nobody needs to hear of it.
    private var readerHasGone: Bool { code == EPIPE }

    public var exitStatus: ExitStatus { readerHasGone ? .ok : .ioError }
    public var description: String { "cannot write standard output: \(reason(code))" }
    public var lines: [String] { readerHasGone ? [] : [description] }
}
