// Programs of Debian that hand mail to sendmail, run as they are installed, with our mhsend by that name.

import MailTestKit
import Testing

@Suite("Callers of sendmail")
struct CallersTests {
    /// A program that sends mail, and what comes of it.
    struct Program: Sendable, CustomTestStringConvertible {
        let name: String
        var user = "alice"
        /// What a shell runs.
        let script: String
        /// Lines of the message that arrives.
        let lines: [String]
        var testDescription: String { name }
    }

    static let all: [Program] = [
        .init(
            name: "cron", user: "root",
            script: #"""
                mkdir -p /var/spool/cron/crontabs && chmod 1730 /var/spool/cron/crontabs
                printf 'MAILTO=bob\n@reboot printf "out\\n.\\nput\\n"\n' > /var/spool/cron/crontabs/root
                chmod 600 /var/spool/cron/crontabs/root
                cron -f & pid=$!
                for try in $(seq 600); do find /var/lib/mailhub -name '*.hub,S=*' | grep -q . && break; sleep 0.05; done
                kill $pid; wait
                """#,
            lines: ["Subject: Cron <root@", "From: root@home.example (Cron Daemon)\n", "\nout\n.\nput\n"]),
        .init(
            name: "at", user: "root",
            script: #"""
                mkdir -p /var/spool/cron/atjobs /var/spool/cron/atspool && touch /var/spool/cron/atjobs/.SEQ
                chown -R daemon:daemon /var/spool/cron/at*
                echo 'echo from at' | at -m now 2>&1; atd -s 2>&1 || true
                for try in $(seq 600); do find /var/lib/mailhub -name '*.hub,S=*' | grep -q . && break; sleep 0.05; done
                """#,
            lines: ["Subject: Output from your job", "To: root", "\nfrom at\n"]),
        .init(
            name: "PHP",
            script:
                #"php8.2 -n -r 'exit(mail("bob", "by PHP", "one\n.\ntwo\n", "X-By: php", "-falice@home.example") ? 0 : 1);'"#,
            lines: ["Subject: by PHP\n", "X-By: php\n", "Return-Path: <alice@home.example>\n", "\none\n.\ntwo\n"]),
        .init(
            name: "git send-email",
            script: #"""
                cd "$(mktemp -d)" && git init -q . && git config user.name Alice && git config user.email alice@home.example &&
                echo x > x && git add x && git commit -qm "by git" && git format-patch -q -1 --root &&
                git -c sendemail.sendmailcmd=/usr/sbin/sendmail send-email --quiet --to=bob@home.example --confirm=never --suppress-cc=all 0001*
                """#,
            lines: ["Subject: [PATCH] by git\n", "X-Mailer: git-send-email", "From: Alice <alice@home.example>\n"]),
        .init(
            name: "mutt", script: #"echo body | mutt -n -s "by mutt" -- bob@home.example"#,
            lines: ["Subject: by mutt\n", "\nbody\n"]),
        .init(
            name: "s-nail", script: #"echo body | s-nail -n -s "by s-nail" bob@home.example"#,
            lines: ["Subject: by s-nail\n", "\nbody\n"]),
        .init(
            name: "bsd-mailx", script: #"echo body | bsd-mailx -n -s "by mailx" bob"#,
            lines: ["Subject: by mailx\n", "\nbody\n"]),
        .init(
            name: "smartd", user: "root",
            script: #"""
                ln -s /usr/bin/bsd-mailx /mnt/mail; PATH=/mnt:$PATH
                SMARTD_MAILER=/mnt/mail SMARTD_ADDRESS=bob SMARTD_MESSAGE="Device: /dev/sda, FAILED" SMARTD_FAILTYPE=Health \
                SMARTD_DEVICE=/dev/sda SMARTD_DEVICESTRING=/dev/sda SMARTD_DEVICETYPE=sat SMARTD_DEVICEINFO=x SMARTD_TFIRST=now \
                SMARTD_TFIRSTEPOCH=1 SMARTD_PREVCNT=0 SMARTD_NEXTDAYS=1 sh /usr/share/smartmontools/smartd_warning.sh 2>&1 ||
                SMARTD_ADDRESS=bob sh /etc/smartmontools/smartd_warning.sh
                """#,
            lines: ["Subject: SMART error (Health) detected on host", "Device: /dev/sda, FAILED"]),
        .init(
            name: "logwatch", user: "root",
            script:
                "mkdir -p /var/cache/logwatch; logwatch --output mail --mailto bob --service disk-space --range all --logdir /var/spool 2>&1; "
                + "logwatch --output mail --mailto bob --service zz-sys --range all 2>&1",
            lines: ["Subject: Logwatch for ", "To: bob"]),
        .init(
            name: "unattended-upgrades", user: "root",
            script: #"""
                python3 - <<'END'
                import importlib.machinery, importlib.util
                loader = importlib.machinery.SourceFileLoader("uu", "/usr/bin/unattended-upgrade")
                spec = importlib.util.spec_from_loader("uu", loader)
                uu = importlib.util.module_from_spec(spec); loader.exec_module(uu)
                import sys; sys.exit(uu._send_mail_using_sendmail("root", "bob@home.example", "by upgrades", "body\n") or 0)
                END
                """#,
            lines: ["Subject: by upgrades\n", "\nbody\n"]),
        .init(
            name: "mdadm", user: "root",
            script: #"""
                printf 'From: mdadm monitoring <root>\nTo: bob\nSubject: DegradedArray event on /dev/md0:box\n\nThis is an automatically generated mail message.\n' |
                $(grep -ao -m1 '/usr/[a-z]*/sendmail -t' "$PEER/sbin/mdadm")
                """#,
            lines: ["Subject: DegradedArray event on /dev/md0:box\n", "From: mdadm monitoring <root@home.example>\n"]),
    ]

    @Test(
        "SE1: Debian's callers of sendmail are understood, as root and as a user without an rc", .needsMounts,
        .needs(.callers), arguments: Self.all)
    func callers(_ caller: Program) async throws {
        try await onThread {
            let hub = try MachineHub([], blocks: ["mailbox ops", "    address root@home.example"])
            try hub.open()
            let result = try hub.run(caller.script, as: caller.user, with: .callers)
            #expect(result.status == 0 && result.errorText.isEmpty, "\(result)")
            #expect(hub.dropped.isEmpty == (caller.user == "root"), "\(result)")
            #expect(try hub.carry().status == 0)
            try waitUntilQueueIsEmpty(in: hub.state) { "\(result)" }
            let mail = hub.mail(of: "bob") + hub.mail(of: "ops")
            #expect(mail.count == 1, "\(result) \(mail)")
            for line in caller.lines { #expect(mail.first?.contains(line) == true, "\(line): \(mail)") }
        }
    }
}
