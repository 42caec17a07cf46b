// What a client's engine tells the shell besides its events: what it waits for, and how much of that has come.

/// What a client waits for. It sets how long the server may take, and how steadily it must send.
public enum Awaited: Sendable, Hashable {
    /// Nothing was asked: whatever comes now is unasked.
    case nothing
    /// An answer, or the first part of one: the server may think.
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
/// The shell gives a server its time again when ``progress`` has gone up, and at no other words: one that says
/// something now and then, and never what it was asked for, is left at the end of its time.
public protocol ClientEngine: Engine {
    var awaits: Awaited { get }
    /// How much of what was asked for has come. Each answer, each new entry or part, each piece of content adds to it.
    var progress: Int { get }
    /// Whether what comes next may hold content, which no transcript may show.
    var mayHearContent: Bool { get }
}
