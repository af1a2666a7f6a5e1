"""What tools/bench measures with: programs pinned to a core, and the load."""
import concurrent.futures
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = os.path.join(ROOT, "tests/bench/peers")
PYTHON = "/usr/bin/python3"  # Debian's, whose packages tools/deps declares
SERVER, LOAD = "0", "1"
SID = "AC" + "0123456789abcdef" * 2
TOKEN = "a-token-for-the-benchmark"
PROVIDER_KEY = "a-key-for-the-benchmark"
PEER_KEY = "peer_" + "0123456789abcdef" * 3
ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80"
SETTINGS = "/api/v1/vapi/settings"
TRUST = ssl._create_unverified_context()  # our own certificate, on loopback


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(base, path, key=None, body=None, method=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(base + path, data, method=method or ("POST" if data else "GET"))
    if data:
        request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", "Bearer " + key)
    with urllib.request.urlopen(request, timeout=10, context=TRUST) as answer:
        return json.loads(answer.read())


def status(base, path, key=None, body=None, method=None):
    """What it is answered with, whatever that is."""
    try:
        call(base, path, key, body, method)
        return 200
    except urllib.error.HTTPError as e:
        return e.code
    except ValueError:
        return 200  # no JSON


def operations(base):
    """(method, path) of all that the contract has but streams and what ends the session, with ids of nothing."""
    for path, entry in call(base, "/api/v1/openapi.json")["paths"].items():
        for method in entry:
            if method in ("get", "post", "put", "patch", "delete") and not re.search("stream|auth/|openapi", path):
                yield method.upper(), re.sub(r"\{\w+\}", "none", path)


def fetch(url, accept):
    """Bytes over the wire, and what they are without their encoding."""
    request = urllib.request.Request(url, headers={"Accept": accept, "Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        raw = answer.read()
        return len(raw), len(gzip.decompress(raw) if answer.headers["Content-Encoding"] == "gzip" else raw)


class Process:
    """A child pinned to a core, ended by its own pid. It answers at self.base."""

    def __init__(self, core, argv, port=None, scheme="http", **more):
        self.port = port
        self.base = "%s://127.0.0.1:%d" % (scheme, port) if port else None
        self.began = time.monotonic()
        self.child = subprocess.Popen(["taskset", "-c", core] + argv, **more)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def wait_ready(self, path, seconds=20):
        while True:
            try:
                urllib.request.urlopen(self.base + path, timeout=5, context=TRUST)
                break
            except urllib.error.HTTPError:
                break  # it answers, if only that a key is missing
            except OSError:
                if self.child.poll() is not None or time.monotonic() - self.began > seconds:
                    self.__exit__()
                    sys.exit("bench: %s did not start" % self.child.args[3])
                time.sleep(0.002)
        self.ready_s = time.monotonic() - self.began
        return self

    def resident_mb(self):
        with open("/proc/%d/status" % self.child.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


    def cpu_s(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self.child.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Ava(Process):
    def __init__(self, build, work, **settings):
        port = free_port()
        self.data = tempfile.mkdtemp(dir=work)
        self.binary = os.path.join(build, "ava")
        env = {"PATH": os.environ["PATH"], "AVA_LISTEN": "127.0.0.1:%d" % port,
               "AVA_DATA_DIR": self.data, "AVA_THREADS": "1", "ENABLE_RATE_LIMITING": "false",
               "AVA_LOG_LEVEL": "warn", "DRAIN_DELAY_SECONDS": "0", **settings}
        self.kept = {name: env[name] for name in ("DATABASE_URL", "AVA_MASTER_KEYS") if name in env}
        with open(self.data + ".log", "w") as log:
            super().__init__(SERVER, [self.binary, "serve"], port, "https" if "AVA_TLS_CERT" in settings else "http", env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        self.wait_ready("/health/ready")

    def sign_up(self):
        link = next(line for line in self.child.stdout if "#t=" in line)
        token = re.search(r"#t=(\S+)", link)[1]
        call(self.base, "/api/v1/auth/setup", body={"token": token, "email": "bench@example.com",
                                                    "password": "a benchmark password"})
        self.key = self.new_key()

    def new_key(self, *more):
        return subprocess.run([self.binary, "key", "create", "--user", "bench@example.com",
                               "--name", "bench", "--data-dir", self.data, *more],
                              env={"PATH": os.environ["PATH"], **self.kept}, check=True, capture_output=True, text=True).stdout.strip()

    def connect_vapi(self):
        call(self.base, "/api/v1/credentials/vapi?verify=false", self.key,
             {"api_key": PROVIDER_KEY, "assistant_id": ASSISTANT}, "PUT")

    def use_both_cores(self):
        """The loop and the writer are two threads; the load shares the cores with them."""
        for task in os.listdir("/proc/%d/task" % self.child.pid):
            os.sched_setaffinity(int(task), {0, 1})


class Postgres(Process):
    """A server of its own, fsync on, in a folder that goes with the run; it refuses root."""

    PROGRAMS = "/usr/lib/postgresql/15/bin/"

    def __init__(self, work):
        self.folder = tempfile.mkdtemp(dir=work)
        port = free_port()
        who = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.getuid() == 0 else []
        if who:
            os.chmod(work, 0o755)
            shutil.chown(self.folder, "postgres", "postgres")
        data = os.path.join(self.folder, "data")
        subprocess.run(who + [self.PROGRAMS + "initdb", "-D", data, "-U", "ava", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8"],
                       check=True, cwd=self.folder, stdout=subprocess.DEVNULL)
        super().__init__("0,1", who + [self.PROGRAMS + "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                                       "-c", "unix_socket_directories=" + self.folder, "-c", "max_connections=100"],
                         cwd=self.folder, stderr=subprocess.DEVNULL)
        self.url = "postgresql://ava@127.0.0.1:%d/" % port
        while subprocess.run([self.PROGRAMS + "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
            time.sleep(0.02)
        self.count = 0

    def database(self):
        """The URL of a new one."""
        self.count += 1
        name = "bench_%d" % self.count
        subprocess.run([self.PROGRAMS + "createdb", "--maintenance-db", self.url + "postgres", name], check=True)
        return self.url + name


def fill(database, size):
    """Rows of old events, until the file is so large. Beside a running Ava."""
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as db:
        workspace = db.execute("SELECT id FROM workspaces LIMIT 1").fetchone()[0]
        first = 0
        while os.path.getsize(database) < size:
            db.execute("WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ? + 9999)"
                       " INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id,"
                       " received_at, settled_at, sealed) SELECT printf('evt_%012x7%019d', 1700000000000 + i, i), ?, 'vapi',"
                       " 'status-update', printf('call-%d', i), randomblob(32), 'done', 'load', unixepoch() * 1000 - i,"
                       " unixepoch() * 1000, CAST(X'A101' || randomblob(600) AS BLOB) FROM n", (first, first, workspace))
            db.commit()
            first += 10000


def provider(build, delay_ms):
    port = free_port()
    argv = [os.path.join(build, "tests/bench_provider"), "127.0.0.1:%d" % port, str(delay_ms)]
    return Process(LOAD, argv, port).wait_ready("/assistant/x")


# --- peers ----------------------------------------------------------------------------------------


def certificate(work):
    """A key on P-256 and its certificate, as most sites have them."""
    key, cert = os.path.join(work, "bench.key"), os.path.join(work, "bench.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=localhost"], check=True, capture_output=True)
    return cert, key


def nginx(work, location, provider_port, tls=None):
    port, folder = free_port(), tempfile.mkdtemp(dir=work)
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write("""daemon off; worker_processes 1; pid %s/pid; error_log /dev/null; user root;
events { worker_connections 20000; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path %s; proxy_temp_path %s;
fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
upstream provider { server 127.0.0.1:%d; keepalive 5000; keepalive_requests 100000000; }
server { listen 127.0.0.1:%d backlog=8192 %s; location / { %s } } }
""" % (folder, folder, folder, folder, folder, folder, provider_port, port,
       "ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate %s; ssl_certificate_key %s" % tls if tls else "", location))
    argv = ["nginx", "-p", folder, "-c", conf]
    return Process(SERVER, argv, port, "https" if tls else "http", stderr=subprocess.DEVNULL).wait_ready("/")


def nginx_static(work, body, provider_port, tls=None):
    return nginx(work, "default_type application/json; return 200 '%s';" % body, provider_port, tls)


def nginx_proxy(work, provider_port):
    return nginx(work, "proxy_pass http://provider; proxy_http_version 1.1; "
                       "proxy_set_header Connection '';", provider_port)


def haproxy(work, rules):
    port, folder = free_port(), tempfile.mkdtemp(dir=work)
    conf = os.path.join(folder, "haproxy.cfg")
    with open(conf, "w") as f:
        f.write("""global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
frontend front
  bind 127.0.0.1:%d backlog 8192
%s
""" % (port, rules))
    return Process(SERVER, ["haproxy", "-db", "-f", conf], port, stderr=subprocess.DEVNULL).wait_ready("/")


def haproxy_static(work, body):
    path = os.path.join(tempfile.mkdtemp(dir=work), "body.json")
    with open(path, "w") as f:
        f.write(body)
    return haproxy(work, "  http-request return status 200 content-type application/json file " + path)


def haproxy_proxy(work, provider_port):
    return haproxy(work, "  default_backend provider\nbackend provider\n"
                         "  server provider 127.0.0.1:%d pool-max-conn 5000" % provider_port)


def service_env(work, port, provider_base, cache_s):
    return {"PATH": os.environ["PATH"], "PYTHONPATH": PEERS, "PYTHONDONTWRITEBYTECODE": "1",
            "PROVIDER_URL": provider_base, "PROVIDER_KEY": PROVIDER_KEY, "ASSISTANT_ID": ASSISTANT,
            "API_KEY": PEER_KEY, "CACHE_TTL_SECONDS": str(cache_s), "PORT": str(port),
            "DATABASE": os.path.join(tempfile.mkdtemp(dir=work), "peer.db")}


def fastapi(work, module, provider_base, cache_s):
    port = free_port()
    argv = [PYTHON, "-m", "uvicorn", module + ":app", "--port", str(port), "--workers", "1",
            "--no-access-log", "--log-level", "warning"]
    env = service_env(work, port, provider_base, cache_s)
    return Process(SERVER, argv, port, env=env).wait_ready(SETTINGS)


def node(work, provider_base, cache_s):
    port = free_port()
    argv = [os.path.join(ROOT, "tools/node"), os.path.join(PEERS, "node_service.mjs")]
    env = service_env(work, port, provider_base, cache_s)
    return Process(SERVER, argv, port, env=env).wait_ready(SETTINGS)


# --- load -----------------------------------------------------------------------------------------


def wrk(url, connections, seconds, key=None, script=None):
    """Requests a second and the 99th percentile in ms. script: a file of Lua that says what is asked."""
    argv = ["taskset", "-c", LOAD, "wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--latency",
            "--timeout", "10s", url]
    if key:
        argv += ["-H", "Authorization: Bearer " + key]
    if script:
        argv += ["-s", script]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if bad:
        sys.exit("bench: %s answered %s times with an error" % (url, bad[1]))
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    scale = {"us": 1e-3, "ms": 1, "s": 1e3}[p99[2]]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), float(p99[1]) * scale


def metric(base, series):
    """The number of that series, labels and all; 0 where there is none."""
    text = urllib.request.urlopen(base + "/metrics", timeout=10).read().decode()
    return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series + " ")), 0)


def answered(base, route):
    """How many requests for the route were answered 2xx so far, as Ava counts them."""
    text = urllib.request.urlopen(base + "/metrics", timeout=10).read().decode()
    pattern = r'^\S*http_server_request_duration_seconds_count\{[^}]*route="%s"[^}]*status="2\d\d"[^}]*\} (\d+)' % re.escape(route)
    return sum(int(n) for n in re.findall(pattern, text, re.M))


def crowd(base, route, key, callers, seconds):
    """Callers who ask again as soon as they are answered, whatever they are answered: what was answered 2xx a
    second, in each half second once all are there, and the refusals a second as wrk counts them."""
    argv = ["taskset", "-c", LOAD, "wrk", "-t1", "-c%d" % callers, "-d%ds" % (seconds + 2), "--timeout", "20s",
            "-H", "Authorization: Bearer " + key, base + route]
    load = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)  # 6,000 connections take about a second
    slices, last, before = [], time.monotonic(), answered(base, route)
    for i in range(2 * seconds):
        time.sleep(max(0, last + 0.5 - time.monotonic()))
        now, count = time.monotonic(), answered(base, route)
        slices.append((count - before) / (now - last))
        last, before = now, count
    out = load.communicate()[0]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return slices, int(refused[1]) / (seconds + 2) if refused else 0


def paced(base, path, key, body, rate, seconds):
    """POSTs so many a second, whether or not those before were answered: what each took in ms, sorted."""
    began, took = time.monotonic() + 0.2, []
    local = threading.local()

    def post(i):
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(base.split("//")[1], timeout=10)
        data = json.dumps({**body, "subject": "Number %d" % i})
        time.sleep(max(0, began + i / rate - time.monotonic()))
        sent = time.monotonic()
        local.connection.request("POST", path, data, {"Authorization": "Bearer " + key, "Content-Type": "application/json"})
        answer = local.connection.getresponse()
        said = answer.read()
        took.append((time.monotonic() - sent) * 1000)
        if answer.status not in (200, 201):
            sys.exit("bench: %s answered %d: %s" % (path, answer.status, said[:300]))

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for done in [pool.submit(post, i) for i in range(rate * seconds)]:
            done.result()
    return sorted(took)


class Contest:
    """The same work done by several, in turn, round after round."""

    def __init__(self, title, goals):
        self.title = title
        self.goals = goals  # name of a peer, or "rate", "p99", "mb", to what is to be reached
        self.rates, self.p99s, self.mbs = {}, {}, {}

    def add(self, name, rate, p99=None, mb=None):
        self.rates.setdefault(name, []).append(rate)
        if p99 is not None:
            self.p99s.setdefault(name, []).append(p99)
        if mb is not None:
            self.mbs[name] = max(mb, self.mbs.get(name, 0))

    def rate(self, name):
        return statistics.median(self.rates[name])

    def p99(self, name):
        return statistics.median(self.p99s[name]) if name in self.p99s else None

    def ratio(self, name):
        """Ava's rate in this peer's, round by round."""
        return statistics.median(a / p for a, p in zip(self.rates["Ava"], self.rates[name]))

    def rows(self):
        """name, rate, p99, MB, ratio, goal; Ava first, numbers as text."""
        for name in self.rates:
            goals = [(name, "ratio %s")] if name != "Ava" else [("rate", "%s/s"), ("p99", "p99 %s ms"),
                                                                ("mb", "%s MB")]
            goal = ", ".join(text % self.goals[g] for g, text in goals if g in self.goals)
            p99, mb = self.p99(name), self.mbs.get(name)
            yield (name, "{:,.0f}".format(self.rate(name)), "" if p99 is None else "%.1f" % p99,
                   "" if mb is None else "%.0f" % mb,
                   "" if name == "Ava" else "%.2f" % self.ratio(name), goal)

    def show(self):
        print(self.title)
        for name, rate, p99, mb, ratio, goal in self.rows():
            print("  %-34s %9s/s%s%s%s%s" % (name, rate, p99 and "  p99 %6s ms" % p99,
                                             mb and "  %4s MB" % mb, ratio and "  ratio %6s" % ratio,
                                             goal and "  (goal: %s)" % goal), flush=True)
