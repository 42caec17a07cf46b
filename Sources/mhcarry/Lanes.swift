// The lanes of a run, and the recorder behind them.

import Blocking
import MessageContent
import Reporting
import SpoolQueue

/// What a run has under way: a lane for each next hop that has mail, and the recorder's thread.
final class Lanes: Sendable {
    private let hub: CarrierHub
    private let recorder: Recorder
    private let lanes = Monitor<[NextHop: Lane]>([:])
    /// By the routes that lead to strangers.
    private let seats: [String: Seats]
    /// Parts of messages that the run is not done with.
    private let open = Monitor(0)
    private let thread = Monitor<BlockingThread?>(nil)

    /// - Throws: `ThreadError`.
    init(hub: CarrierHub) throws {
        self.hub = hub
        let direct = hub.settings.routes.filter(\.isMX)
        seats = Dictionary(direct.map { ($0.name, Seats($0.connections)) }) { one, _ in one }
        recorder = Recorder(hub: hub)
        let started = try BlockingThread(name: "recorder") { [self] in recorder.work(hand) }
        thread.change { $0 = started }
    }

    /// Puts a message into the lanes of the hops it goes to, as far as these can be found without its lock.
    func feed(_ entry: QueueEntry) {
        let job = Job(entry)
        let hops: [NextHop]
        do {
            guard let message = try hub.queue.peek(entry) else { return }
            let subject = Placement.Subject(
                envelope: message.envelope, acceptance: message.acceptance, state: message.state)
            let placement = message.state.hold == nil ? Placement(of: subject, hub: hub) : nil
            if let placement, !placement.awaiting.isEmpty { hub.uplink.noteWaiting() }
            hops = placement?.hops.map(\.hop) ?? []
        } catch {
            // The recorder reports it, when it has the lock.
            hops = []
        }
        open.change { $0 += max(1, hops.count) }
        guard !hops.isEmpty else { return recorder.ask(.settle(job)) }
        job.waitsAt = Set(hops)
        for hop in hops { lane(to: hop).put(job) }
    }

    /// Waits until all that was fed is done, or a stop signal comes.
    /// - Parameter look: called now and then meanwhile; it may feed more.
    func awaitEnd(_ look: () throws -> Void) rethrows {
        while !hub.isEnding {
            if open.wait(until: Deadline(after: Self.pace), { $0 == 0 ? true : nil }) != nil { return }
            try look()
        }
    }

    /// Lets all sessions end after what they have under way, and waits until everything is written down.
    func finish() {
        let all = lanes.read { Array($0.values) }
        for lane in all { lane.close() }
        for lane in all { lane.join() }
        recorder.close()
        thread.read { $0 }?.join()
    }

    /// How long ``awaitEnd(_:)`` may take to notice a stop signal, or mail that has come in; sessions notice the signal
    /// at once.
    private static let pace = Duration.milliseconds(200)

    private func lane(to hop: NextHop) -> Lane {
        lanes.change { lanes in
            if let lane = lanes[hop] { return lane }
            let route = if case .domain(_, let route) = hop { route } else { String?.none }
            let lane = Lane(
                to: hop, sessions: hub.sessions(to: hop), seats: route.flatMap { seats[$0] }, hub: hub,
                recorder: recorder)
            lanes[hop] = lane
            return lane
        }
    }

    /// Takes the outcome of a round: first what goes on, so that the run does not look done in between.
    private func hand(_ outcome: Recorder.Outcome) {
        open.change { $0 += outcome.handed.count }
        for (job, hop) in outcome.handed { lane(to: hop).put(job) }
        open.change { $0 -= outcome.done }
    }
}

extension CarrierHub {
    /// Sessions at once to `hop`, over all runs. A mailbox gets one copy after the other.
    fileprivate func sessions(to hop: NextHop) -> Int {
        switch hop {
        case .mailbox, .target, .expansion, .program: 1
        case .domain: 2
        case .account(let name): settings.account(name)?.connections ?? 1
        }
    }

    /// The connections that `hop` may have over all runs; those of a domain are its route's.
    func connections(to hop: NextHop) -> Int {
        guard case .domain(_, let name) = hop else { return sessions(to: hop) }
        return settings.routes.first { $0.name == name }?.connections ?? 1
    }
}
