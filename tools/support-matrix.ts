// `npm run docs`: writes docs/support-matrix.md from the decoders' own support tables; with --check it only compares.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { supportTables } from '../packages/core/src/resources/support-tables.ts'

const root = join(import.meta.dirname, '..')
const file = join(root, 'docs', 'support-matrix.md')

const lines = [
  '# Support matrix',
  '',
  'Every field of the xDS resources that the decoders know, and what becomes of it. The page is made from the tables that the',
  'decoders themselves work by (`npm run docs`), so it says what the code does. A field that is in no row is ignored with a',
  'warning; a resource with a refused field is rejected (NACK) with the field in its reason.',
  '',
  'What stays impossible in a process: endpoint facts on `req.socket`, and clients that go round the hooks (raw `net` and',
  '`tls`, `http2.connect`). Not in this step: node:http as a client, applications that bring their own undici, TLS of any',
  'kind.',
  '',
]
for (const table of supportTables) {
  lines.push(`## ${table.resource}`, '', '| field | support | note |', '| --- | --- | --- |')
  for (const { path, support, note } of table.fields) lines.push(`| \`${path}\` | ${support} | ${note} |`)
  lines.push('')
}
lines.push(
  '## Differences from Envoy and Istio',
  '',
  'As the code marks them.',
  '',
  '| where | what |',
  '| --- | --- |',
)
for (const { path, sentence } of differences()) lines.push(`| \`${path}\` | ${sentence} |`)
lines.push('')
const text = lines.join('\n')

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write('docs/support-matrix.md is out of date: run "npm run docs"\n')
    process.exit(1)
  }
} else {
  writeFileSync(file, text)
}

/** Sentences of comments that begin with "Differs from". */
function differences(): { path: string; sentence: string }[] {
  const paths = globSync('packages/*/src/**/*.ts', { cwd: root }).filter(
    (path) => !path.includes('/gen/') && !path.endsWith('.test.ts'),
  )
  return paths.sort().flatMap((path) => {
    const comments = readFileSync(join(root, path), 'utf8').replace(/\s*\n\s*(?:\/\/|\*(?!\/))\s*/g, ' ')
    return [...comments.matchAll(/Differs from (?:Envoy|Istio)[^\n]*?\.(?=\s|$)/gm)].map(([sentence]) => ({
      path,
      sentence,
    }))
  })
}
