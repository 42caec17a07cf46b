// A conversation with a server as lines that a person can read: what `transcript` of the rc keeps, and -vv shows.

import DurableFiles
import Glibc
import Octets
import Reporting
import Synchronization
import Transport

/// Writes down a conversation: `> ` before what we say, `< ` before what the server says; of content and secrets only that
/// they were there. Nor are a server's challenges shown behind a secret: with SCRAM's last one a password can be guessed by
/// whoever reads it. Used by the one thread of its wire.
public final class Transcript: Tap {
    /// The longest line; what follows is shown as another one.
    private static let lineLimit = 1000

    private let write: (String) -> Void
    private var speaker = Speaker.peer
    /// What was said of the line under way.
    private var line = ""
    /// Octets of content that are not told yet.
    private var content = 0
    /// Whether what we said last was secret.
    private var saidSecret = false
    /// Whether the line under way is a challenge, as far as it was shown.
    private var isChallenge = false

    /// - Parameter write: is given each line, fit for a terminal, without its end.
    public init(_ write: @escaping (String) -> Void) { self.write = write }

    deinit { flush() }

    public func hear(_ words: Overheard, from speaker: Speaker) {
        if speaker != self.speaker { flush() }
        self.speaker = speaker
        switch words {
        case .words(let octets):
            tellContent()
            take(octets)
        case .secret:
            line += "[secret]"
            saidSecret = true
        case .content(let octets):
            flushLine()
            content += octets
        }
    }

    private func take(_ octets: [UInt8]) {
        for part in octets.split(separator: Octet.lf, omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 { flushLine(isWhole: true) }
            let text = part.element.last == Octet.cr ? part.element.dropLast() : part.element
            line += printable(octets: text)
            if line.utf8.count > Self.lineLimit { flushLine() }
        }
    }

    private func flush() {
        flushLine()
        isChallenge = false
        tellContent()
    }

    /// - Parameter isWhole: whether the line has come to its end, and counts even when it is empty.
    private func flushLine(isWhole: Bool = false) {
        guard isWhole || !line.isEmpty else { return }
        if !isChallenge { tell(shown(line)) }
        if isWhole { isChallenge = false }
        line = ""
    }

    /// The line as it may be shown.
    private func shown(_ line: String) -> String {
        guard speaker == .peer else {
            saidSecret = line.contains("[secret]") && saidSecret
            return line
        }
        // SASL's challenges in IMAP, POP3 and SMTP (RFC 3501 §7.5, RFC 5034 §4, RFC 4954 §4).
        guard saidSecret, let start = ["+ ", "334 "].first(where: { line.hasPrefix($0) && line != $0 }) else {
            return line
        }
        isChallenge = true
        return start + "[challenge]"
    }

    private func tellContent() {
        guard content > 0 else { return }
        tell("[\(counted(content, "octet"))]")
        content = 0
    }

    private func tell(_ text: String) { write((speaker == .we ? "> " : "< ") + text) }
}

/// The folder that `transcript` names: a file for each session, and no more than a person looks at.
struct TranscriptFolder {
    /// Octets of a session that are kept: its beginning.
    static let sessionLimit = 64 << 10
    /// Octets and age of the files of a folder; older ones are removed.
    static let folderLimit = 100 << 20
    static let ageLimit = 7 * 86_400
    private static let ending = ".transcript"
    /// Sessions of this process so far.
    private static let sessions = Atomic(0)

    private let directory: Directory

    /// The folder at `path`, made if missing.
    init(_ path: String) throws(DurableError) { directory = try Directory(path: path, making: 0o700) }

    /// Why nothing is to be written there: others could read or change it.
    func fault() throws(DurableError) -> OwnershipFault? { try directory.ownershipFault() }

    /// Begins the file of a session, and removes what is too old or too much.
    /// - Parameters:
    ///   - subject: whom the session is with, as its name begins.
    ///   - tell: is told what keeps the rest from being written: no reason to end a session.
    /// - Returns: takes lines.
    func begin(
        _ subject: String, at now: Int, telling tell: @escaping (DurableError) -> Void
    ) throws(DurableError) -> (String) -> Void {
        try sweep(at: now)
        let number = Self.sessions.add(1, ordering: .relaxed).newValue
        let name = "\(subject)-\(now)-\(getpid()).\(number)\(Self.ending)"
        let file = try directory.createExclusive(name)
        var octets = 0
        return { line in
            guard octets <= Self.sessionLimit else { return }
            let text = Array("\(line)\n".utf8)
            octets += text.count
            do throws(DurableError) {
                try file.write(octets <= Self.sessionLimit ? text : Array("[cut here]\n".utf8))
            } catch {
                octets = .max  // nothing more
                tell(error)
            }
        }
    }

    /// Whether ``begin(_:at:)`` makes such names: `<subject>-<time>-<process>.<number>.transcript`.
    private static func isOurs(_ name: String) -> Bool {
        guard name.hasSuffix(ending) else { return false }
        let parts = name.dropLast(ending.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count > 2, let last = parts.last else { return false }
        let numbers = last.split(separator: ".", omittingEmptySubsequences: false) + [parts[parts.count - 2]]
        return numbers.count == 3 && numbers.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(Octet.isDigit) }
    }

    private func sweep(at now: Int) throws(DurableError) {
        var files: [(name: String, status: FileStatus)] = []
        for name in try directory.names() where Self.isOurs(name) {
            if let status = try FileStatus.at("\(directory.path)/\(name)"), status.isRegular {
                files.append((name, status))
            }
        }
        files.sort { ($0.status.modified, $0.name) > ($1.status.modified, $1.name) }
        var octets = Self.sessionLimit
        for file in files {
            octets += file.status.size
            if octets > Self.folderLimit || file.status.modified < now - Self.ageLimit {
                try directory.unlink(file.name)
            }
        }
    }
}
