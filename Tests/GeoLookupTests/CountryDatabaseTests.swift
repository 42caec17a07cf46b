// Countries from a database written by the test itself, and from files that are none.

import GeoLookup
import InternetAddress
import MailTestKit
import Testing

/// The smallest possible writer of MaxMind's format 2.0 (IPv4, 24-bit records).
private struct Database {
    private var nodes: [[Int?]] = [[nil, nil]]
    private var leaves: [(node: Int, side: Int, data: Int)] = []
    private var data: [UInt8] = []

    private static func text(_ text: String) -> [UInt8] { [0x40 | UInt8(text.utf8.count)] + Array(text.utf8) }
    private static func map(_ count: UInt8) -> UInt8 { 0xE0 | count }
    private static func number(_ value: Int, octets: Int, type: UInt8) -> [UInt8] {
        let head: [UInt8] = type <= 7 ? [type << 5 | UInt8(octets)] : [UInt8(octets), type - 7]
        return head + (0..<octets).reversed().map { UInt8(value >> ($0 * 8) & 0xFF) }
    }

    mutating func add(_ address: [UInt8], bits: Int, country: String) {
        var node = 0
        for bit in 0..<bits {
            let side = Int(address[bit / 8] >> (7 - bit % 8) & 1)
            if bit == bits - 1 {
                leaves.append((node, side, data.count))
            } else if let next = nodes[node][side] {
                node = next
            } else {
                nodes.append([nil, nil])
                nodes[node][side] = nodes.count - 1
                node = nodes.count - 1
            }
        }
        data += [Self.map(1)] + Self.text("country") + [Self.map(1)] + Self.text("iso_code") + Self.text(country)
    }

    var octets: [UInt8] {
        var records = nodes.map { $0.map { $0 ?? nodes.count } }
        for leaf in leaves { records[leaf.node][leaf.side] = nodes.count + 16 + leaf.data }
        var file = records.joined().flatMap { [UInt8($0 >> 16), UInt8($0 >> 8 & 0xFF), UInt8($0 & 0xFF)] }
        file += [UInt8](repeating: 0, count: 16) + data
        file += [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8) + [Self.map(9)]
        file += Self.text("node_count") + Self.number(nodes.count, octets: 4, type: 6)
        file += Self.text("record_size") + Self.number(24, octets: 2, type: 5)
        file += Self.text("ip_version") + Self.number(4, octets: 2, type: 5)
        file += Self.text("database_type") + Self.text("Test-Country")
        file += Self.text("languages") + [0x00, 0x04]
        file += Self.text("binary_format_major_version") + Self.number(2, octets: 2, type: 5)
        file += Self.text("binary_format_minor_version") + Self.number(0, octets: 2, type: 5)
        file += Self.text("build_epoch") + Self.number(1_700_000_000, octets: 8, type: 9)
        file += Self.text("description") + [Self.map(0)]
        return file
    }
}

@Suite struct CountryDatabaseTests {
    private let scratch = ScratchDirectory()

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private func database() -> [UInt8] {
        var database = Database()
        database.add([192, 0, 2, 0], bits: 24, country: "DE")
        database.add([10, 0, 0, 0], bits: 8, country: "CH")
        database.add([172, 16, 0, 0], bits: 12, country: "xx")
        database.add([172, 64, 0, 0], bits: 12, country: "FRA")
        return database.octets
    }

    @Test("addresses have the country of their net, or none")
    func countries() throws {
        let countries = try CountryDatabase(path: scratch.write(database(), to: "a.mmdb"))
        #expect(countries.country(of: try address("192.0.2.77")) == "DE")
        #expect(countries.country(of: try address("10.255.0.1")) == "CH")
        #expect(countries.country(of: try address("8.8.8.8")) == nil)
        #expect(countries.country(of: try address("172.16.0.1")) == nil)
        #expect(countries.country(of: try address("172.64.0.1")) == nil)
        #expect(countries.country(of: try address("2001:db8::1")) == nil)
    }

    @Test("what is no database is refused by name")
    func broken() {
        let path = scratch.write("no database", to: "b.mmdb")
        #expect { try CountryDatabase(path: path) } throws: { error in
            "\(error)".hasPrefix("\(path): no country database: ")
                && (error as? GeoLookupError)?.exitStatus == .configuration
        }
        #expect(throws: GeoLookupError.self) { try CountryDatabase(path: scratch.file("missing")) }
        #expect(throws: GeoLookupError.self) { try CountryDatabase(path: "a\0b") }
    }

    @Test("a cut or damaged database is refused or knows less, and never traps")
    func damaged() throws {
        let whole = database()
        let asked = try address("192.0.2.77")
        for step in stride(from: 0, to: whole.count, by: 7) {
            var damaged = whole
            damaged[step] ^= 0xFF
            for octets in [damaged, Array(whole[..<step])] {
                let path = scratch.write(octets, to: "c.mmdb")
                guard let countries = try? CountryDatabase(path: path) else { continue }
                let country = countries.country(of: asked)
                #expect(country.map { $0.utf8.count == 2 } ?? true)
            }
        }
    }
}
