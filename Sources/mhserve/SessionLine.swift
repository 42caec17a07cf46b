// A session and its connection, as each sees the other.

import InternetAddress
import NIOCore
import Octets
import TLSEngine

/// The connection under a session, as the session sees it. Belongs to one event loop; never crosses threads.
protocol SessionLine: AnyObject {
    /// The address of the other end.
    var peer: IPAddress { get }
    /// The facts of TLS, once its handshake is done.
    var tls: TLSFacts? { get }
    /// Octets put that the system has not taken yet.
    var unsent: Int { get }
    /// The clock that times are measured by.
    var now: NIODeadline { get }

    /// Sends octets, through TLS once that stands.
    func put(_ octets: [UInt8])
    /// Begins the server's side of a handshake. Octets of the peer that are unread by then end the connection.
    func startTLS(_ context: TLSContext)
    /// Closes when all that was put has been sent.
    func close()
    /// Closes at once and drops what is unsent: the only way to show that content is incomplete.
    func abort()
    /// Gives the peer `time` from now, after which ``Session/timeIsOver()`` is called.
    func expect(within time: TimeAmount)
    /// Stops taking events and octets until ``resume()``.
    func hold()
    func resume()
    /// The event loop of the connection, to which results from other threads come back.
    var eventLoop: any EventLoop { get }
    /// Holds the line until `finding` is complete, then calls `done` on the event loop.
    /// - Parameters:
    ///   - finding: a future of ``eventLoop``.
    ///   - time: how long that may take: then `done` gets ``AnswerOverdue``, and a later result is dropped.
    func wait<T: Sendable>(
        for finding: EventLoopFuture<T>, within time: TimeAmount, then done: @escaping (Result<T, any Error>) -> Void)
    /// Runs `work` on `pool`, then `done` on the event loop. The line is held meanwhile.
    /// - Returns: `false` when the pool's queue is full; nothing has been started then.
    func offload<T: Sendable>(
        to pool: WorkPool, _ work: @escaping @Sendable () throws -> T,
        then done: @escaping (Result<T, any Error>) -> Void
    ) -> Bool
}

/// A result that a session waits for has not come in time.
struct AnswerOverdue: Error {}

/// One conversation with a mail program: decides what the events of its engine lead to.
protocol Session: AnyObject {
    associatedtype Conversation: Engine
    var conversation: Conversation { get set }

    /// The connection stands, TLS included where it comes first: greet.
    func begin()
    func take(_ event: Conversation.Event)
    /// The engine gave up on what the peer sends.
    func fail(_ failure: Conversation.Failure)
    /// Whether it stopped in the middle of an answer because ``SessionLine/unsent`` had grown large.
    var wantsRoom: Bool { get }
    /// There is room again: go on with that answer.
    func roomForOutput()
    /// The time given by ``SessionLine/expect(within:)`` is over: a last reply may be sent. The line is closed after
    /// it.
    func timeIsOver()
    /// The service stops: say goodbye now if idle. A session in the middle of content goes on.
    func stopSoon()
    /// The connection is closed.
    func ended()
}
