// mhserve as mail programs meet it by POP3.

import MailTestKit
import Testing

@Suite("mhserve and POP3")
struct ServePOP3Tests {
    @Test("every message comes octet for octet, with the count that LIST told", .needs(.python3))
    func octets() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3s"])
            let all = Oddity.quick + [.twentyMegabytes]
            for (index, oddity) in all.enumerated() {
                hub.deliver(oddity.file(), to: "alice", as: "\(1_700_000_000 + index).M1P1.host")
            }
            hub.scratch.write("", to: "listing")
            let result = try python(
                rawPOP3 + """
                    p = Raw("pop3s", "alice")
                    sizes = [tuple(map(int, l.split())) for l in p.many("LIST")]
                    stat = p.say("STAT").split()
                    assert int(stat[1]) == len(sizes) and int(stat[2]) == sum(s for _, s in sizes), stat
                    for number, size in sizes:
                        body = p.retrieve(number)
                        assert len(body) == size, (number, len(body), size)
                        open("\(hub.scratch.path)/got-%d" % number, "wb").write(body)
                    p.say("QUIT")
                    print(len(sizes))
                    """, hub)
            try #require(result.status == 0, "\(result) \(hub.logs)")
            #expect(result.outputText == "\(all.count)\n")
            for (index, oddity) in all.enumerated() {
                var wanted = Oddity.wire(fromFile: oddity.file())
                if !wanted.suffix(2).elementsEqual([0x0D, 0x0A]) { wanted += [0x0D, 0x0A] }
                if oddity == .nothing { wanted = [] }
                let got = ScratchDirectory.read(hub.scratch.file("got-\(index + 1)")) ?? []
                #expect(firstDifference(got, wanted) == nil, "\(oddity)")
            }
        }
    }

    @Test("curl and mpop fetch; flags set by a reader change no UIDL", .needs(.curl, .mpop, .python3))
    func clients() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3", "pop3s"])
            for number in 1...3 {
                hub.deliver(Array("Subject: \(number)\n\n.\n.x\n".utf8), to: "alice", as: "170000000\(number).M1.host")
            }
            let fetched = try runProgram([
                "curl", "-sS", "--cacert", hub.certificatePath, "-u", "alice:alice's secret", "--ssl-reqd",
                "pop3://localhost:\(hub.port("pop3"))/2",
            ])
            #expect(fetched.outputText == "Subject: 2\r\n\r\n.\r\n.x\r\n", "\(fetched) \(hub.logs)")
            let uids = "p = Raw('pop3s', 'alice'); print(p.many('UIDL')); p.say('QUIT')"
            let before = try python(rawPOP3 + uids, hub)
            let (new, cur) = ("\(hub.maildir(of: "alice"))/new", "\(hub.maildir(of: "alice"))/cur")
            #expect(moveFile("\(new)/1700000001.M1.host", to: "\(cur)/1700000001.M1.host:2,S"))
            #expect(moveFile("\(new)/1700000003.M1.host", to: "\(cur)/1700000003.M1.host:2,FRS"))
            let after = try python(rawPOP3 + uids, hub)
            #expect(before.outputText == after.outputText && before.outputText.contains("1700000003.M1.host"))

            let target = hub.scratch.file("fetched")
            let mpop = try runProgram(
                [
                    "mpop", "--host=localhost", "--port=\(hub.port("pop3s"))", "--tls=on", "--tls-starttls=off",
                    "--tls-trust-file=\(hub.certificatePath)", "--user=alice@example.org",
                    "--passwordeval=echo \"alice's secret\"", "--delivery=mbox,\(target)", "--keep=off",
                    "--uidls-file=\(hub.scratch.file("uidls"))", "--received-header=off",
                ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(mpop.status == 0, "\(mpop) \(hub.logs)")
            let text = String(decoding: ScratchDirectory.read(target) ?? [], as: UTF8.self)
            #expect(text.split(separator: "\n").filter { $0.hasPrefix("Subject: ") }.count == 3, "\(text)")
            #expect(hub.messages(of: "alice").isEmpty, "mpop deletes what it has fetched")
        }
    }

    @Test(
        "deleted only at QUIT; sessions side by side, deliveries between; 1,000 commands at once; an empty mailbox",
        .needs(.python3))
    func sessions() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3s"])
            for number in 1...6 {
                hub.deliver(
                    Array("Subject: \(number)\n\nbody \(number)\nmore\n".utf8), to: "alice",
                    as: "170000000\(number).M1.host")
            }
            let result = try python(
                rawPOP3 + """
                    new = "\(hub.maildir(of: "alice"))/new/"
                    left = lambda: sorted(int(n[9]) for n in os.listdir(new))
                    p = Raw("pop3s", "alice")
                    assert p.many("TOP 1 0") == [b"Subject: 1", b""]
                    assert p.many("TOP 1 1") == [b"Subject: 1", b"", b"body 1"]
                    assert p.many("TOP 1 99") == [b"Subject: 1", b"", b"body 1", b"more"]
                    # A dropped connection deletes nothing, nor does one whose QUIT is cut short.
                    assert p.ok("DELE 1") and not p.ok("RETR 1") and not p.ok("DELE 1")
                    assert p.many("LIST")[0].startswith(b"2 ")
                    p.s.sendall(b"QUI"); p.s.close()
                    q = Raw("pop3s", "alice")
                    assert q.ok("DELE 2") and q.ok("RSET") and q.ok("DELE 3") and q.ok("QUIT")
                    assert left() == [1, 2, 4, 5, 6], left()
                    # Two delete the same and different ones at once.
                    one, two = Raw("pop3s", "alice"), Raw("pop3s", "alice@example.org")
                    assert one.ok("DELE 1") and one.ok("DELE 2") and two.ok("DELE 2") and two.ok("DELE 3")
                    open(new + "1700000007.M1.host", "w").write("Subject: 7\\n\\nlate\\n")
                    assert one.say("STAT").split()[1] == b"3", "a delivery changes no session"
                    assert one.ok("QUIT") and two.ok("QUIT")
                    assert left() == [5, 6, 7], left()
                    # A message another session has deleted is an error, not a wrong message.
                    one, two = Raw("pop3s", "alice"), Raw("pop3s", "alice")
                    assert one.ok("DELE 1") and one.ok("QUIT")
                    assert not two.ok("RETR 1") and two.retrieve(2).startswith(b"Subject: 6")
                    # Read by somebody meanwhile, then deleted all the same.
                    os.makedirs(new + "../cur", exist_ok=True)
                    os.rename(new + "1700000006.M1.host", new + "../cur/1700000006.M1.host:2,S")
                    assert two.retrieve(2).startswith(b"Subject: 6") and two.ok("DELE 2") and two.ok("QUIT")
                    assert left() == [7] and not os.listdir(new + "../cur")
                    # 1,000 at once, and the client shuts its side behind them.
                    p = Raw("pop3s", "alice")
                    for part in range(10):
                        p.s.sendall(b"RETR 1\\r\\nNOOP\\r\\n" * 100)
                    p.s.sendall(b"QUIT\\r\\n")
                    everything = p.f.read()
                    assert everything.count(b"\\r\\n.\\r\\n") == 1000 and everything.count(b"+OK") == 2001
                    e = Raw("pop3s", "bob")
                    assert e.say("STAT").split()[1:3] == [b"0", b"0"] and e.many("LIST") == [] and e.many("UIDL") == []
                    assert not e.ok("RETR 1") and not e.ok("TOP 1 0") and e.ok("QUIT")
                    """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test("strangers who guess at a login do not lock its owner out, even with a password mistyped", .needs(.python3))
    func lockOut() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3s"])
            let result = try python(
                """
                import socket
                def login(password, home, name=b"alice"):
                    s = socket.create_connection(("127.0.0.1", PORT["pop3s"]), 20, (home, 0))
                    s = TLS.wrap_socket(s, server_hostname="localhost")
                    f = s.makefile("rb")
                    f.readline()
                    s.sendall(b"USER " + name + b"\\r\\n")
                    f.readline()
                    s.sendall(b"PASS " + password + b"\\r\\n")
                    answer = f.readline()
                    s.close()
                    return answer
                right = b"alice's secret"
                assert login(right, "127.0.0.1").startswith(b"+OK")
                # All names of a mailbox share one count.
                names = [b"alice", b"alice@example.org", b"Alice@EXAMPLE.org"]
                for number in range(50):
                    answer = login(b"guess", "127.0.1.%d" % (1 + number // 9), names[number % 3])
                    assert b"is wrong" in answer, (number, answer)
                for name in names:
                    assert b"too many" in login(b"guess", "127.0.2.1", name)
                assert b"is wrong" in login(b"guess", "127.0.2.1", b"bob")
                assert b"too many" not in login(b"mistyped", "127.0.0.1")
                assert login(right, "127.0.0.1").startswith(b"+OK")
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test(
        "a message that becomes shorter while it is sent cuts the line: no client takes what came for whole",
        .needs(.python3))
    func cutShort() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3s"])
            hub.deliver(Oddity.twentyMegabytes.file(), to: "alice", as: "1700000001.M1.host")
            let result = try python(
                rawPOP3 + """
                    p = Raw("pop3s", "alice")
                    assert p.ok("RETR 1")
                    begin = p.f.read(1000)
                    os.truncate("\(hub.maildir(of: "alice"))/new/1700000001.M1.host", 5000)
                    p.s.settimeout(30)
                    try:
                        rest = p.f.read()
                    except (ssl.SSLError, ConnectionError):
                        rest = b""
                    assert not rest.endswith(b"\\r\\n.\\r\\n") and len(rest) < 20 << 20, len(rest)
                    """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            #expect(hub.log.contains("became shorter while it was read"), "\(hub.logs)")
        }
    }

    @Test("who takes nothing of what was asked for is left, and costs no memory meanwhile", .needs(.python3))
    func neverReads() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["pop3-idle 1s"], services: ["pop3s"])
            hub.deliver(Oddity.twentyMegabytes.file(), to: "alice", as: "1700000001.M1.host")
            let result = try python(
                rawPOP3 + """
                    import time
                    pid = \(try hub.worker())
                    memory = lambda: int([l for l in open("/proc/%d/status" % pid) if l.startswith("VmRSS")][0].split()[1])
                    clients = [Raw("pop3s", "alice") for _ in range(8)]
                    before = memory()
                    for c in clients: c.s.sendall(b"RETR 1\\r\\n" * 50)
                    time.sleep(0.5)
                    during = memory()
                    time.sleep(3)
                    for c in clients:
                        c.s.settimeout(20)
                        count = 0
                        try:
                            while piece := c.s.recv(1 << 20):
                                count += len(piece)
                                assert count < 40 << 20, "not left"
                        except (ssl.SSLError, ConnectionError):
                            pass
                    print("never reading: %d KiB more for 8 clients" % (during - before))
                    assert during - before < 8 * 2048, (before, during)
                    """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            print(result.outputText, terminator: "")
        }
    }
}

/// A POP3 client that shows octets as they are.
private let rawPOP3 = """
    class Raw:
        def __init__(self, service, user):
            self.s = TLS.wrap_socket(socket.create_connection(("localhost", PORT[service])), server_hostname="localhost")
            self.f = self.s.makefile("rb")
            assert self.f.readline().startswith(b"+OK")
            assert self.ok("USER " + user) and self.ok("PASS " + user.split("@")[0] + "'s secret")
        def say(self, command):
            self.s.sendall(command.encode() + b"\\r\\n")
            return self.f.readline()
        def ok(self, command):
            return self.say(command).startswith(b"+OK")
        def raw(self):
            lines = []
            while (line := self.f.readline()) != b".\\r\\n":
                assert line.endswith(b"\\n"), line
                # A line ends in CRLF: one in a bare LF or CR goes on.
                begins = not lines or lines[-1].endswith(b"\\r\\n")
                lines.append(line[1:] if begins and line.startswith(b".") else line)
            return b"".join(lines)
        def retrieve(self, number):
            assert self.ok("RETR %d" % number)
            return self.raw()
        def many(self, command):
            assert self.ok(command)
            return self.raw().split(b"\\r\\n")[:-1]

    """
