# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus as a child process on loopback, scraping a test's aggregator."""

import json
import subprocess
import urllib.parse
import urllib.request

from tests.support.fleet import Daemon
from tests.support.ports import free_port
from tests.support.rest import DEADLINE, wait_until

AUTH = """
    authorization: {{type: Bearer, credentials: {token}}}
    tls_config: {{ca_file: {ca}}}
"""


class Prometheus(Daemon):
    """`jobs`: the text of scrape_configs, with {auth}, {where}, {url} and {sd_auth} to be filled in; or
    `text`: all of the configuration."""

    def __init__(self, fleet, folder, jobs="", interval="2s", options=(), port=0, text=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        token, ca = (fleet.folder / "token").read_text().strip(), fleet.state / "ca.crt"
        auth = AUTH.format(token=token, ca=ca)
        config = folder / "prometheus.yml"
        config.write_text(text or f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
                          "scrape_configs:\n" + jobs.format(
                              auth=auth, where=f"127.0.0.1:{fleet.port}", url=fleet.url,
                              sd_auth=auth.replace("\n    ", "\n        ")))
        super().__init__(["prometheus", f"--config.file={config}",
                          f"--storage.tsdb.path={folder}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}", *options],
                         folder / "prometheus.log")

    def start(self):
        super().start()
        wait_until("Prometheus serves", self.ready)
        return self

    def ready(self):
        assert self.running(), self.text()[-3000:]
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=DEADLINE) as reply:
                return reply.status == 200
        except OSError:
            return False

    def api(self, path, **query):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=DEADLINE) as reply:
            return json.load(reply)["data"]

    def query(self, expression):
        """[(labels, value)]"""
        return [(r["metric"], float(r["value"][1]))
                for r in self.api("query", query=expression)["result"]]

    def scalar(self, expression):
        found = self.query(expression)
        return found[0][1] if found else None


def promtool(page):
    """What `promtool check metrics` has to say of a page; "" when it is content."""
    done = subprocess.run(["promtool", "check", "metrics"], input=page, text=True,
                          capture_output=True, check=False)
    return done.stdout + done.stderr
