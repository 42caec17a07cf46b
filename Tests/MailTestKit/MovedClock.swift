// A clock that shows another time, by libfaketime.

import Glibc

/// A wall clock for a command that is so far from the machine's own, such as `+31m` or `+3650d`. Clocks that measure are
/// left alone.
public enum MovedClock {
    /// The variables of the environment that move it.
    public static func environment(_ ahead: String) throws(KitError) -> [String: String] {
        let places = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketime.so.1" }
        guard let library = places.first(where: { place in unsafe access(place, R_OK) == 0 }) else {
            throw KitError("the package faketime is missing: run scripts/test")
        }
        return [
            "LD_PRELOAD": library, "FAKETIME": ahead, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
        ]
    }
}
