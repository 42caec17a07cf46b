// One libunbound context: set up once, asked by many threads, each with its own deadline.

import Blocking
internal import CMHSys
internal import CUnbound
import Glibc
import Reporting
import Synchronization

/// Owns a `ub_ctx` in thread mode. libunbound locks inside: questions and ub_process may come from any thread.
///
/// Unchecked: the pointer never changes, and every libunbound call made after `init` is documented as thread-safe.
@safe final class UnboundContext: @unchecked Sendable {
    /// One finished look-up, copied out of C.
    struct Reply: Sendable {
        var records: [[UInt8]] = []
        var rcode: Int32 = 0
        var noSuchName = false
        var isSecure = false
        var bogus: String?
        var timeToLive: Int32 = 0
    }

    /// Records taken from one answer at most; a hostile zone may list thousands.
    static let recordLimit = 256

    private let raw: OpaquePointer

    init(_ settings: UnboundSettings) throws(ResolverError) {
        guard let made = unsafe ub_ctx_create() else { throw .setUp(reason: "out of memory") }
        unsafe raw = made
        // From here on deinit frees it. The order matters: options, servers, anchors, then the thread.
        try set("module-config:", settings.validates ? "validator iterator" : "iterator")
        try set("msg-cache-size:", "8m")
        try set("rrset-cache-size:", "16m")
        try set("unblock-lan-zones:", "yes")  // a home's reverse names are in its own DNS, if anywhere
        if settings.overTCP { try set("tcp-upstream:", "yes") }
        switch settings.upstream {
        case .recursive: break
        case .system: try check("read /etc/resolv.conf", unsafe ub_ctx_resolvconf(raw, nil))
        case .forwarders(let servers):
            try set("do-not-query-localhost:", "no")
            for server in servers { try check("ask \(server)", unsafe ub_ctx_set_fwd(raw, server)) }
        }
        if settings.validates { try trust(settings) }
        try check("start its thread", unsafe ub_ctx_async(raw, 1))  // 0 would fork
    }

    deinit { unsafe ub_ctx_delete(raw) }

    private func trust(_ settings: UnboundSettings) throws(ResolverError) {
        if let file = settings.trustAnchorFile {
            try check("read \(file)", unsafe ub_ctx_add_ta_file(raw, file))
        } else if settings.trustAnchors.isEmpty, unsafe access(UnboundSettings.usualAnchorFile, R_OK) == 0 {
            try check("read the root's key", unsafe ub_ctx_add_ta_file(raw, UnboundSettings.usualAnchorFile))
        } else {
            let anchors = settings.trustAnchors.isEmpty ? UnboundSettings.rootAnchors : settings.trustAnchors
            for anchor in anchors { try check("trust \(anchor)", unsafe ub_ctx_add_ta(raw, anchor)) }
        }
    }

    private func set(_ option: String, _ value: String) throws(ResolverError) {
        try check("set \(option) \(value)", unsafe ub_ctx_set_option(raw, option, value))
    }

    private func check(_ doing: String, _ code: Int32) throws(ResolverError) {
        guard code == 0 else { throw .setUp(reason: "cannot \(doing): \(unsafe String(cString: ub_strerror(code)))") }
    }

    /// Asks, and waits until the answer is there or the deadline has passed.
    /// - Returns: `nil` past the deadline.
    /// - Throws: libunbound's reason when it cannot ask at all.
    func ask(_ name: String, type: Int32, until deadline: Deadline) throws(LibraryFailure) -> Reply? {
        let question = try Question()
        let context = unsafe Unmanaged.passRetained(question)
        var number: Int32 = 0
        let code = unsafe ub_resolve_async(raw, name, type, 1, context.toOpaque(), Self.finished, &number)
        guard code == 0 else {
            unsafe context.release()
            throw LibraryFailure(reason: unsafe String(cString: ub_strerror(code)))
        }
        while true {
            if let outcome = question.outcome.withLock({ $0 }) { return try outcome.get() }
            if deadline.hasPassed { break }
            // Another thread may process our answer: the question's own descriptor tells.
            var watched = [
                pollfd(fd: unsafe ub_fd(raw), events: Int16(POLLIN), revents: 0),
                pollfd(fd: question.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&watched, 2, deadline.pollTimeout)
            if watched[0].revents != 0 { unsafe ub_process(raw) }
        }
        // Cancelled means that the callback will not run; else it runs, or ran, and lets go of the question itself.
        if unsafe ub_cancel(raw, number) == 0 { unsafe context.release() }
        return nil
    }

    /// libunbound's callback, on whichever thread calls ub_process.
    private nonisolated static let finished: ub_callback_type = { context, code, result in
        guard let context = unsafe context else { return }
        let question = unsafe Unmanaged<Question>.fromOpaque(context).takeRetainedValue()
        guard code == 0, let result = unsafe result else {
            question.finish(.failure(LibraryFailure(reason: unsafe String(cString: ub_strerror(code)))))
            return
        }
        question.finish(.success(unsafe copy(result)))
        unsafe ub_resolve_free(result)
    }

    private static func copy(_ result: UnsafeMutablePointer<ub_result>) -> Reply {
        var reply = Reply()
        unsafe reply.rcode = result.pointee.rcode
        unsafe reply.noSuchName = result.pointee.nxdomain != 0
        unsafe reply.isSecure = result.pointee.secure != 0
        unsafe reply.timeToLive = result.pointee.ttl
        if unsafe result.pointee.bogus != 0 {
            reply.bogus =
                unsafe result.pointee.why_bogus.map { unsafe printable(String(cString: $0)) } ?? "no reason given"
        }
        guard unsafe result.pointee.havedata != 0, let data = unsafe result.pointee.data,
            let lengths = unsafe result.pointee.len
        else { return reply }
        var index = 0
        while index < recordLimit, let record = unsafe data[index] {
            let bytes = unsafe UnsafeRawBufferPointer(start: record, count: Int(max(0, lengths[index])))
            unsafe reply.records.append(Array(bytes))
            index += 1
        }
        return reply
    }

    struct LibraryFailure: Error { let reason: String }

    /// One question on its way.
    private final class Question: Sendable {
        let descriptor: Int32
        let outcome = Mutex<Result<Reply, LibraryFailure>?>(nil)

        init() throws(LibraryFailure) {
            descriptor = eventfd(0, mh_EFD_CLOEXEC())
            guard descriptor >= 0 else { throw LibraryFailure(reason: Reporting.reason(errno)) }
        }

        deinit { close(descriptor) }

        func finish(_ result: Result<Reply, LibraryFailure>) {
            outcome.withLock { $0 = result }
            var one: UInt64 = 1
            _ = unsafe write(descriptor, &one, 8)
        }
    }
}
