"""Ends of logs in the dialects that programs write, and what they say."""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """A log, and what it comes to."""

    name: str
    log: str
    text: str
    """What the line says that tells why."""
    topic: str = ""
    target: str = ""


CRASHES = (
    Told(
        "go-panic",
        """
INFO  checkout 2.8.0 starting
panic: missing feature client: FLAGS_URL is not set

goroutine 1 [running]:
main.main()
	/app/main.go:12 +0x1d
net/http.(*conn).serve(0xc000, 0x1)
	/usr/lib/go/src/net/http/server.go:3
exit status 2
""",
        "missing feature client: FLAGS_URL is not set",
        "configuration",
    ),
    Told(
        "zap-json",
        """
{"level":"info","ts":1763622000.1,"msg":"starting"}
{"level":"error","ts":1763622001.1,"caller":"main.go:12","msg":"cannot open store","error":"dial tcp 10.0.0.1:5432: \
connect: connection refused"}
{"level":"info","ts":1763622001.2,"msg":"stopped"}
""",
        "cannot open store: dial tcp 10.0.0.1:5432: connect: connection refused",
        "dependency",
        "10.0.0.1:5432",
    ),
    Told(
        "logrus-logfmt",
        """
time="2026-11-20T07:00:00Z" level=info msg="start"
time="2026-11-20T07:00:00Z" level=fatal msg="cannot load config" err="open /etc/app/c.yaml: no such file or directory"
""",
        "cannot load config: open /etc/app/c.yaml: no such file or directory",
        "configuration",
    ),
    Told(
        "klog",
        """
I1120 07:00:00.000000       1 main.go:1] starting
F1120 07:00:01.000000       1 main.go:55] pods is forbidden: User "system:serviceaccount:ops:x" cannot list "pods"
""",
        'pods is forbidden: User "system:serviceaccount:ops:x" cannot list "pods"',
        "forbidden",
    ),
    Told(
        "spring-caused-by",
        """
2026-11-20 07:00:02.123  INFO 1 --- [main] com.example.App : Starting
2026-11-20 07:00:03.123 ERROR 1 --- [           main] o.s.b.SpringApplication       : Application run failed

org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'pool'
	at org.springframework.X.foo(X.java:12)
	... 12 more
Caused by: java.net.ConnectException: Connection refused: orders-db.shop:5432
	at java.base/sun.nio.Y(Z.java)
""",
        "Application run failed: java.net.ConnectException: Connection refused: orders-db.shop:5432",
        "dependency",
        "orders-db.shop:5432",
    ),
    Told(
        "java-main",
        """
Exception in thread "main" java.lang.IllegalStateException: no pool
	at a.b.C(D.java:1)
Caused by: java.net.UnknownHostException: stock-db
	at x.y(Z.java)
""",
        "java.net.UnknownHostException: stock-db",
        "dependency",
        "stock-db:0",
    ),
    Told(
        "python-traceback",
        """
Starting worker
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    os.environ["DB_URL"]
KeyError: 'DB_URL'
""",
        "KeyError: 'DB_URL'",
        "configuration",
    ),
    Told(
        "python-logging",
        """
2026-11-20 07:00:02,123 - jobs.runner - ERROR - job crashed
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
psycopg2.errors.UndefinedTable: relation "orders" does not exist
2026-11-20 07:00:02,124 - jobs.runner - INFO - bye
""",
        'job crashed: psycopg2.errors.UndefinedTable: relation "orders" does not exist',
        "schema",
    ),
    Told(
        "node-throw",
        """
> shop@1.0.0 start
> node server.js

/app/server.js:12
    throw new Error("Missing REDIS_URL");
    ^

Error: Missing REDIS_URL
    at Object.<anonymous> (/app/server.js:12:11)

Node.js v20.1.0
npm ERR! code ELIFECYCLE
""",
        "Missing REDIS_URL",
        "configuration",
    ),
    Told(
        "pino",
        """
{"level":30,"time":1763622000,"msg":"start"}
{"level":60,"time":1763622001,"err":{"type":"Error","message":"getaddrinfo ENOTFOUND sessions"},"msg":"boom"}
""",
        "boom: getaddrinfo ENOTFOUND sessions",
        "dependency",
        "sessions:0",
    ),
    Told(
        "nginx",
        """
2026/11/20 07:00:02 [notice] 1#1: using the "epoll" event method
2026/11/20 07:00:02 [emerg] 1#1: host not found in upstream "cart" in /etc/nginx/conf.d/default.conf:4
nginx: [emerg] host not found in upstream "cart" in /etc/nginx/conf.d/default.conf:4
""",
        'host not found in upstream "cart" in /etc/nginx/conf.d/default.conf:4',
        "dependency",
        "cart:0",
    ),
    Told(
        "postgres",
        """
2026-11-20 07:00:02.123 UTC [1] LOG:  starting PostgreSQL 16.1
2026-11-20 07:00:02.124 UTC [1] FATAL:  could not write lock file "postmaster.pid": No space left on device
2026-11-20 07:00:02.125 UTC [1] LOG:  database system is shut down
""",
        'could not write lock file "postmaster.pid": No space left on device',
        "disk-full",
    ),
    Told(
        "german",
        """
2026-11-20 07:00:00 INFO Starte Dienst
2026-11-20 07:00:01 FEHLER Verbindung zur Datenbank kunden-db:5432 abgelehnt
2026-11-20 07:00:01 INFO Dienst wird beendet
""",
        "Verbindung zur Datenbank kunden-db:5432 abgelehnt",
        "dependency",
        "kunden-db:5432",
    ),
    Told(
        "german-without-level",
        """
Starte Dienst
Fehler: Die Umgebungsvariable AUFTRAG_URL ist nicht gesetzt
beende
""",
        "Die Umgebungsvariable AUFTRAG_URL ist nicht gesetzt",
        "configuration",
    ),
    Told(
        "rust",
        """
thread 'main' panicked at src/main.rs:4:5:
called `Result::unwrap()` on an `Err` value: InvalidLicence
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""",
        "called `Result::unwrap()` on an `Err` value: InvalidLicence",
    ),
    Told(
        "dotnet",
        """
info: Microsoft.Hosting.Lifetime[14]
      Now listening on: http://[::]:8080
crit: Shop.Startup[6]
      Application startup exception
      System.IO.FileNotFoundException: Could not find file '/etc/licence'.
""",
        "Application startup exception: System.IO.FileNotFoundException: Could not find file '/etc/licence'.",
        "configuration",
    ),
    Told(
        "shell", "/bin/sh: 1: ./run.sh: Permission denied", "/bin/sh: 1: ./run.sh: Permission denied", "file-permission"
    ),
    Told(
        "log4j-with-two-times",
        """
2026-11-20T07:00:01.800293000Z 2026-11-20T07:00:01Z INFO  payments 1.9.4 starting
2026-11-20T07:00:02.800293000Z 2026-11-20T07:00:02Z FATAL handshake failed: x509: certificate has expired
2026-11-20T07:00:02.900293000Z exit status 2
""",
        "handshake failed: x509: certificate has expired",
        "certificate",
    ),
)
