// What stands before Rounds on the internet: ends TLS 1.3, speaks HTTP/2 and HTTP/1.1, keeps connections, hands on to a Unix socket
// (which reaches across network namespaces). Runs as a child with a channel to its parent: `{ listening: true }` once, then
// `{ request: {…} }` for each request when its answer has left. Nothing else tells what really went over the wire: a browser's own
// log also lists what its cache and its service worker answered.
//   node tls.mjs ADDRESS PORT FOLDER      FOLDER holds key.pem, chain.pem and rounds.sock
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';

const [address, port, folder] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
const ofConnection = /^(:.*|connection|keep-alive|transfer-encoding|upgrade|http2-settings)$/i;
const server = http2.createSecureServer({
  allowHTTP1: true,
  minVersion: 'TLSv1.3',
  key: readFileSync(join(folder, 'key.pem')),
  cert: readFileSync(join(folder, 'chain.pem')),
});

const kept = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.test(name)));

// Every connection passes for a network of its own, as phones do: limits are for those who come too often.
server.on('request', (request, response) => {
  const headers = {
    ...kept(request.headers),
    host: request.headers[':authority'] ?? request.headers.host,
    'x-forwarded-for': `10.${request.socket.remotePort >> 8}.${request.socket.remotePort & 255}.1`,
    'x-forwarded-proto': 'https',
  };
  const seen = { at: Date.now(), method: request.method, path: request.url, bytes: 0 };
  const out = http.request({ socketPath: join(folder, 'rounds.sock'), agent, method: request.method, path: request.url, headers }, (answer) => {
    seen.status = answer.statusCode;
    seen.type = (answer.headers['content-type'] ?? '').split(';')[0];
    response.writeHead(answer.statusCode, kept(answer.headers));
    answer.on('data', (chunk) => { seen.bytes += chunk.length; });
    answer.pipe(response);
  });
  out.on('error', () => response.destroy());
  response.on('close', () => {
    out.destroy();
    process.send({ request: { ...seen, until: Date.now(), dest: request.headers['sec-fetch-dest'] ?? '' } });
  });
  request.pipe(out);
});
server.on('sessionError', () => {});
server.on('tlsClientError', () => {});

server.listen(Number(port), address, () => process.send({ listening: true }));
process.on('disconnect', () => process.exit());
