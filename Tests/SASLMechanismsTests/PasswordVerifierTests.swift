// Stored passwords, right and wrong ones.

import Credentials
import MailTestKit
import Octets
import Testing

@testable import SASLMechanisms

@Suite("A password verifier")
struct PasswordVerifierTests {
    private let cheap: ScryptCost

    init() throws { cheap = try #require(ScryptCost(logN: 10, blockSize: 1, parallelism: 1)) }

    private func hex(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("computes the vectors of RFC 7914 §12")
    func vectors() throws {
        let empty = try ScryptHash.derive([], salt: [], n: 16, blockSize: 1, parallelism: 1, count: 64)
        #expect(
            hex(empty)
                == "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906")
        let nacl = try ScryptHash.derive(
            Array("password".utf8), salt: Array("NaCl".utf8), n: 1024, blockSize: 8, parallelism: 16, count: 64)
        #expect(
            hex(nacl)
                == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                + "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640")
        let salt = try ScryptHash.derive(
            Array("pleaseletmein".utf8), salt: Array("SodiumChloride".utf8), n: 16_384, blockSize: 8, parallelism: 1,
            count: 64)
        #expect(
            hex(salt)
                == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                + "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887")
    }

    @Test("knows the password it was made from, and no other")
    func scrypt() throws {
        let line = try PasswordVerifier.make(password: Secret("correct horse"), cost: cheap)
        let verifier = try PasswordVerifier(hash: line)
        #expect(try verifier.verify(Secret("correct horse")))
        for wrong in ["", "correct hors", "correct horse ", "correct horse\0", "Correct horse", "\0"] {
            #expect(try !verifier.verify(Secret(wrong)), "\(wrong)")
        }
        #expect(try PasswordVerifier.make(password: Secret("correct horse"), cost: cheap) != line)
    }

    @Test("made by default costs 2^14 and reads back")
    func standard() throws {
        let line = try PasswordVerifier.make(password: Secret("a"))
        #expect(line.hasPrefix("$mh-scrypt$ln=14,r=8,p=1$"))
        #expect(try PasswordVerifier(hash: line).verify(Secret("a")))
        #expect(try ScryptHash(parsing: line).description == line)
    }

    @Test("knows a plain password, and no other")
    func plain() throws {
        let verifier = try PasswordVerifier(plain: Secret("tea"))
        #expect(try verifier.verify(Secret("tea")))
        for wrong in ["", "te", "teaa", "Tea", "tea\0"] { #expect(try !verifier.verify(Secret(wrong))) }
        #expect(throws: PasswordError.badPassword) { try PasswordVerifier(plain: Secret("")) }
        #expect(throws: PasswordError.badPassword) { try PasswordVerifier(plain: Secret("a\0b")) }
        #expect(throws: PasswordError.badPassword) { try PasswordVerifier.make(password: Secret("")) }
        #expect(try !PasswordVerifier.verifyAgainstNobody(Secret("tea"), cost: cheap))
        #expect(try !PasswordVerifier.verifyAgainstNobody(Secret("")))
    }

    @Test("counts octet by octet: two spellings of one letter are two passwords")
    func noPreparation() throws {
        let verifier = try PasswordVerifier(plain: Secret("caf\u{E9}"))
        #expect(try !verifier.verify(Secret("cafe\u{301}")))
    }

    @Test("refuses hashes that are not exactly ours")
    func badHashes() throws {
        let good = try PasswordVerifier.make(password: Secret("a"), cost: cheap)
        let tail = good.dropFirst("$mh-scrypt$ln=10,r=1,p=1".count)
        var bad = [
            "", "$", "$$$$", "secret", "x" + good, good + "$", good + "x", good + " ", "\n" + good,
            String(good.dropLast()), String(good.dropFirst()), String(good.dropLast(4)) + "====",
            "$mh-scrypt$ln=10,r=1,p=1$$", "$2y$10$abcdefghijklmnopqrstuv", String(repeating: "$", count: 5000),
        ]
        for parameters in [
            "ln=9,r=1,p=1", "ln=18,r=1,p=1", "ln=63,r=1,p=1", "ln=10,r=0,p=1", "ln=10,r=17,p=1", "ln=10,r=1,p=5",
            "ln=10,r=1,p=0", "ln=10,r=1", "ln=10,r=1,p=1,q=1", "r=1,ln=10,p=1", "ln=-1,r=1,p=1", "ln=+10,r=1,p=1",
            "ln=010,r=1,p=1", "ln=10,r=01,p=1", "ln=99999999999999999999,r=1,p=1", "ln=,r=,p=", "LN=10,r=1,p=1",
            "ln=1٠,r=1,p=1",
        ] {
            bad.append("$mh-scrypt$\(parameters)\(tail)")
        }
        for text in bad {
            #expect(throws: PasswordError.badHash, "\(text.prefix(80))") { try PasswordVerifier(hash: text) }
        }
        #expect(ScryptCost(logN: 17, blockSize: 16, parallelism: 4) != nil)
        #expect(ScryptCost(logN: .max, blockSize: 8, parallelism: 1) == nil)
    }

    @Test("reads no changed hash as another password's", arguments: 0..<100)
    func changed(seed: UInt64) throws {
        var source = SplitMix(seed: seed)
        var line = Array(try PasswordVerifier.make(password: Secret("a"), cost: cheap).utf8)
        let place = 25 + Int(source.next() % UInt64(line.count - 25))
        line[place] ^= UInt8(1 + source.next() % 127)
        guard let text = String(validating: line, as: UTF8.self), let verifier = try? PasswordVerifier(hash: text)
        else {
            return
        }
        #expect(try !verifier.verify(Secret("a")))
    }
}
