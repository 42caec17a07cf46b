// A value that several threads share, and may wait for: a lock with a condition.

import Glibc

/// Guards `Value`. Every change wakes all threads that wait, and each checks whether it can go on.
///
/// Unchecked, as the value is touched only with the mutex held.
@safe public final class Monitor<Value: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    public init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // A clock that nobody sets: a date put back must not make a wait longer.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Reads the value; wakes nobody.
    public func read<Result>(_ body: (Value) throws -> Result) rethrows -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(value)
    }

    /// Changes the value, and wakes whoever waits for it.
    @discardableResult
    public func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer {
            unsafe pthread_cond_broadcast(condition)
            unsafe pthread_mutex_unlock(mutex)
        }
        return try body(&value)
    }

    /// Waits until `body` returns a value; it is called at once, and again after each change by another thread. What it
    /// changes when it returns `nil` must not matter to others: they are not woken for that.
    /// - Returns: `nil` when `deadline` has passed.
    public func wait<Result>(until deadline: Deadline = .never, _ body: (inout Value) throws -> Result?) rethrows
        -> Result?
    {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = try body(&value) {
                unsafe pthread_cond_broadcast(condition)
                return result
            }
            guard !deadline.hasPassed else { return nil }
            guard deadline != .never else {
                unsafe pthread_cond_wait(condition, mutex)
                continue
            }
            // In pieces: this clock stands still while the machine sleeps, the deadline's does not.
            var end = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &end)
            let nanoseconds = end.tv_nsec + Int(deadline.pollTimeout) * 1_000_000
            end.tv_sec += nanoseconds / 1_000_000_000
            end.tv_nsec = nanoseconds % 1_000_000_000
            _ = unsafe pthread_cond_timedwait(condition, mutex, &end)
        }
    }
}
