// OpenSSL's error queue, taken whole.

internal import COpenSSL

/// One entry of the thread's error queue.
struct OpenSSLFault {
    let library: CInt
    let reason: CInt
    let text: String

    /// Empties the queue, oldest entry first. At most 20 are returned.
    static func drain() -> [OpenSSLFault] {
        var faults: [OpenSSLFault] = []
        while true {
            var data: UnsafePointer<CChar>?
            var flags: CInt = 0
            let code = unsafe ERR_get_error_all(nil, nil, nil, &data, &flags)
            guard code != 0 else { return faults }
            var text =
                if let reason = unsafe ERR_reason_error_string(code) {
                    unsafe String(cString: reason)
                } else {
                    "error \(String(code, radix: 16))"
                }
            if flags & ERR_TXT_STRING != 0, let data = unsafe data, unsafe data.pointee != 0 {
                text += " (\(unsafe String(cString: data)))"
            }
            if faults.count < 20 {
                faults.append(OpenSSLFault(library: ERR_GET_LIB(code), reason: ERR_GET_REASON(code), text: text))
            }
        }
    }

    /// Empties the queue into one text.
    static func drainText() -> String { text(of: drain()) }

    static func text(of faults: [OpenSSLFault]) -> String {
        faults.isEmpty ? "no reason given" : faults.map(\.text).joined(separator: "; ")
    }
}
