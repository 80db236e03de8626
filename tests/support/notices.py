# SPDX-License-Identifier: Apache-2.0
"""Those who are told of alarms: a web server and an SMTP server that keep what they get."""

import base64
import http.server
import json
import socketserver
import ssl
import threading


class Hook:
    """A web server that keeps what is posted to it; `answers` are the next statuses, then 204; `says` is
    what stands below other statuses than 204."""

    def __init__(self, context=None):
        self.posts, self.answers, self.answered_with, self.says = [], [], [], b""
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.answers.pop(0) if hook.answers else 204
                hook.answered_with.append(status)
                hook.posts.append((self.headers, body))
                says = hook.says if status != 204 else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(says)))
                self.end_headers()
                try:
                    self.wfile.write(says)
                except OSError:
                    pass  # nobody reads so much

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self):
        return [json.loads(body) for _, body in self.posts]

    def taken(self):
        """Those that were answered with 204."""
        return [e for e, status in zip(self.events(), self.answered_with) if status == 204]

    def has_heard(self, name):
        return any(e["alarm"]["body"]["name"] == name for e in self.events())

    def has_taken(self, name):
        return any(e["alarm"]["body"]["name"] == name for e in self.taken())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Sink:
    """As much of an SMTP server as takes mail: `refuse` is what RCPT is answered, of those whose address
    has `refuse_only` in it; `later` are the next answers to who signs in, before it is looked at. With a context it
    speaks TLS, and wants to know who sends; with `starttls` only from STARTTLS on, which it offers
    unless it is told not to. `said` is what it was asked, with whether that was encrypted."""

    def __init__(self, context=None, starttls=False):
        self.mails, self.refuse, self.signed_in = [], None, []
        self.refuse_only, self.later = "", []
        self.offers, self.said = starttls, []
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def take(self):
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                sink.mails.append((self.to, b"".join(lines)))
                self.say("250 kept")

            def sign_in(self, text):
                if not text:
                    self.say("334 ")
                    text = self.rfile.readline().decode()
                sink.signed_in.append(base64.b64decode(text).split(b"\0")[1:])
                if sink.later:
                    self.say(sink.later.pop(0))
                    return
                good = sink.signed_in[-1] == [b"user", b"s3cret"]
                self.say("235 fine" if good else "535 no")

            def start_tls(self):
                self.say("220 go on")
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

            def greet(self):
                self.say("250-sink")
                if isinstance(self.connection, ssl.SSLSocket):
                    self.say("250-AUTH PLAIN")
                elif sink.offers:
                    self.say("250-STARTTLS")
                self.say("250 8BITMIME")

            def handle(self):
                try:
                    self.talk()
                except OSError:
                    pass  # it does not trust us, or has hung up
                finally:
                    self.connection.close()

            def talk(self):
                self.to = []
                self.say("220 sink")
                while line := self.rfile.readline().decode().strip():
                    word = line.upper()
                    sink.said.append((word.split()[0], isinstance(self.connection, ssl.SSLSocket)))
                    if word == "STARTTLS" and sink.offers:
                        self.start_tls()
                        continue
                    if word.startswith("RCPT TO:"):
                        self.to.append(line[8:].strip("<> "))
                    if word == "DATA":
                        self.take()
                    elif word.startswith("EHLO") and context:
                        self.greet()
                    elif word.startswith("AUTH PLAIN"):
                        self.sign_in(line[10:].strip())
                    elif word.startswith("RCPT TO:") and sink.refuse and sink.refuse_only in line:
                        self.say(sink.refuse)
                    else:
                        self.say("250 fine")
                    if word == "QUIT":
                        return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        if context and not starttls:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
