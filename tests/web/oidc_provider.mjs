// SPDX-License-Identifier: GPL-2.0-or-later
// An OpenID provider: node oidc_provider.mjs FOLDER_WITH_NODE_MODULES KEY CRT, on https://localhost:9444.  Anybody may log in by any password (its
// development interactions); the groups of a user are those below.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';

const [modules, key, cert] = process.argv.slice(2);
const { default: Provider } = await import(path.resolve(modules, 'node_modules/oidc-provider/lib/index.js'));
const groups = { anna: ['staff', 'admins'], carl: ['controllers'], mona: ['operators'], gus: ['staff'] };

const provider = new Provider('https://localhost:9444', {
	clients: [{
		client_id: 'safekit', client_secret: 'Secret0', redirect_uris: ['https://localhost:9453/openid'],
		response_types: ['code'], grant_types: ['authorization_code'],
	}],
	pkce: { methods: ['S256'], required: () => true },
	claims: { openid: ['sub', 'preferred_username', 'groups'] },
	cookies: { keys: ['a key of this test'] },
	findAccount: (ctx, id) => ({
		accountId: id,
		claims: () => ({ sub: `id of ${id}`, preferred_username: id, groups: groups[id] ?? [] }),
	}),
});
https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, provider.callback())
	.listen(9444, '127.0.0.1', () => console.log('listening'));
