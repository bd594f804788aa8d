"""The proxies that are compared, each set up for this job as its own manual advises: one worker,
keep-alive towards the backend, no access log, and the same headers added to each request. Clients
speak HTTP/1.1 ("h1"), HTTP/2 by prior knowledge ("h2c") or HTTP/2 over TLS by ALPN ("h2")."""

import os
import shutil
import subprocess
import time

from . import processes

PROXY_CPU = 0
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
PROGRAMS = os.environ.get("POINTSMAN_PROGRAMS", os.path.join(ROOT, "build", "bench", "bin"))

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/t1;
  proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
  scgi_temp_path {folder}/t5;
  upstream service {{
    server 127.0.0.1:{backend}; keepalive 1024; keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096{front};
    location / {{
      proxy_pass http://service; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-ID $request_id;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
  timeout http-request 10s
frontend in
  bind 127.0.0.1:{port} backlog 4096{front}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Request-ID %[uuid()]
  default_backend service
backend service
  http-reuse always
  server one 127.0.0.1:{backend} pool-max-conn 1024
"""

CADDY = """
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{backend} {{
    header_up X-Request-ID {{http.request.uuid}}
    transport http {{
      keepalive_idle_conns_per_host 1024
    }}
  }}
}}
"""

H2O = """
num-threads: 1
max-connections: 8192
error-log: /dev/null
listen: {{host: 127.0.0.1, port: {port}}}
proxy.timeout.keepalive: 60000
hosts:
  default:
    paths:
      /:
        proxy.reverse.url: "http://127.0.0.1:{backend}/"
        proxy.preserve-host: ON
"""

PROTOCOLS = ["h1", "h2c", "h2"]

# What stands behind the address, by protocol. nginx 1.22 has to be asked for TLS 1.3.
FRONTS = {
    "pointsman": {"h2": ",certificate={certificate},key={certificate}.key"},
    "nginx": {
        "h2c": " http2",
        "h2": " ssl http2; ssl_protocols TLSv1.3; "
        "ssl_certificate {certificate}; ssl_certificate_key {certificate}.key",
    },
    "haproxy": {"h2c": " proto h2", "h2": " ssl crt {certificate} alpn h2"},
}

# Those that speak HTTP/2 in all these ways.
HTTP2_PEERS = list(FRONTS)


def scheme(protocol):
    return "https" if protocol == "h2" else "http"


def front(name, protocol, folder):
    """What makes this proxy speak the protocol. A certificate that is needed lies in the folder."""
    certificate = os.path.join(folder, "front.pem")
    return FRONTS.get(name, {}).get(protocol, "").format(certificate=certificate)


def configuration(name, text, folder, port, backend, protocol="h1"):
    """One of the texts above, filled in."""
    return text.format(
        folder=folder,
        port=port,
        backend=backend,
        front=front(name, protocol, folder),
        scheme=scheme(protocol),
    )


def make_certificate(folder):
    """A new one of its own, for TLS; what HAProxy looks for stands in FILE and FILE.key."""
    path = os.path.join(folder, "front.pem")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, *name, "-keyout", path + ".key", "-out", path],
        check=True,
        capture_output=True,
    )


class Peer:
    """One proxy that runs in front of one backend, for clients of one protocol. The rest is for
    ours: another program, what it runs under, more workers and CPUs, environment variables."""

    def __init__(
        self,
        name,
        folder,
        backend_port,
        program="pointsman-proxy",
        wrapper=(),
        workers=1,
        environment=None,
        protocol="h1",
    ):
        self.name = name
        self.protocol = protocol
        self.program = program
        self.wrapper = list(wrapper)
        self.workers = workers
        self.environment = dict(os.environ, **(environment or {}))
        self.cpus = {PROXY_CPU} if workers == 1 else set(range(os.cpu_count()))
        self.port = processes.free_port()
        self.others = []
        os.makedirs(folder, exist_ok=True)
        if protocol == "h2":
            make_certificate(folder)
        STARTERS[name](self, folder, backend_port)
        processes.wait_for_port(self.port, self.process)

    def _write(self, folder, file_name, text, backend_port):
        path = os.path.join(folder, file_name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                configuration(self.name, text, folder, self.port, backend_port, self.protocol)
            )
        return path

    def url(self, path):
        return f"{scheme(self.protocol)}://127.0.0.1:{self.port}/{path}"

    def _run(self, folder, arguments):
        log = os.path.join(folder, self.name + ".log")
        self.process = processes.start(arguments, self.cpus, log, self.environment)

    def start_nginx(self, folder, backend_port):
        path = self._write(folder, "nginx.conf", NGINX, backend_port)
        self._run(folder, ["nginx", "-e", "stderr", "-p", folder, "-c", path])

    def start_haproxy(self, folder, backend_port):
        path = self._write(folder, "haproxy.cfg", HAPROXY, backend_port)
        self._run(folder, ["haproxy", "-db", "-f", path])

    def start_caddy(self, folder, backend_port):
        path = self._write(folder, "Caddyfile", CADDY, backend_port)
        self.environment.update(GOMAXPROCS="1", HOME=folder)
        self._run(folder, ["caddy", "run", "--adapter", "caddyfile", "--config", path])

    def start_h2o(self, folder, backend_port):
        path = self._write(folder, "h2o.conf", H2O, backend_port)
        self._run(folder, ["h2o", "-m", "worker", "-c", path])

    def start_relay(self, folder, backend_port):
        relay = os.path.join(PROGRAMS, "bench_relay")
        self._run(folder, [relay, str(self.port), str(backend_port)])

    def start_pointsman(self, folder, backend_port):
        self.socket = os.path.join(folder, "control.sock")
        control = [
            os.path.join(PROGRAMS, "pointsman-control"),
            "--database=" + os.path.join(folder, "routes.db"),
            "--socket=" + self.socket,
        ]
        self.others.append(
            processes.start(control, {1}, os.path.join(folder, "pointsman-control.log"))
        )
        self._run(
            folder,
            self.wrapper
            + [
                os.path.join(PROGRAMS, self.program),
                f"--listen=127.0.0.1:{self.port}" + front(self.name, self.protocol, folder),
                f"--admin=127.0.0.1:{processes.free_port()}",
                "--control=" + self.socket,
                "--local-copy=" + os.path.join(folder, "routes.copy"),
                f"--workers={self.workers}",
            ],
        )
        processes.wait_for_port(self.port, self.process)
        self._until_control_answers()
        self.routectl("add", "service", "--path-prefix=/", f"--to=http://127.0.0.1:{backend_port}")

    def _until_control_answers(self):
        for _ in range(250):
            if subprocess.run(self._routectl(["health"]), capture_output=True).returncode == 0:
                return
            time.sleep(0.02)
        raise RuntimeError("pointsman-control does not answer")

    def _routectl(self, arguments):
        return [os.path.join(PROGRAMS, "routectl"), "--socket", self.socket] + arguments

    def routectl(self, *arguments):
        subprocess.run(self._routectl(list(arguments)), check=True, capture_output=True, timeout=60)

    def cpu_ns(self):
        return processes.cpu_ns(processes.family(self.process.pid))

    def memory_kib(self):
        return processes.memory_kib(processes.family(self.process.pid))

    def stop(self):
        processes.stop(self.process)
        for process in self.others:
            processes.stop(process)


STARTERS = {
    "pointsman": Peer.start_pointsman,
    "nginx": Peer.start_nginx,
    "haproxy": Peer.start_haproxy,
    "caddy": Peer.start_caddy,
    "h2o": Peer.start_h2o,
    "relay": Peer.start_relay,
}


def is_installed(name):
    if name in ("pointsman", "relay"):
        return os.path.exists(os.path.join(PROGRAMS, "bench_relay"))
    return shutil.which(name) is not None


class Backend:
    """The service behind, which may take its time: service.c."""

    def __init__(self, cpu, delay_ms=0):
        self.port = processes.free_port()
        program = os.path.join(PROGRAMS, "bench_service")
        self.process = processes.start([program, str(self.port), str(delay_ms)], {cpu})
        processes.wait_for_port(self.port, self.process)

    def stop(self):
        processes.stop(self.process)
