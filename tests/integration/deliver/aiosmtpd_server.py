"""aiosmtpd, a server that is not ours: keeps every message in FOLDER as <n>, its envelope in <n>.json."""

import asyncio
import ctypes
import json
import os
import signal
import sys

from aiosmtpd.smtp import SMTP


class Keep:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        path = os.path.join(self.folder, str(self.count))
        self.count += 1
        with open(path, "wb") as file:
            file.write(envelope.original_content)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "options": envelope.mail_options,
                    "helo": session.host_name,
                },
                file,
                ensure_ascii=False,
            )
        return "250 2.0.0 kept"


async def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    handler = Keep(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, enable_SMTPUTF8=True, hostname="aiosmtpd.test"), "127.0.0.1", 0
    )
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
