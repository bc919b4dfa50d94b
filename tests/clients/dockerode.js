// dockerode against the engine: create, start, attach, logs, wait, inspect, events, remove, images, volumes, and put and get of files.
'use strict';
const Docker = require('dockerode');
const fs = require('fs');
const { PassThrough } = require('stream');

const docker = new Docker({ socketPath: process.env.POSTERN_SOCKET });
const check = (name, good, more) => console.log(`${good ? 'ok' : 'not ok'} - dockerode: ${name}${good || more === undefined ? '' : `\n#   ${JSON.stringify(more)}`}`);
const collect = (stream) => new Promise((done, fail) => {
	let text = '';
	stream.on('data', (d) => { text += d; });
	stream.on('end', () => done(text));
	stream.on('error', fail);
});
const fails = async (name, status, words, f) => {
	try {
		await f();
		check(name, false, 'it succeeded');
	} catch (e) {
		check(name, e.statusCode === status && e.message.includes(words), [e.statusCode, e.message]);
	}
};
const tarFile = (name, text) => { // ustar, one file
	const head = Buffer.alloc(512), data = Buffer.alloc(512);
	head.write(name, 0);
	head.write('0000644\0' + '0000000\0' + '0000000\0' + text.length.toString(8).padStart(11, '0') + '\0' + '00000000000\0', 100);
	head.write('        0', 148);
	head.write('ustar\x0000', 257);
	head.write(head.reduce((a, b) => a + b, 0).toString(8).padStart(6, '0') + '\0 ', 148);
	data.write(text);
	return Buffer.concat([head, data, Buffer.alloc(1024)]);
};

async function main() {
	check('ping', (await docker.ping()).toString() === 'OK');
	check('version', (await docker.version()).ApiVersion === '1.47');
	check('info', (await docker.info()).OSType === 'linux');
	check('df', (await docker.df()).Images.length >= 1);

	const out = new PassThrough(), err = new PassThrough(), texts = ['', ''];
	// run() waits for the container's end, not for the last of its output
	const both = new Promise((done) => [out, err].forEach((s, i) => s.on('data', (d) => { texts[i] += d; if (texts[0] && texts[1]) done(); })));
	const [end, ran] = await docker.run('busybox', ['sh', '-c', 'echo out; echo err >&2; exit 3'], [out, err],
		{ Tty: false, HostConfig: { NetworkMode: 'none' } });
	await Promise.race([both, new Promise((late) => setTimeout(late, 5000).unref())]);
	check('run', end.StatusCode === 3 && texts[0] === 'out\n' && texts[1] === 'err\n', [end, texts]);
	await ran.remove();

	const c = await docker.createContainer({ name: 'ode', Image: 'busybox', Cmd: ['sh', '-c', 'read l; echo got $l; sleep 1000'], OpenStdin: true, StdinOnce: true,
		AttachStdin: true, AttachStdout: true, AttachStderr: true, Labels: { made: 'dockerode' }, Env: ['A=b'], HostConfig: { NetworkMode: 'none' } });
	const stream = await c.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
	const attached = new PassThrough();
	docker.modem.demuxStream(stream, attached, attached);
	const events = [], watching = await docker.getEvents({ filters: { container: [c.id] } });
	watching.on('data', (d) => events.push(...d.toString().trim().split('\n').map((l) => JSON.parse(l).Action)));
	await c.start();
	stream.write('hello\n');
	const first = await new Promise((done) => attached.once('data', (d) => done(d.toString())));
	check('attach: input and output', first === 'got hello\n', first);
	const seen = await c.inspect();
	check('inspect', seen.State.Running && seen.Name === '/ode' && seen.Config.Env.includes('A=b') && seen.State.Pid > 0, seen.State);
	check('list by label', (await docker.listContainers({ filters: { label: ['made=dockerode'] } })).map((x) => x.Id).join() === c.id);
	check('top', (await c.top()).Processes.length === 2 || (await c.top()).Processes.length === 1);
	let logs = ''; // an attached client may hear it before the log has it
	for (let i = 0; i < 100 && !logs.includes('got hello'); i++)
		logs = (await c.logs({ stdout: true, stderr: true })).toString();
	check('logs', logs.includes('got hello'), logs);
	const follow = await c.logs({ follow: true, stdout: true });
	const followed = collect(follow);
	await fails('start again is 304', 304, '', () => c.start());
	await fails('remove of a running one', 409, 'container is running', () => c.remove());
	await c.pause().then(async () => { check('pause', (await c.inspect()).State.Paused); await c.unpause(); },
		(e) => check('pause, or why not', e.statusCode >= 400 && e.message.length > 20, e.message));
	const waiting = c.wait();
	await c.kill();
	check('wait', (await waiting).StatusCode === 137);
	check('logs follow to the end', (await followed).includes('got hello'));
	await c.rename({ name: 'ode2' });
	check('rename', (await docker.getContainer('ode2').inspect()).Id === c.id);
	await c.remove({ v: true });
	watching.destroy();
	check('events', ['start', 'kill', 'die', 'rename'].every((e) => events.includes(e)), events);
	await fails('a container that is not there', 404, 'No such container', () => docker.getContainer('ode').inspect());
	await fails('an image that is not there', 404, 'No such image', () => docker.createContainer({ Image: 'none' }));
	await fails('a command that is not there', 400, 'executable file not found', async () => {
		const bad = await docker.createContainer({ Image: 'busybox', Cmd: ['no-such'], HostConfig: { NetworkMode: 'none' } });
		try { await bad.start(); } finally { await bad.remove(); }
	});

	const tty = await docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', 'stty size; echo plain'], Tty: true, HostConfig: { NetworkMode: 'none' } });
	const screen = await tty.attach({ stream: true, stdout: true });
	const shown = collect(screen);
	await tty.start();
	await tty.resize({ h: 40, w: 100 }).catch(() => 0); // it may have ended
	check('a terminal', (await shown).includes('plain\r\n'), await shown);
	await tty.remove({ force: true });

	const volume = await docker.createVolume({ Name: 'odevol', Labels: { a: 'b' } });
	check('volume', (await docker.getVolume('odevol').inspect()).Labels.a === 'b' && (await docker.listVolumes()).Volumes.length === 1);
	await docker.getVolume(volume.Name || 'odevol').remove();

	const image = await docker.loadImage(process.argv[2]);
	check('load', (await collect(image)).includes('Loaded image'));
	check('image', (await docker.getImage('busybox').inspect()).RepoTags.includes('busybox:latest') && (await docker.getImage('busybox').history()).length >= 1);
	await docker.getImage('busybox').tag({ repo: 'mine', tag: '1' });
	check('tag and list', (await docker.listImages({ filters: { reference: ['mine:1'] } })).length === 1);
	await docker.getImage('mine:1').remove();
	check('save', (await collect(await docker.getImage('busybox').get())).length > 1000000);

	// What is not there yet says so, by name.
	const files = await docker.createContainer({ Image: 'busybox', Cmd: ['cat', '/tmp/put'], HostConfig: { NetworkMode: 'none' } });
	await fails('put of a file', 501, '(cp) is not available', () => files.putArchive(tarFile('put', 'put it\n'), { path: '/tmp' }));
	await fails('get of a file', 501, '(cp) is not available', () => files.getArchive({ path: '/tmp/put' }));
	await fails('exec', 501, 'exec is not available', () => files.exec({ Cmd: ['true'] }));
	check('export', (await collect(await files.export())).length > 1000000);
	await files.remove();
	const pruned = await docker.pruneContainers();
	check('prune', pruned.SpaceReclaimed >= 0, pruned);
	check('nothing is left', (await docker.listContainers({ all: true })).length === 0);
}

main().then(() => process.exit(0), (e) => { console.log(`not ok - dockerode: ended early\n#   ${e.stack}`); process.exit(1); });
