// What a session may ask of the connection it sits on.

import InternetAddress
import NIOCore
import Octets
import TLSEngine

/// The connection under a session, as the session sees it. Belongs to one event loop; never crosses threads.
protocol SessionLine: AnyObject {
    /// The address of the other end.
    var peer: IPAddress { get }
    /// The facts of TLS, once it stands.
    var tls: TLSFacts? { get }
    /// Octets put and not yet taken by the peer.
    var unsent: Int { get }
    /// The clock that times are measured by.
    var now: NIODeadline { get }

    /// Puts octets on the wire, through TLS when it stands.
    func put(_ octets: [UInt8])
    /// Begins the server's side of a handshake. What the peer sent before and nobody read ends the connection.
    func startTLS(_ context: TLSContext)
    /// Closes when all that was put has been sent.
    func close()
    /// Closes at once, what is unsent lost: the only way to say that content is not whole.
    func abort()
    /// Gives the peer `time` from now; then ``Session/timeIsOver()``.
    func expect(within time: TimeAmount)
    /// Stops taking events and octets until ``resume()``.
    func hold()
    func resume()
    /// Where the connection lives: what is found out elsewhere comes back through it.
    var eventLoop: any EventLoop { get }
    /// Holds the line until `finding` is there, then calls `done` here.
    /// - Parameters:
    ///   - finding: of ``eventLoop``.
    ///   - time: how long that may take: then `done` gets ``AnswerOverdue``, and what is found later is not heard.
    func wait<T: Sendable>(
        for finding: EventLoopFuture<T>, within time: TimeAmount, then done: @escaping (Result<T, any Error>) -> Void)
    /// Runs `work` on `pool`, then `done` here. The line is held meanwhile.
    /// - Returns: `false` when the pool's queue is full; nothing has been started then.
    func offload<T: Sendable>(
        to pool: WorkPool, _ work: @escaping @Sendable () throws -> T,
        then done: @escaping (Result<T, any Error>) -> Void
    ) -> Bool
}

/// What somebody else was to find out has not come in time.
struct AnswerOverdue: Error {}

/// One conversation with a mail program: decides what the events of its engine lead to.
protocol Session: AnyObject {
    associatedtype Conversation: Engine
    var conversation: Conversation { get set }

    /// The line stands, TLS included where it comes first: greet.
    func begin()
    func take(_ event: Conversation.Event)
    /// The engine gave up on what the peer sends.
    func fail(_ failure: Conversation.Failure)
    /// Whether it stopped in the middle of an answer because ``SessionLine/unsent`` had grown large.
    var wantsRoom: Bool { get }
    /// There is room again: go on with that answer.
    func roomForOutput()
    /// The time given by ``SessionLine/expect(within:)`` is over: the last words. The line is closed behind them.
    func timeIsOver()
    /// The service stops: say goodbye now if idle. A session in the middle of content goes on.
    func stopSoon()
    /// The line is gone.
    func ended()
}
