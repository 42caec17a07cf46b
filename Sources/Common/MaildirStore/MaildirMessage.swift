// Reading a message out of a Maildir, in chunks, in our file form whatever the writer's was.

import DurableFiles
import Octets

/// One message held open: it can be read to its end even after somebody deletes it.
public final class MaildirMessage {
    /// The most octets of a chunk.
    public static let chunkSize = 65_536

    private let file: File
    /// Whether the file holds wire line ends (CRLF), as some programs write.
    private let isWireForm: Bool
    /// Octets of the file when it was opened.
    private let size: Int
    private var decoder = LineEndDecoder()
    private var offset = 0
    /// The first chunk, where it had to be read to tell the form.
    private var first: [UInt8]?
    private var lineEnds = 0
    private var octets = 0
    private var last = Octet.lf
    /// Octets on the wire, line ends as CRLF and the last line closed; known once all chunks were read.
    public private(set) var wireSize: Int?
    /// What the listing said of it, on the wire.
    private let listed: Int?
    private let finished: (Int) -> Void

    /// - Parameters:
    ///   - name: what its name says, for telling the line ends of a foreign file.
    ///   - listed: octets on the wire as a client was told them; a file that has fewer now is not whole. Own names are
    ///     believed, and nobody changes such a file.
    ///   - finished: told the octets on the wire when the last chunk has been read.
    init(
        _ file: File, name: MailFileName, listed: Int? = nil, finished: @escaping (Int) -> Void = { _ in }
    ) throws(DurableError) {
        self.file = file
        self.listed = name.isOwn ? nil : listed
        self.finished = finished
        size = try file.status().size
        (isWireForm, first) = try name.form(of: file)
    }

    /// The next octets in file form (LF), never empty; `nil` at the end.
    /// - Throws: ``MaildirError/shrunk(path:)`` when the file ends before what it had when it was opened or listed;
    ///   ``MaildirError/disk(_:)``.
    public func nextChunk() throws(MaildirError) -> [UInt8]? {
        while wireSize == nil {
            let raw: [UInt8]
            if let first {
                raw = first
            } else {
                raw = try onDisk { () throws(DurableError) in try file.read(atMost: Self.chunkSize, at: offset) }
            }
            first = nil
            offset += raw.count
            var chunk = raw
            if isWireForm {
                chunk = []
                decoder.decode(raw, in: raw.indices, into: &chunk)
                if raw.isEmpty { decoder.finish(into: &chunk) }
            }
            count(chunk)
            if raw.isEmpty { try end() }
            if !chunk.isEmpty { return chunk }
        }
        return nil
    }

    /// Reads on to the end for the sake of the size alone.
    func measure() throws(MaildirError) -> Int {
        while try nextChunk() != nil {}
        return wireSize ?? 0
    }

    private func count(_ chunk: [UInt8]) {
        octets += chunk.count
        last = chunk.last ?? last
        var at = 0
        while let lf = chunk.firstIndex(of: Octet.lf, in: at..<chunk.count) {
            lineEnds += 1
            at = lf + 1
        }
    }

    private func end() throws(MaildirError) {
        guard offset >= size else { throw .shrunk(path: file.path) }
        let wire = octets + lineEnds + (last == Octet.lf ? 0 : 2)
        wireSize = wire
        finished(wire)  // whatever was told: the next session shall know
        if let listed, wire < listed { throw .shrunk(path: file.path) }
    }
}

extension MailFileName {
    /// Whether the file has wire line ends (CRLF), as some programs write: its sizes tell, where they are true;
    /// else its first line does, if it ends within the first chunk.
    /// - Returns: the first chunk, too, where it was read.
    func form(of file: File) throws(DurableError) -> (isWireForm: Bool, first: [UInt8]?) {
        if isOwn { return (false, nil) }
        if let wire, size == (try file.status().size) { return (wire == size, nil) }
        let start = try file.read(atMost: MaildirMessage.chunkSize, at: 0)
        guard let lf = start.firstIndex(of: Octet.lf, in: start.indices) else { return (false, start) }
        return (lf > 0 && start[lf - 1] == Octet.cr, start)
    }
}
