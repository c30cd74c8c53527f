/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of docs/w2.md as pages: node build.mjs OUTDIR ROOT. All blocks fenced as "js sipjs" are one module, in
 * their order, all blocks fenced as "js jssip" another: what the document shows is what the lab runs.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const src = join(dirname(fileURLToPath(import.meta.url)), 'src');
const [out, root] = process.argv.slice(2);

if (!root) {
	console.error('usage: node build.mjs OUTDIR ROOT');
	process.exit(2);
}

function program(text, name) {
	const blocks = [...text.matchAll(new RegExp(`^\`\`\`js(?: \\w+)* ${name}(?: \\w+)*\n(.*?)^\`\`\`$`, 'gms'))];

	if (!blocks.length)
		throw new Error(`docs/w2.md has no block "js ${name}"`);
	return blocks.map((b) => b[1]).join('\n');
}

const text = readFileSync(join(root, 'docs/w2.md'), 'utf8');

mkdirSync(out, { recursive: true });
for (const [name, page] of [['sipjs', 'index.html'], ['jssip', 'jssip.html']]) {
	writeFileSync(join(src, `doc-${name}.js`), program(text, name));
	await build({
		stdin: {
			contents: `import * as api from './doc-${name}.js'; import { show } from './page.js'; show(api);`,
			resolveDir: src,
		},
		outfile: join(out, `${name}.js`),
		bundle: true,
		format: 'iife',
		target: ['chrome100'],
		alias: { '@wic': join(root, 'control/web/wic/src') },
		logLevel: 'warning',
	});
	writeFileSync(join(out, page), readFileSync(join(src, 'page.html'), 'utf8').replace('@NAME@', name));
}
copyFileSync(join(root, 'control/web/wic/src/icon.svg'), join(out, 'icon.svg'));
