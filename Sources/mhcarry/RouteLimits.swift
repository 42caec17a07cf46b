// How much mail the routes with a limit may carry now.

import DurableFiles
import MailEnvelope
import MailRouting
import Reporting
import RunControl
import SpoolQueue
import Synchronization

/// Why mail waits though its next hop is well: no try, and no fault of anybody.
struct Postponement: Sendable, Hashable {
    /// In seconds since 1970.
    let until: Int
    let words: String

    var verdict: Verdict { .faultOfHop(4, 5, text: words) }
}

/// The limits of a hub's routes, and what is left of them over all runs.
final class RouteLimits: Sendable {
    /// Recipients of one transaction by such a route: as many are counted at once, and not counted back where the
    /// transaction comes to nothing.
    static let atOnce = 16

    private let limits: [String: RateLimit]
    private let quotas: RouteQuotas?
    /// The longest time for which mail may be put off.
    private let longest: Int
    private let known = Mutex<[String: Postponement]>([:])
    private let complain: @Sendable (any Error, String) -> Void

    /// - Parameter complain: told of an error at the count of a route.
    /// - Throws: `QueueError` where what they count cannot be kept.
    init(
        _ settings: HubSettings, in queue: Queue, longest: Int,
        complain: @escaping @Sendable (any Error, String) -> Void
    ) throws(QueueError) {
        let pairs = settings.routes.compactMap { route in route.limit.map { (route.name, $0) } }
        limits = Dictionary(pairs) { one, _ in one }
        quotas = limits.isEmpty ? nil : try RouteQuotas(in: queue.state)
        (self.longest, self.complain) = (longest, complain)
    }

    /// The names of the routes that have one.
    var names: Set<String> { Set(limits.keys) }

    /// How many recipients a transaction may have by `route`.
    func most(by route: String?) -> Int { route.flatMap { limits[$0] } == nil ? .max : Self.atOnce }

    /// Why nothing more leaves by `route` now; `nil` where something may.
    func postponement(of route: String) -> Postponement? {
        guard let limit = limits[route], let quotas else { return nil }
        let now = Clock.seconds()
        if let last = known.withLock({ $0[route] }), last.until > now, last.until <= now + longest { return last }
        do throws(StateFileError) {
            let time = try quotas.nextRoom(of: route, by: limit, now: now)
            return note(time.map { Self.postponement(of: route, by: limit, until: min($0, now + longest)) }, of: route)
        } catch {
            return failed(route, error, now)
        }
    }

    /// Counts recipients that are about to leave by `route`.
    /// - Parameter isWhole: whether all or none of them leave.
    /// - Returns: how many may; and where that is none, why.
    func spend(_ wanted: Int, by route: String?, isWhole: Bool = false) -> (granted: Int, none: Postponement?) {
        guard let route, let limit = limits[route], let quotas else { return (wanted, nil) }
        let now = Clock.seconds()
        do throws(StateFileError) {
            let granted = try quotas.spend(wanted, of: route, by: limit, now: now, isWhole: isWhole)
            guard granted == 0 else { return (granted, nil) }
            let time = try quotas.nextRoom(of: route, by: limit, now: now) ?? now
            let full = Self.postponement(
                of: route, by: limit, until: min(max(time, now + 1), now + longest),
                for: isWhole && wanted > limit.count ? wanted : nil)
            return (0, isWhole ? full : note(full, of: route))
        } catch {
            return (0, failed(route, error, now))
        }
    }

    private func note(_ postponement: Postponement?, of route: String) -> Postponement? {
        known.withLock { $0[route] = postponement }
        return postponement
    }

    /// - Parameter number: of recipients, where these are more than it ever carries at once.
    private static func postponement(
        of route: String, by limit: RateLimit, until time: Int, for number: Int? = nil
    ) -> Postponement {
        let words =
            number.map { "route \(route) carries \(limit.text) by its limit, and these are \($0) recipients" }
            ?? "route \(route) has carried \(limit.text), which is its limit"
        return Postponement(until: time, words: words)
    }

    /// What cannot be counted does not leave.
    private func failed(_ route: String, _ error: StateFileError, _ now: Int) -> Postponement {
        complain(error, route)
        let found = Postponement(
            until: now + HopHealth.firstDelay, words: "what route \(route) has carried cannot be counted: \(error)")
        known.withLock { $0[route] = found }
        return found
    }
}
