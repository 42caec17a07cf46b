// Finds the parts of a message while it streams by.

import Octets

/// Reads the structure of a message, chunk by chunk, in bounded memory. Where the chunks are cut never changes what is found.
///
/// A delimiter is a line that holds the boundary and nothing else but blanks; that of an outer part ends the inner ones.
public struct MIMEScanner: Sendable {
    public static let partLimit = 1000
    public static let depthLimit = 20
    /// A part's header; that of the message may be as long as one that is handed in.
    static let partBounds = HeaderScanner.Bounds(octets: 65_536, fields: 1000)
    /// Octets of a body's line that are looked at: two dashes, a boundary, two dashes, and blanks.
    private static let lineLimit = 256

    private var structure: MIMEStructure
    /// The multiparts that are open, from the outside in.
    private var open: [Int] = []
    /// The part whose header or body is being read; one that has ended, between its delimiters and behind them.
    private var current = 0
    private var header: HeaderScanner?
    private var headerBound: Int
    /// As much of the line as is needed, and how long it is.
    private var line: [UInt8] = []
    private var lineLength = 0
    private var lineStart = 0
    private var lineFacts = BodyFacts()
    private var lastOctet: UInt8 = 0

    public init() {
        structure = MIMEStructure(parts: [Self.part(in: nil, depth: 0, at: 0, .text)])
        header = HeaderScanner(bounds: .handedIn)
        headerBound = HeaderScanner.Bounds.handedIn.octets
    }

    /// Takes the next octets of the message, in file form (LF).
    public mutating func append(_ chunk: [UInt8]) {
        var start = 0
        while let end = chunk.firstIndex(of: Octet.lf, in: start..<chunk.count) {
            take(chunk[start..<end])
            endLine(isWhole: true)
            start = end + 1
        }
        take(chunk[start...])
    }

    /// Tells the scanner that the message has ended.
    public mutating func finish() -> MIMEStructure {
        if lineLength > 0 { endLine(isWhole: false) }
        if var header {
            let found = header.finish()
            self.header = nil
            begin(bodyOf: current, below: found, at: lineStart, behind: lineStart)
        }
        // A message that ends within the header of one in it.
        if header != nil { return finish() }
        close(upTo: lineStart, from: 0)
        structure.size = lineStart
        return structure
    }

    // MARK: Lines

    private mutating func take(_ piece: ArraySlice<UInt8>) {
        guard !piece.isEmpty else { return }
        lineLength += piece.count
        let limit = header == nil ? Self.lineLimit : headerBound + 1
        if line.count < limit { line += piece.prefix(limit - line.count) }
        for octet in piece {
            if lastOctet == Octet.cr { lineFacts.hasStrays = true }
            switch octet {
            case 0x80...: (lineFacts.has8Bit, lineFacts.unprintable) = (true, lineFacts.unprintable + 1)
            case 0x3D, 0x7F, 0x01..<0x09, 0x0B..<0x0D, 0x0E..<0x20: lineFacts.unprintable += 1
            case 0: (lineFacts.hasStrays, lineFacts.unprintable) = (true, lineFacts.unprintable + 1)
            default: break
            }
            lastOctet = octet
        }
    }

    /// - Parameter isWhole: whether a line end has come.
    private mutating func endLine(isWhole: Bool) {
        let next = lineStart + lineLength + (isWhole ? 1 : 0)
        defer {
            (line, lineLength, lineStart) = ([], 0, next)
            (lineFacts, lastOctet) = (BodyFacts(), 0)
        }
        if lastOctet == Octet.cr, !isWhole { lineFacts.hasStrays = true }
        if let (at, isClosing) = delimiter() {
            end(at, isClosing: isClosing, next: next)
        } else {
            takeLine(isWhole: isWhole, next)
        }
    }

    /// Takes the line, which is no delimiter.
    private mutating func takeLine(isWhole: Bool, _ next: Int) {
        guard header != nil else { return note(next) }
        header?.append(line + (isWhole ? [Octet.lf] : []))
        // What a line without its end is, only the end of the message tells.
        guard let found = isWhole ? header?.header : header?.finish() else { return }
        header = nil
        begin(bodyOf: current, below: found, at: lineStart, behind: next)
        guard found.end != .blankLine, found.end != .endOfMessage else { return }
        // The line that ended the header without being empty is the body's, or begins a message in it.
        takeLine(isWhole: isWhole, next)
    }

    /// Counts the line as one of the body that is being read.
    private mutating func note(_ next: Int) {
        lineFacts.octets = next - lineStart
        lineFacts.longestLine = lineLength
        structure.parts[current].facts.add(lineFacts)
    }

    /// Which of the open multiparts the line delimits, by its place among them.
    private func delimiter() -> (at: Int, isClosing: Bool)? {
        guard lineLength == line.count, line.starts(with: [0x2D, 0x2D]) else { return nil }
        let text = line[...].trimmingBlanksAtEnd
        for at in open.indices.reversed() {
            guard case .multipart(let boundary, _) = structure.parts[open[at]].kind else { continue }
            guard text.dropFirst(2).starts(with: boundary) else { continue }
            let rest = text.dropFirst(2 + boundary.count)
            if rest.isEmpty { return (at, false) }
            if rest.elementsEqual([0x2D, 0x2D]) { return (at, true) }
        }
        return nil
    }

    // MARK: Parts

    private static func part(in parent: Int?, depth: Int, at start: Int, _ type: ContentType) -> MIMEPart {
        MIMEPart(
            parent: parent, depth: depth, header: HeaderSection(of: []), headerStart: start, bodyStart: start,
            bodyEnd: start, type: type)
    }

    /// Begins a part in `parent`, with its header.
    private mutating func add(to parent: Int, at start: Int) {
        let container = structure.parts[parent]
        guard structure.parts.count < Self.partLimit, container.depth < Self.depthLimit else {
            structure.isWhole = false
            current = parent
            return
        }
        let standard: ContentType = container.type.type.text == "multipart/digest" ? .message : .text
        structure.parts.append(Self.part(in: parent, depth: container.depth + 1, at: start, standard))
        current = structure.parts.count - 1
        structure.parts[parent].children.append(current)
        header = HeaderScanner(bounds: Self.partBounds)
        headerBound = Self.partBounds.octets
    }

    /// The header of the part has ended with the line between these places.
    private mutating func begin(bodyOf index: Int, below header: HeaderSection, at start: Int, behind next: Int) {
        let headerStart = structure.parts[index].headerStart
        structure.parts[index].header = header
        let bodyStart =
            switch header.end {
            case .blankLine, .endOfMessage: next
            case .garbage: start
            case .tooLong: headerStart + header.octets.count
            }
        structure.parts[index].bodyStart = bodyStart
        structure.parts[index].bodyEnd = bodyStart
        structure.parts[index].readType()
        if structure.parts[index].isContainer, structure.parts[index].encoding?.isIdentity != true {
            structure.parts[index].isReadable = false  // RFC 2045 §6.4
        }
        guard structure.parts[index].isReadable, structure.parts[index].encoding?.isIdentity == true else { return }
        let type = structure.parts[index].type
        if type.type.text.hasPrefix("multipart/") {
            guard let boundary = type.boundary else {
                structure.parts[index].isReadable = false
                return
            }
            structure.parts[index].kind = .multipart(boundary: boundary, isClosed: false)
            open.append(index)
        } else if ["message/rfc822", "message/global"].contains(type.type.text) {
            structure.parts[index].kind = .message
            add(to: index, at: bodyStart)
        }
    }

    /// A delimiter of the open multipart at `at` has come, in the line that ends at `next`.
    private mutating func end(_ at: Int, isClosing: Bool, next: Int) {
        if var header {
            let found = header.finish()
            self.header = nil
            let index = current
            structure.parts[index].header = found
            structure.parts[index].bodyStart = lineStart
            structure.parts[index].readType()
            structure.parts[index].isReadable = structure.parts[index].isReadable && !structure.parts[index].isContainer
        }
        let container = open[at]
        close(upTo: max(lineStart - 1, 0), from: at + 1)
        if isClosing {
            if case .multipart(let boundary, _) = structure.parts[container].kind {
                structure.parts[container].kind = .multipart(boundary: boundary, isClosed: true)
            }
            open.removeLast(open.count - at)
            current = container
        } else {
            open.removeLast(open.count - at - 1)
            add(to: container, at: next)
        }
    }

    /// Ends what is being read, and all that holds it within the open multipart before `first`.
    private mutating func close(upTo end: Int, from first: Int) {
        let limit = first > 0 ? open[first - 1] : nil
        var end = end
        var at: Int? = current
        while let index = at, index != limit {
            // A part that ended within its header reaches beyond the line end before the delimiter, and so does what holds it.
            end = max(end, structure.parts[index].bodyStart)
            structure.parts[index].bodyEnd = end
            at = structure.parts[index].parent
        }
    }
}

extension MIMEPart {
    /// Whether its type says that it holds others.
    fileprivate var isContainer: Bool {
        type.type.text.hasPrefix("multipart/") || type.type.text.hasPrefix("message/")
    }

    /// Reads what its header says of it.
    fileprivate mutating func readType() {
        let types = header.fields(named: "Content-Type")
        if let field = types.first {
            if let read = ContentType(field: header.octets[field.body]) { type = read } else { isReadable = false }
        }
        let encodings = header.fields(named: "Content-Transfer-Encoding")
        if let field = encodings.first { encoding = TransferEncoding(field: header.octets[field.body]) }
        if types.count > 1 || encodings.count > 1 || header.end == .tooLong { isReadable = false }
    }
}

extension ContentType {
    fileprivate static let text = constant("text/plain")
    fileprivate static let message = constant("message/rfc822")

    private static func constant(_ text: String) -> ContentType {
        guard let type = ContentType(field: text.utf8) else { preconditionFailure("no media type: \(text)") }
        return type
    }
}

extension BodyFacts {
    fileprivate mutating func add(_ line: BodyFacts) {
        octets += line.octets
        has8Bit = has8Bit || line.has8Bit
        hasStrays = hasStrays || line.hasStrays
        longestLine = max(longestLine, line.longestLine)
        unprintable += line.unprintable
    }
}

extension ArraySlice<UInt8> {
    fileprivate var trimmingBlanksAtEnd: ArraySlice<UInt8> {
        var end = endIndex
        while end > startIndex, [Octet.space, Octet.tab, Octet.cr].contains(self[end - 1]) { end -= 1 }
        return self[..<end]
    }
}
