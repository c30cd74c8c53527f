/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles the page into a folder: node build.mjs OUTDIR. Modules come from ./node_modules (npm ci). */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];

if (!out) {
	console.error('usage: node build.mjs OUTDIR');
	process.exit(2);
}
mkdirSync(out, { recursive: true });
await build({
	entryPoints: [join(here, 'src/app.js')],
	outfile: join(out, 'app.js'),
	bundle: true,
	minify: true,
	format: 'iife',
	target: ['chrome100', 'firefox100', 'safari15'],
	legalComments: 'eof',
	logLevel: 'warning',
});
for (const name of ['index.html', 'style.css', 'icon.svg'])
	copyFileSync(join(here, 'src', name), join(out, name));
