// What a client's engine tells the shell besides its events: what it waits for, and how much of that has come.

/// What a client waits for. It sets how long the server may take, and how steadily it must send.
public enum Awaited: Sendable, Hashable {
    /// Nothing was asked: whatever comes now is unsolicited.
    case nothing
    /// A reply, or the first part of one: the server may need time to think.
    case reply
    /// The verdict on content that was sent, which takes longer than other answers (RFC 5321 §4.5.3.2.6).
    case verdict
    /// More parts of an answer, each of which may cost the server work, such as an EXPUNGE.
    case parts
    /// More entries of a listing that has begun: the server has them at hand.
    case listing
    /// More of the content under way, whichever side sends it.
    case content
}

/// The client's side of a conversation.
///
/// The shell restarts the server's time limit whenever ``progress`` has grown, and at nothing else: a server that now
/// and then sends something, but never what it was asked for, is given up when its time is over.
public protocol ClientEngine: Engine {
    var awaits: Awaited { get }
    /// How much of what was asked for has come. Each answer, each new entry or part, each piece of content adds to it.
    var progress: Int { get }
    /// Whether what comes next may hold content, which no transcript may show.
    var mayHearContent: Bool { get }
    /// How many octets were taken that were no content of a message. Only a protocol that may be compressed counts them.
    var wordCount: Int { get }
}

extension ClientEngine {
    public var wordCount: Int { 0 }
}
