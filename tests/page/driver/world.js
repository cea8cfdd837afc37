// An edge, three regions of apps that do as they are told, and visitors that do not stop.

'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Process, eventually } = require('../../apps/driver/processes');

const REGIONS = [
  { name: 'us-east', prefix: 'east', location: '{latitude: 39.04, longitude: -77.49}', capacity: 200 },
  { name: 'us-central', prefix: 'central', location: '{latitude: 41.26, longitude: -95.86}', capacity: 30 },
  { name: 'us-west', prefix: 'west', location: '{latitude: 45.6, longitude: -121.18}', capacity: 100 },
];

const OPERATE = 'homeward_T3BlcmF0ZU9wZXJhdGVPcGVyYXRlT3BlcmF0ZTAx';
const READ = 'homeward_UmVhZFJlYWRSZWFkUmVhZFJlYWRSZWFkUmVhZDAx';
const SCRIPT = '<script>document.title="broken in"</script><img src=x onerror=document.title="broken in">';

/** The app of one region. */
class App {
  fails = false;

  async start() {
    this.server = http.createServer((request, response) => {
      if (request.url === '/events') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write(': hello\n\n');
      } else {
        response.writeHead(this.fails ? 500 : 200).end('hello\n');
      }
    });
    await new Promise((resolve) => this.server.listen(this.port ?? 0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

class World {
  constructor(directory) {
    this.directory = directory;
    this.apps = REGIONS.map(() => new App());
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 40 });
  }

  /** Starts an edge whose admin address is on loopback; where `open`, on every address, with TLS. */
  async start({ open = false } = {}) {
    await Promise.all(this.apps.map((app) => app.start()));
    fs.copyFileSync(process.env.PLACES, this.file('places.mmdb'));
    fs.writeFileSync(this.file('admin.tokens'), `operate:${OPERATE}\nread:${READ}\n`, { mode: 0o600 });
    this.save(this.table());
    let admin = 'address: "127.0.0.1:0"';
    if (open) {
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-keyout', this.file('admin.key'), '-out', this.file('admin.pem'), ...subject], { stdio: 'ignore' });
      admin = 'address: "0.0.0.0:0", tls: {certificate: admin.pem, key: admin.key}';
    }
    fs.writeFileSync(this.file('homeward.yaml'), `version: 1
region: us-west
listen: [{address: "127.0.0.1:0"}]
geoip: {database: places.mmdb}
routing: {file: routing.yaml}
admin: {${admin}, socket: run/admin.sock, token_file: admin.tokens}
state: run
access_log: {file: access.log}
threads: 2
`);
    const name = open ? 'edge that others reach' : 'edge';
    this.edge = new Process(name, process.env.HOMEWARD, ['run', '--config', 'homeward.yaml'], { cwd: this.directory });
    this.port = Number((await this.edge.said(/serves on 127\.0\.0\.1:(\d+)/))[1]);
    const [, scheme, port] = await this.edge.said(/admin address is (https?):\/\/[\d.]+:(\d+)/);
    this.admin = `${scheme}://${open ? 'localhost' : '127.0.0.1'}:${port}`;
  }

  file(name) {
    return path.join(this.directory, name);
  }

  table(more = '') {
    const regions = REGIONS.map(({ name, prefix, location, capacity }) =>
      `  ${name}: {session_prefix: ${prefix}, location: ${location}, capacity: ${capacity}/s}`);
    const pools = REGIONS.map(({ name }, nth) => `      ${name}: ["127.0.0.1:${this.apps[nth].port}"]`);
    return `version: 1
regions:
${regions.join('\n')}
homes:
  - subdivisions: [US-CA, US-OR, US-WA]
    region: us-west
  - otherwise: nearest
services:
  portal:
    hosts: ["*"]
    session: {cookie: sid}
    pools:
${pools.join('\n')}
${more}`;
  }

  save(text) {
    fs.writeFileSync(this.file('routing.yaml.new'), text);
    fs.renameSync(this.file('routing.yaml.new'), this.file('routing.yaml'));
  }

  async status() {
    return (await fetch(`${this.admin}/api/v1/status`)).json();
  }

  async until(what, condition) {
    return eventually(what, async () => condition(await this.status()));
  }

  /** One request; what comes of it matters to nobody. */
  ask(target, localAddress, headers = {}) {
    const options = { host: '127.0.0.1', port: this.port, path: target, localAddress, headers, agent: this.agent };
    return new Promise((resolve) => {
      const request = http.get(options, (response) => {
        response.resume().on('end', resolve).on('error', resolve);
      });
      request.on('error', resolve);
    });
  }

  /** Visitors from east and west, with sessions and without, forty requests a second. */
  visit() {
    let nth = 0;
    this.visitors = setInterval(() => {
      nth += 1;
      const from = nth % 3 ? '127.10.0.1' : '127.11.0.1';
      const home = ['east', 'east', 'central', 'west', null][nth % 5];
      this.ask('/', from, home ? { Cookie: `sid=${home}-${nth % 7}` } : {});
    }, 25);
  }

  /** Opens a stream of events of a session at home in `prefix`. */
  async stream(prefix) {
    const options = { host: '127.0.0.1', port: this.port, path: '/events', headers: { Cookie: `sid=${prefix}-1` } };
    return new Promise((resolve, reject) => {
      const request = http.get(options, (response) => {
        const stream = { request, response, ended: false, broke: false };
        response.on('data', () => {});
        response.on('end', () => (stream.ended = true));
        response.on('error', () => (stream.broke = true));
        resolve(stream);
      });
      request.on('error', reject);
    });
  }

  async stop() {
    clearInterval(this.visitors);
    await this.edge?.stop();
    this.apps.forEach((app) => app.stop());
    this.agent.destroy();
  }
}

module.exports = { World, REGIONS, OPERATE, READ, SCRIPT };
