// docs/errors.md lists every code, and no other.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERROR_CODES } from '@inmesh/core'
import { expect, test } from 'vitest'

test('docs/errors.md and the table of codes say the same', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
  const documented = [...text.matchAll(/^\| `(MESH_[A-Z_]+)` \|/gm)].map((match) => match[1])
  expect(new Set(documented)).toEqual(new Set(Object.keys(ERROR_CODES)))
})
