// The command lines of programs that are known to call sendmail, and what each means to us.

import Testing

@testable import mhsend

@Suite("The options of sendmail's callers")
struct SendmailOptionsTests {
    struct Call: Sendable, CustomTestStringConvertible {
        let caller: String
        let words: [String]
        let wanted: @Sendable (inout Wanted) -> Void
        var testDescription: String { caller }

        init(_ caller: String, _ words: String, _ wanted: @escaping @Sendable (inout Wanted) -> Void) {
            self.caller = caller
            self.words = words.split(separator: " ").map { $0 == "''" ? "" : String($0) }
            self.wanted = wanted
        }
    }

    /// What an option set should be; everything that is not named keeps its default.
    struct Wanted: Equatable {
        var mode = SendmailOptions.Mode.intake
        var delivery: SendmailOptions.Delivery?
        var rc: String?
        var t = false
        var i = false
        var f: String?
        var account: String?
        var readsFrom = false
        var fullName: String?
        var notify: String?
        var returned: String?
        var envelopeID: String?
        var body: String?
        var v = false
        var to: [String] = []

        init() {}
        init(_ options: SendmailOptions) {
            mode = options.mode
            delivery = options.delivery
            rc = options.rc
            t = options.recipientsFromHeader
            i = options.ignoresDots
            f = options.reversePath
            account = options.account
            readsFrom = options.readsReversePath
            fullName = options.fullName
            notify = options.notify
            returned = options.returnWhat
            envelopeID = options.envelopeID
            body = options.bodyType
            v = options.isVerbose
            to = options.recipients
        }
    }

    static let calls = [
        Call("cronie", "-FCronDaemon -i -odi -oem -oi -t -f alice") {
            ($0.fullName, $0.i, $0.delivery, $0.t, $0.f) = ("CronDaemon", true, .immediate, true, "alice")
        },
        Call("Debian's cron", "-i -FCronDaemon -B8BITMIME -oem alice") {
            ($0.i, $0.fullName, $0.body, $0.to) = (true, "CronDaemon", "8BITMIME", ["alice"])
        },
        Call("PHP", "-t -i") { ($0.t, $0.i) = (true, true) },
        Call("PHP with bundled letters", "-ti") { ($0.t, $0.i) = (true, true) },
        Call("PHP with a fifth parameter", "-t -i -fweb@example.org") {
            ($0.t, $0.i, $0.f) = (true, true, "web@example.org")
        },
        Call("git send-email", "-i b@example.net c@example.net") {
            ($0.i, $0.to) = (true, ["b@example.net", "c@example.net"])
        },
        Call("git send-email with a sender", "-f a@example.org -i b@example.net") {
            ($0.f, $0.i, $0.to) = ("a@example.org", true, ["b@example.net"])
        },
        Call("mutt", "-oem -oi -f a@example.org -- b@example.net") {
            ($0.i, $0.f, $0.to) = (true, "a@example.org", ["b@example.net"])
        },
        Call("mutt with DSN", "-oem -oi -N failure,delay -R hdrs -- b@example.net") {
            ($0.i, $0.notify, $0.returned, $0.to) = (true, "failure,delay", "hdrs", ["b@example.net"])
        },
        Call("neomutt, 8 bits", "-B 8BITMIME -oem -oi -- b@example.net") {
            ($0.body, $0.i, $0.to) = ("8BITMIME", true, ["b@example.net"])
        },
        Call("s-nail", "-i -r a@example.org -- b@example.net") {
            ($0.i, $0.f, $0.to) = (true, "a@example.org", ["b@example.net"])
        },
        Call("bsd-mailx", "-i -t") { ($0.i, $0.t) = (true, true) },
        Call("mailutils", "-f a@example.org -oi -t") { ($0.f, $0.i, $0.t) = ("a@example.org", true, true) },
        Call("at", "-i alice") { ($0.i, $0.to) = (true, ["alice"]) },
        Call("sqwebmail", "-oi -t -Nsuccess,failure -f a@example.org") {
            ($0.i, $0.t, $0.notify, $0.f) = (true, true, "success,failure", "a@example.org")
        },
        Call("Alpine's other way", "-oi -oem -t -N never") { ($0.i, $0.t, $0.notify) = (true, true, "never") },
        Call("logwatch", "-t") { $0.t = true },
        Call("smartd", "-i -t -oi") { ($0.i, $0.t) = (true, true) },
        Call("mdadm", "-t") { $0.t = true },
        Call("vacation: a null path", "-f '' -t") { ($0.f, $0.t) = ("", true) },
        Call("procmail's autoreply", "-oi -t -f <>") { ($0.i, $0.t, $0.f) = (true, true, "<>") },
        Call("Emacs", "-oi -f a@example.org -oem -odb -t") {
            ($0.i, $0.f, $0.t, $0.delivery) = (true, "a@example.org", true, .background)
        },
        Call("Emacs's feedmail", "-oi -oem -odq -t") { ($0.i, $0.delivery, $0.t) = (true, .queueOnly, true) },
        Call("Mailman", "-G -i -f list-bounces@example.org -V id7 -- b@example.net") {
            ($0.i, $0.f, $0.envelopeID, $0.to) = (true, "list-bounces@example.org", "id7", ["b@example.net"])
        },
        Call("a content filter", "-G -i -f a@example.org -- b@example.net") {
            ($0.i, $0.f, $0.to) = (true, "a@example.org", ["b@example.net"])
        },
        Call(
            "sendmail's tuning is swallowed",
            "-Ac -Am -h 5 -L tag -m -n -U -p local:host -d0.1 -oA/etc/aliases -bm -v b"
        ) {
            ($0.v, $0.to) = (true, ["b"])
        },
        Call("a log file is never opened", "-X /var/www/shell.php -OQueueDirectory=/tmp -O QueueDirectory=/tmp b") {
            $0.to = ["b"]
        },
        Call("a detached -o", "-o i -o db b") { ($0.i, $0.to, $0.delivery) = (true, ["b"], .background) },
        Call("an address that begins with -", "-- -odd@example.org") { $0.to = ["-odd@example.org"] },
        Call("another rc", "-C /tmp/rc b") { ($0.rc, $0.to) = ("/tmp/rc", ["b"]) },
        Call("another rc, long", "--file=/tmp/rc b") { ($0.rc, $0.to) = ("/tmp/rc", ["b"]) },
        Call("a run", "-q") { $0.mode = .carry(["-q"]) },
        Call("a run with a talkative caller", "-v -q") { ($0.mode, $0.v) = (.carry(["-q"]), true) },
        Call("one message", "-qI 17.abc.host") { $0.mode = .carry(["-q", "--id", "17.abc.host"]) },
        Call("what has a recipient", "-qR example.org") { $0.mode = .carry(["-q", "--recipient=example.org"]) },
        Call("what has a sender, joined", "-qSalice@") { $0.mode = .carry(["-q", "--sender=alice@"]) },
        Call("where mail would go", "-bv -f x@y a@example.org b") {
            ($0.mode, $0.f) = (.verify(["a@example.org", "b"]), "x@y")
        },
        Call("msmtp's words", "-a isp --read-envelope-from --read-recipients --dsn-notify=never --dsn-return full b") {
            ($0.account, $0.readsFrom, $0.t, $0.notify, $0.returned, $0.to) = (
                "isp", true, true, "never", "full", ["b"]
            )
        },
        Call("msmtp's words with a value of their own", "--account=isp --from a@b --file /rc b") {
            ($0.account, $0.f, $0.rc, $0.to) = ("isp", "a@b", "/rc", ["b"])
        },
        Call("one connection", "-qo dsl") { $0.mode = .carry(["-q", "--online=dsl"]) },
        Call("one connection, joined", "-qo-x") { $0.mode = .carry(["-q", "--online=-x"]) },
        Call("one message, joined", "-qI17.abc.host") { $0.mode = .carry(["-q", "--id", "17.abc.host"]) },
        Call("a listing", "-bp") { $0.mode = .list },
        Call("a listing, asked for twice", "-bp -bm -bp") { $0.mode = .list },
        Call("aliases", "-bi") { $0.mode = .nothing },
        Call("aliases by letter", "-I") { $0.mode = .nothing },
        Call("removal", "-Mrm 17.abc.host") { $0.mode = .remove(["17.abc.host"]) },
    ]

    @Test("SE1, ask 19: a known caller gets what it asks for", arguments: calls)
    func known(_ call: Call) throws {
        var wanted = Wanted()
        call.wanted(&wanted)
        #expect(Wanted(try SendmailOptions(name: "sendmail", arguments: call.words)) == wanted)
    }

    @Test(
        "SE1: the name chooses the mode",
        arguments: [
            ("mailq", SendmailOptions.Mode.list), ("newaliases", .nothing), ("runq", .carry(["-q"])),
            ("sendmail", .intake),
            ("mailrm", .remove([])), ("smtpd", .dialogue), ("in.smtpd", .dialogue),
        ])
    func names(_ name: String, _ mode: SendmailOptions.Mode) throws {
        #expect(try SendmailOptions(name: name, arguments: []).mode == mode)
    }

    @Test(
        "SE1: what cannot be done here is refused with the way that can",
        arguments: [
            ("-bd", "mhserve"), ("-bl", "mhserve"), ("-q15m", "crontab"),
            ("-q1h", "crontab"),
            ("-bt", "mhroute"),
        ])
    func refused(_ words: String, _ hint: String) throws {
        let error = try #require(throws: OptionError.self) {
            try SendmailOptions(name: "sendmail", arguments: words.split(separator: " ").map(String.init))
        }
        #expect(error.exitStatus == .usage)
        #expect(error.description.contains(hint), "\(error)")
    }

    @Test(
        "SE1: a wrong command line is an error and never a recipient",
        arguments: [
            "-y a", "-f", "-F", "-C", "--frobnicate", "-qX", "a@example.org -X/var/www/shell.php", "a -oi", "-b", "-tf",
            "-bp -q", "-q -bp", "--check --print-config", "-I -bp", "-qI a -qI b", "-q a@example.org",
            "-bp 17.abc.host",
            "--check a",
        ])
    func wrong(_ words: String) {
        #expect(throws: OptionError.self) {
            try SendmailOptions(name: "sendmail", arguments: words.split(separator: " ").map(String.init))
        }
    }
}
