// How many files this process may have open.

import Glibc

public enum OpenFileLimit {
    /// Raises the soft limit to the hard one: the usual 1024 are few for many conversations at once.
    /// - Returns: the limit from now on.
    public static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if unsafe setrlimit(resource, &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }
}
