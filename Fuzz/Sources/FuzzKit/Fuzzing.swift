// The way in from libFuzzer, and the claim that ends a run when it does not hold.

internal import CFuzzer
import Glibc

public enum Fuzzing {
    /// Hands the process to libFuzzer, which calls `examine` with input after input. Never returns.
    public static func drive(_ examine: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt) -> Never {
        var count = CommandLine.argc
        var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        exit(unsafe LLVMFuzzerRunDriver(&count, &words, examine))
    }

    /// The input that libFuzzer gave.
    public static func input(_ start: UnsafePointer<UInt8>?, _ count: Int) -> FuzzInput {
        unsafe FuzzInput(Array(UnsafeBufferPointer(start: start, count: count)))
    }
}

/// Ends the process, so that libFuzzer keeps the input, unless `condition` holds.
@inline(__always)
public func claim(_ condition: Bool, _ words: @autoclosure () -> String) {
    if !condition { fail(words()) }
}

@inline(never)
private func fail(_ words: String) -> Never {
    // `fatalError` would do as well, were it not for the words that it cuts off.
    let line = Array("CLAIM FAILED: \(words)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    abort()
}

/// One input: first octets that choose settings, then what the parser gets.
public struct FuzzInput {
    private var octets: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { self.octets = octets[...] }

    /// The next octet as a choice; 0 when there is none. Seeds use `@` (0x40) and what follows it: test low bits only.
    public mutating func choice() -> UInt8 { octets.popFirst() ?? 0 }

    /// All that is left.
    public var rest: [UInt8] { Array(octets) }
}
