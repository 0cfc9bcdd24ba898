// What newcomers bring loads unchanged: no error, and what has no effect yet is named.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../ingest/file-store.ts'

const here = import.meta.dirname

test.each([
  ['testdata/canary.yaml', 3, []],
  ['testdata/payments.yaml', 4, ['PeerAuthentication', 'AuthorizationPolicy']],
  ['testdata/resilience.yaml', 4, ['PeerAuthentication']],
  ['testdata/ingress.yaml', 4, ['Gateway']],
  ['testdata/injection.yaml', 4, ['Deployment', 'Job']],
] as const)('%s', (path, objects, withoutEffect) => {
  const file = join(here, path)
  const state = readConfig([{ file, text: readFileSync(file, 'utf8') }])
  expect(state.problems.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(state.objects.length).toBe(objects)
  const named = state.problems.filter(({ field }) => field === 'kind').map(({ object }) => object?.split(' ')[0])
  expect(named).toEqual(withoutEffect)
})
