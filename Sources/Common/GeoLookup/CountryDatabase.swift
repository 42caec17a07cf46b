// The country of an address, from a MaxMind database file; nothing is asked over the network.

internal import CMaxMindDB
import Glibc
import InternetAddress
import Reporting

/// Why a country database cannot be used.
public enum GeoLookupError: Complaint, Equatable {
    case cannotOpen(path: String, reason: String)

    public var exitStatus: ExitStatus { .configuration }

    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "\(path): no country database: \(reason); mend the rc's `geoip` line"
        }
    }
}

/// An open database in MaxMind's format (`.mmdb`), such as GeoLite2-Country or DB-IP's.
///
/// Unchecked: the file is mapped read-only, nothing changes after `init`, and libmaxminddb allows look-ups from any
/// thread.
@safe public final class CountryDatabase: @unchecked Sendable {
    private let raw: UnsafeMutablePointer<MMDB_s>

    /// - Throws: ``GeoLookupError/cannotOpen(path:reason:)``.
    public init(path: String) throws(GeoLookupError) {
        guard !path.utf8.contains(0) else { throw .cannotOpen(path: printable(path), reason: "the path holds a NUL") }
        let made = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
        unsafe made.initialize(to: MMDB_s())
        let code = unsafe MMDB_open(path, UInt32(MMDB_MODE_MMAP), made)
        guard code == MMDB_SUCCESS else {
            unsafe made.deallocate()
            throw .cannotOpen(path: path, reason: unsafe String(cString: MMDB_strerror(code)))
        }
        unsafe raw = made
    }

    deinit {
        unsafe MMDB_close(raw)
        unsafe raw.deallocate()
    }

    /// The country of `address`.
    /// - Returns: two capital letters (ISO 3166-1); `nil` when the database does not know, or the file is damaged
    ///   there. Unknown is not harmless: see the rc's `forbid-unknown`.
    public func country(of address: IPAddress) -> String? {
        guard var found = unsafe look(up: address), unsafe found.found_entry else { return nil }
        return unsafe withPath("country", "iso_code") { path in
            var data = unsafe MMDB_entry_data_s()
            guard unsafe MMDB_aget_value(&found.entry, &data, path) == MMDB_SUCCESS, unsafe data.has_data,
                unsafe data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING), unsafe data.data_size == 2,
                let text = unsafe data.utf8_string
            else { return nil }
            let octets = unsafe [UInt8(bitPattern: text[0]), UInt8(bitPattern: text[1])]
            guard octets.allSatisfy({ (0x41...0x5A).contains($0) }) else { return nil }
            return String(decoding: octets, as: UTF8.self)
        }
    }

    private func look(up address: IPAddress) -> MMDB_lookup_result_s? {
        var code: Int32 = 0
        // An IPv4 database holds no IPv6; the library reports that as an error.
        let result = unsafe Endpoint(address).withSystemShape { shape, _ in
            unsafe MMDB_lookup_sockaddr(raw, shape, &code)
        }
        return unsafe code == MMDB_SUCCESS ? result : nil
    }

    private func withPath<Result>(
        _ first: String, _ second: String, _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        unsafe first.withCString { first in
            unsafe second.withCString { second in
                let path: [UnsafePointer<CChar>?] = unsafe [first, second, nil]
                return unsafe path.withUnsafeBufferPointer { buffer in
                    unsafe body(buffer.baseAddress!)  // three elements: never empty
                }
            }
        }
    }
}
