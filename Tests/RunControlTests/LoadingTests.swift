// Where the rc is found, who may own and read it, and what includes do.

import Glibc
import MailTestKit
import Reporting
import Testing

@testable import RunControl

@Suite struct LoadingTests {
    private let home = ScratchDirectory()

    private var context: ProcessContext {
        var context = ProcessContext(environment: ["HOME": home.path])
        context.systemPath = home.file("etc-mailhubrc")
        context.systemState = home.file("var")
        return context
    }

    private func load(_ path: String? = nil, _ change: (inout ProcessContext) -> Void = { _ in }) throws -> HubSettings
    {
        var context = context
        change(&context)
        return try HubSettings.load(explicitPath: path, context: context)
    }

    private func error(_ path: String? = nil, _ change: (inout ProcessContext) -> Void = { _ in }) -> RunControlError? {
        #expect(throws: RunControlError.self) { try load(path, change) }
    }

    @Test("the first of the places counts, alone")
    func order() throws {
        mkdirs(".config/mailhub")
        home.write("hostname system.example\nrun-as mailhub", to: "etc-mailhubrc", mode: 0o644)
        #expect(try load().hostname == "system.example")
        #expect(try load().runAs == "mailhub" && load().stateDirectory == home.file("var"))
        home.write("hostname config.example", to: ".config/mailhub/mailhubrc")
        #expect(try load { $0.effectiveUser = 4711 }.hostname == "system.example" || getuid() != 4711)
        home.write("hostname named.example", to: "named")
        #expect(try load { $0.named = home.file("named") }.hostname == "named.example")
        home.write("hostname explicit.example", to: "explicit")
        #expect(try load(home.file("explicit")) { $0.named = home.file("named") }.hostname == "explicit.example")
        #expect(try load(home.file("etc-mailhubrc")).runAs == "mailhub")
    }

    @Test("a person's own places come first, for root the machine's")
    func places() {
        var context = context
        let own = [home.file(".mailhubrc"), home.file(".config/mailhub/mailhubrc")]
        context.effectiveUser = 1000
        #expect(HubSettings.standardPaths(context) == own + [context.systemPath])
        context.effectiveUser = 0
        #expect(HubSettings.standardPaths(context) == [context.systemPath] + own)
    }

    @Test("an empty environment finds the home in the password file")
    func emptyEnvironment() {
        let home = ProcessContext(environment: [:]).home
        let expected = unsafe getpwuid(geteuid()).map { unsafe String(cString: $0.pointee.pw_dir) }
        #expect(home == expected)
        #expect(
            ProcessContext(environment: ["HOME": "", "XDG_CONFIG_HOME": "relative"]).configHome
                == home.map { "\($0)/.config" })
    }

    @Test("a HOME or XDG folder of somebody else counts for nothing, as where cron hands on root's")
    func foreignHome() throws {
        let me = geteuid()
        let database = try #require(unsafe getpwuid(me).map { unsafe String(cString: $0.pointee.pw_dir) })
        // /proc/1/task is root's, and one that we made is ours.
        let foreign = me == 0 ? try foreignFolder() : "/proc/1/task"
        let all = ["HOME": foreign, "XDG_CONFIG_HOME": foreign, "XDG_STATE_HOME": "\(foreign)/new/deep"]
        #expect(ProcessContext(environment: all).home == database)
        #expect(ProcessContext(environment: all).configHome == "\(database)/.config")
        #expect(ProcessContext(environment: all).stateHome == "\(database)/.local/state")
        let ours = ["HOME": home.path, "XDG_STATE_HOME": home.file("new/deep")]
        #expect(ProcessContext(environment: ours).home == home.path)
        #expect(ProcessContext(environment: ours).stateHome == home.file("new/deep"))
    }

    /// A folder that belongs to nobody we are.
    private func foreignFolder() throws -> String {
        mkdirs("foreign")
        #expect(unsafe chown(home.file("foreign"), 4711, 4711) == 0)
        return home.file("foreign")
    }

    @Test("where root reads for another user, ~ and the defaults are that user's", .enabled(if: geteuid() == 0))
    func hubUser() throws {
        let theirs = try #require(unsafe getpwnam("daemon").map { unsafe String(cString: $0.pointee.pw_dir) })
        home.write("run-as daemon\nmailbox m\n  passwordfile ~/m.pass", to: "rc")
        let hub = try load(home.file("rc"))
        #expect(hub.stateDirectory == "\(theirs)/.local/state/mailhub" && hub.maildirs == "\(theirs)/Mail/%m")
        #expect(hub.mailboxes.first?.verifier == .passwordFile("\(theirs)/m.pass"))
    }

    @Test("no rc at all lists the places looked in and says what to do")
    func none() {
        let error = error()
        #expect(error == .noneFound(lookedIn: HubSettings.standardPaths(context)))
        #expect(error?.exitStatus == .configuration)
        #expect(error?.lines.first == "there is no rc; looked for:" && error?.lines.last?.contains("-C") == true)
    }

    @Test("missing, unreadable, no file: told apart, and a named rc has no stand-in")
    func kinds() throws {
        home.write("hostname own.example", to: ".mailhubrc")
        #expect(error("/nonexistent/rc") == .missing(path: "/nonexistent/rc", namedBy: "-C"))
        #expect(error("/nonexistent/rc")?.exitStatus == .noInput)
        #expect(error { $0.named = "/nonexistent" } == .missing(path: "/nonexistent", namedBy: "$MAILHUBRC"))
        #expect(error(home.path) == .notAFile(path: home.path))
        #expect(unsafe mkfifo(home.file("pipe"), 0o600) == 0)
        #expect(error(home.file("pipe")) == .notAFile(path: home.file("pipe")))
        unsafe symlink("loop", home.file("loop"))
        #expect(error(home.file("loop")) == .unreadable(path: home.file("loop"), code: ELOOP))
        #expect(RunControlError.unreadable(path: "x", code: EACCES).exitStatus == .noPermission)
        #expect(RunControlError.unreadable(path: "x", code: EIO).exitStatus == .ioError)
    }

    @Test(
        "a secret that others may read is refused with the command that mends it",
        arguments: ["password", "passwordhash"])
    func loose(_ word: String) throws {
        let path = home.write("mailbox m\n  \(word) x", to: "it's mine", mode: 0o644)
        let me = geteuid()
        guard case .unsafe(path, _, let command)? = error(path) else { return #expect(Bool(false), "was taken") }
        #expect(command == "chmod 600 '\(home.path)/it'\\''s mine'")
        unsafe chmod(path, 0o600)
        _ = try load(path)
        unsafe chmod(path, 0o640)
        if me == 0 { _ = try load(path) } else { #expect(error(path)?.exitStatus == .noPermission) }
        unsafe chmod(path, 0o644)
        home.write("mailbox m\n  passwordfile ~/x", to: "it's mine", mode: 0o644)
        _ = try load(path)
    }

    @Test("the rules of owner and mode")
    func safety() {
        func command(_ owner: UInt32, _ mode: UInt32, secret: Bool, user: UInt32) -> String? {
            FileSafety.complaint(owner: owner, mode: mode, isSecret: secret, user: user, path: "/rc")?.command
        }
        #expect(command(1000, 0o600, secret: true, user: 1000) == nil)
        #expect(command(1000, 0o640, secret: true, user: 1000) == "chmod 600 /rc")
        #expect(command(0, 0o640, secret: true, user: 1000) == nil)
        #expect(command(0, 0o644, secret: true, user: 1000) == "chmod 640 /rc")
        #expect(command(0, 0o660, secret: true, user: 1000) == "chmod 640 /rc")
        #expect(command(0, 0o644, secret: false, user: 1000) == nil)
        #expect(command(1000, 0o666, secret: false, user: 1000) == "chmod go-w /rc")
        #expect(command(1001, 0o600, secret: false, user: 1000) == "chown 1000 /rc")
        #expect(command(1001, 0o600, secret: true, user: 0) == "chown 0 /rc")
    }

    private func mkdirs(_ path: String) {
        var whole = home.path
        for part in path.split(separator: "/") {
            whole += "/\(part)"
            unsafe mkdir(whole, 0o700)
        }
    }
}

@Suite struct IncludeTests {
    private let home = ScratchDirectory()

    private func read(_ path: String) -> (HubSettings?, [String]) {
        do throws(RunControlError) {
            return (
                try HubSettings.load(explicitPath: path, context: ProcessContext(environment: ["HOME": home.path])),
                []
            )
        } catch {
            return (nil, error.lines)
        }
    }

    @Test("files and directories are read in place, beside the file that names them")
    func includes() {
        unsafe mkdir(home.file("rc.d"), 0o700)
        home.write("mailbox b", to: "rc.d/20-b")
        home.write("mailbox a\n  address a@x.org", to: "rc.d/10-a")
        home.write("nonsense", to: "rc.d/.hidden")
        home.write("nonsense", to: "rc.d/30-c~")
        let rc = home.write("include rc.d/*\ninclude none.d-*\nmailbox c\ninclude ~/top\nmailbox d", to: "rc")
        home.write("hostname h.example", to: "top")
        let (hub, faults) = read(rc)
        #expect(faults == [] && hub?.mailboxes.map(\.name) == ["a", "b", "c", "d"] && hub?.hostname == "h.example")
    }

    @Test("faults name the file they are in, and no block reaches out of its file")
    func places() {
        home.write("  address x@y.org\nwhat", to: "inner")
        let rc = home.write("mailbox a\ninclude inner\n  address a@y.org\ninclude gone", to: "rc")
        let (inner, message) = (home.file("inner"), "an indented line belongs to a block, and none has begun here")
        #expect(
            read(rc).1 == [
                "\(rc):3:3: \(message)", "\(rc):4:9: \(home.file("gone")): there is no such file",
                "\(inner):1:3: \(message)",
                "\(inner):2:1: unknown word; it is like none of the rc's words, and so it is not shown",
            ])
    }

    @Test("circles and depths are refused")
    func circles() {
        let one = home.write("include two", to: "one")
        let two = home.write("include one", to: "two")
        #expect(read(one).1 == ["\(two):1:9: \(one) is being read already: includes run in a circle"])
        for depth in 0..<10 { home.write("include deep\(depth + 1)", to: "deep\(depth)") }
        #expect(read(home.file("deep0")).1 == ["\(home.file("deep8")):1:9: includes go more than 8 deep"])
    }

    @Test("a secret in an included file must be as tight as one in the rc")
    func looseInclude() {
        let inner = home.write("mailbox m\n  password x", to: "inner", mode: 0o644)
        let rc = home.write("include inner", to: "rc", mode: 0o644)
        #expect(read(rc).1 == ["\(inner): holds passwords, yet others may read it; run: chmod 600 \(inner)"])
    }
}
