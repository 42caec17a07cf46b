// The rc: any octets give settings or faults, and settings in force can be printed and read again.

import FuzzKit
import RunControl

@main
enum FuzzRunControl {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private let context: ProcessContext = {
    var context = ProcessContext(environment: [:])
    context.home = "/nonexistent/home"
    context.effectiveUser = 1000
    context.configHome = "/nonexistent/home/.config"
    context.stateHome = "/nonexistent/home/.local/state"
    return context
}()

private func examine(_ input: FuzzInput) {
    let octets = input.rest
    // Files of this machine are no part of the input.
    guard !holdsInclude(octets) else { return }
    let settings: HubSettings
    do throws(RunControlError) {
        settings = try read(octets)
    } catch {
        let text = "\(error)"
        claim(!text.isEmpty && text.utf8.count < 1 << 20, "a complaint of \(text.utf8.count) octets")
        claim(text.utf8.allSatisfy { $0 >= 0x20 || $0 == 0x0A }, "a control character in a complaint")
        return
    }
    let printed = settings.printed(masked: false)
    do throws(RunControlError) {
        let again = try read(Array(printed.utf8))
        claim(
            again.printed(masked: false) == printed, "printed twice:\n\(printed)\n---\n\(again.printed(masked: false))")
        claim(again.accounts == settings.accounts, "accounts do not come back:\n\(printed)")
        claim(again.mailboxes == settings.mailboxes, "mailboxes do not come back:\n\(printed)")
        claim(again.listeners == settings.listeners, "listeners do not come back:\n\(printed)")
        claim(again.routes == settings.routes, "routes do not come back:\n\(printed)")
        claim(again.domains == settings.domains, "domains do not come back:\n\(printed)")
    } catch {
        claim(false, "what is in force cannot be read again: \(error)\n\(printed)")
    }
}

private func read(_ octets: [UInt8]) throws(RunControlError) -> HubSettings {
    try HubSettings.read(octets, source: "/nonexistent/mailhubrc", context: context)
}

private func holdsInclude(_ octets: [UInt8]) -> Bool {
    let word = Array("include".utf8)
    guard octets.count >= word.count else { return false }
    return (0...(octets.count - word.count)).contains { start in
        octets[start..<(start + word.count)].elementsEqual(word) { $0 | 0x20 == $1 }
    }
}
