// CommonJS applications load the packages by require(): no module of core or http may have a top-level await.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

test.each(['@inmesh/core', '@inmesh/core/testing', '@inmesh/http', '@inmesh/http/register', '@inmesh/agent'])(
  'require(%j) works',
  (name) => {
    const script = `const m = require(${JSON.stringify(name)}); process.stdout.write(typeof m)`
    const out = execFileSync(process.execPath, ['--conditions=inmesh-source', '-e', script], {
      cwd: join(root, 'packages', 'agent'),
      encoding: 'utf8',
      env: { ...process.env, INMESH_DISABLED: '1' },
    })
    expect(out).toBe('object')
  },
)
