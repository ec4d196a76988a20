// One mail by SMTP, one command at a time.
import net from 'node:net';
import { createInterface } from 'node:readline';

export async function sendMail({ port, from, to, text }) {
  const socket = net.connect(port, '127.0.0.1');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const expect = async (code, sent) => {
    if (sent !== undefined) socket.write(`${sent}\r\n`);
    let line;
    do line = (await lines.next()).value;
    while (line?.[3] === '-');
    if (!line?.startsWith(code)) throw new Error(`"${sent?.slice(0, 80)}" was answered "${line}"`);
  };
  try {
    await expect('220');
    await expect('250', 'EHLO client.example');
    await expect('250', `MAIL FROM:<${from}>`);
    await expect('250', `RCPT TO:<${to}>`);
    await expect('354', 'DATA');
    await expect('250', `${text}.`);
    await expect('221', 'QUIT');
  } finally {
    socket.destroy();
  }
}
