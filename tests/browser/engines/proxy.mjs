// The link between a browser and the server, in the test's hand. It speaks HTTP/1.1 on loopback, so that a test can say which request
// is to be hit. Browsers get its address (give the server the same as ROUNDS_PUBLIC_URL) and never meet the server itself.
//
//   const link = await startProxy(serverPort);   // link.port, link.url: 'http://127.0.0.1:PORT', the same for the proxy's whole life
//   await link.cut();                            // open connections die, new ones are refused: no signal
//   await link.mend();                           // signal again, on the same port
//   link.dropRequests(1, /^POST .*clock-in/);    // the next request that fits dies before the server sees it
//   link.dropResponses(1, /^POST .*clock-in/);   // the next one reaches the server, which answers; the answer dies on the way
//   link.dropped                                 // how many have died by the two above
//   link.seen                                    // what reached the server, in order: { line: 'POST /path', headers, body }
//   link.rewrite = (line, body) => body; // changes text on its way back (another release's pages, say); null: 404
//   link.asked = (path) => path;         // changes the path on its way there
//   link.fault = (line) => 500;          // our server fails with this status, its page and the request's key; nothing: it is asked
//   await link.stop();
//
// A pattern is tried on 'METHOD /path?query'; without one every request fits.
import http from 'node:http';

const hopByHop = /^(connection|keep-alive|transfer-encoding|proxy-.*|te|trailer|upgrade)$/i;

/** Header lines as they came, without those that belong to one connection alone. */
function passedOn(raw) {
  const lines = [];
  for (let i = 0; i < raw.length; i += 2) if (!hopByHop.test(raw[i])) lines.push(raw[i], raw[i + 1]);
  return lines;
}

async function whole(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Below the range that outgoing connections take: nobody else gets this port while the link is cut. */
const anyPort = () => 20_000 + Math.floor(Math.random() * 12_000);

function listen(server, port) {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', fail);
      done();
    });
  });
}

/** Starts the proxy in front of 127.0.0.1:`target`. */
export async function startProxy(target) {
  const agent = new http.Agent({ keepAlive: true });
  const clients = new Set();
  const toDrop = { requests: { left: 0 }, responses: { left: 0 } };
  const link = { dropped: 0, seen: [] };

  const fits = (rule, line) => {
    if (rule.left === 0 || (rule.match && !rule.match.test(line))) return false;
    rule.left -= 1;
    link.dropped += 1;
    return true;
  };

  const pass = async (request, response) => {
    const line = `${request.method} ${request.url}`;
    const body = await whole(request);
    if (fits(toDrop.requests, line)) return request.socket.destroy();
    const status = link.fault?.(line);
    if (status) {
      link.failed = (link.failed ?? 0) + 1;
      response.writeHead(status, { 'content-type': 'text/html', 'x-rounds-key': request.headers['x-rounds-key'] ?? '' });
      return response.end('<body><p data-reason>Something broke on our side.</p>');
    }
    const dropAnswer = fits(toDrop.responses, line);
    link.seen.push({ line, headers: request.headers, body: body.toString('latin1') });
    let headers = passedOn(request.rawHeaders);
    // What is to be rewritten has to be readable.
    if (link.rewrite) headers = headers.map((v, i, all) => (i % 2 && /^accept-encoding$/i.test(all[i - 1]) ? 'identity' : v));
    const answer = await new Promise((done, fail) => {
      const out = http.request({ host: '127.0.0.1', port: target, method: request.method, path: link.asked?.(request.url) ?? request.url, headers, agent, setHost: false });
      out.on('response', done).on('error', fail);
      // An open stream ends with its reader; any other request runs on, as it would in a server that nobody listens to any more.
      response.on('close', () => /event-stream/.test(request.headers.accept ?? '') && out.destroy());
      out.end(body);
    });
    if (dropAnswer) {
      await whole(answer);
      return request.socket.destroy();
    }
    if (link.rewrite && /html|javascript|json/.test(answer.headers['content-type'] ?? '')) {
      const text = link.rewrite(line, (await whole(answer)).toString());
      const lines = passedOn(answer.rawHeaders).flatMap((v, i, all) => (i % 2 || /^content-length$/i.test(v) ? [] : [v, all[i + 1]]));
      response.writeHead(text === null ? 404 : answer.statusCode, lines);
      return response.end(text ?? '');
    }
    response.writeHead(answer.statusCode, answer.statusMessage, passedOn(answer.rawHeaders));
    response.flushHeaders();
    answer.on('error', () => request.socket.destroy());
    answer.pipe(response);
  };

  const server = http.createServer((request, response) => {
    pass(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
  });

  for (let tries = 20; !server.listening; tries -= 1) {
    await listen(server, anyPort()).catch((error) => {
      if (error.code !== 'EADDRINUSE' || tries === 0) throw error;
    });
  }
  link.port = server.address().port;
  link.url = `http://127.0.0.1:${link.port}`;

  link.cut = () => new Promise((done) => {
    if (!server.listening) return done();
    server.close(() => done());
    for (const socket of clients) socket.destroy();
  });
  link.mend = () => (server.listening ? Promise.resolve() : listen(server, link.port));
  link.dropRequests = (left = 1, match = undefined) => { toDrop.requests = { left, match }; };
  link.dropResponses = (left = 1, match = undefined) => { toDrop.responses = { left, match }; };
  link.stop = async () => {
    await link.cut();
    agent.destroy();
  };
  return link;
}
