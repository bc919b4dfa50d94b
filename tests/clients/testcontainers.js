// testcontainers against the engine, log, one-shot, message and HTTP wait strategies, files, reuse, errors, networks and mapped ports.
'use strict';
const { GenericContainer, Network, Wait, getContainerRuntimeClient } = require('testcontainers');

const check = (name, good, more) => console.log(`${good ? 'ok' : 'not ok'} - testcontainers: ${name}${good || more === undefined ? '' : `\n#   ${JSON.stringify(more)}`}`);
const text = (stream) => new Promise((done) => {
	let t = '';
	stream.on('data', (d) => { t += d; }).on('end', () => done(t));
});

const user = process.env.POSTERN_ENGINE === 'single' ? '0:0' : '1000:1000'; // one id is all that there is

async function main() {
	setInterval(() => 0, 1000); // logs alone do not keep node alive
	const runtime = await getContainerRuntimeClient();
	check('finds the engine', runtime.info.containerRuntime.operatingSystem.length > 0, runtime.info);

	const one = await new GenericContainer('busybox').withNetworkMode('none').withCommand(['sh', '-c', 'sleep 0.2; echo ready; sleep 1000'])
		.withEnvironment({ A: 'b' }).withLabels({ made: 'testcontainers' }).withWaitStrategy(Wait.forLogMessage('ready')).start();
	check('waits for a message', one.getId().length === 64);
	check('labels', one.getLabels().made === 'testcontainers', one.getLabels());
	check('name', one.getName().length > 0);
	const logs = await one.logs();
	logs.on('data', () => 0);
	logs.destroy();
	await one.stop();
	check('stop removes', await runtime.container.getById(one.getId()).inspect().then(() => false, (e) => e.statusCode === 404));

	const shot = await new GenericContainer('busybox').withNetworkMode('none').withCommand(['sh', '-c', 'echo done'])
		.withWaitStrategy(Wait.forOneShotStartup()).start();
	check('waits for its end', (await text(await shot.logs())).includes('done'));
	await shot.stop();

	check('an end with an error is told', await new GenericContainer('busybox').withNetworkMode('none').withCommand(['false'])
		.withWaitStrategy(Wait.forOneShotStartup()).start().then(() => false, (e) => /Container exited with code 1|Container stopped/.test(e.message) || e.message));
	check('a message that does not come in time is told', await new GenericContainer('busybox').withNetworkMode('none').withCommand(['sleep', '100'])
		.withWaitStrategy(Wait.forLogMessage('never')).withStartupTimeout(1500).start().then(() => false, (e) => /Log message .* not received/.test(e.message) || e.message));

	const network = await new Network().start();
	const web = await new GenericContainer('busybox').withNetwork(network).withNetworkAliases('web').withExposedPorts(80)
		.withCommand(['sh', '-c', 'echo hi >/tmp/index.html; exec httpd -f -p 80 -h /tmp']).withWaitStrategy(Wait.forHttp('/', 80)).start();
	check('a mapped port', (await (await fetch(`http://127.0.0.1:${web.getMappedPort(80)}/`)).text()) === 'hi\n');
	const guest = await new GenericContainer('busybox').withNetwork(network).withCommand(['wget', '-qO-', 'http://web/'])
		.withWaitStrategy(Wait.forOneShotStartup()).start();
	check('by alias from another container', (await text(await guest.logs())).includes('hi'));
	await guest.stop();
	await web.stop();
	await network.stop();

	const twice = await new GenericContainer('busybox').withNetworkMode('none').withCommand(['sh', '-c', 'for i in 1 2 3; do echo tick; done; sleep 1000'])
		.withTmpFs({ '/scratch': 'rw,size=64k' }).withUser(user).withWorkingDir('/tmp').withPrivilegedMode(false)
		.withResourcesQuota({ memory: 0.0625 }).withSharedMemorySize(1 << 20).withWaitStrategy(Wait.forLogMessage(/tick/, 3)).start();
	check('options, and a message three times', (await runtime.container.getById(twice.getId()).inspect()).Config.User === user);
	await twice.restart();
	check('restart', (await runtime.container.getById(twice.getId()).inspect()).State.Running);
	await twice.stop({ remove: true, removeVolumes: true });
}

main().then(() => process.exit(0), (e) => { console.log(`not ok - testcontainers: ended early\n#   ${e.stack}`); process.exit(1); });
