import { describe, expect, test } from 'vitest'
import { HttpFilterRegistry } from '../filters/registry.ts'
import { loadResourceTypes } from '../resources/resource-types.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { apiListener, inboundListener } from '../testing/resource-builders.ts'
import { checkedListenerType } from './listener-type.ts'

const any = (typeUrl: string) => ({
  $typeName: 'google.protobuf.Any' as const,
  typeUrl: `type.googleapis.com/${typeUrl}`,
  value: new Uint8Array(),
})
const rbac = { name: 'rbac', config: any('envoy.extensions.filters.http.rbac.v3.RBAC') }
const fault = { name: 'fault', config: any('envoy.extensions.filters.http.fault.v3.HTTPFault') }

describe('a listener', () => {
  test.each([
    ['an outbound', apiListener({ name: 'a:80', httpFilters: [rbac] })],
    ['an inbound', inboundListener({ address: '0.0.0.0', port: 80, httpFilters: [rbac] })],
  ])('%s one with a filter that enforces security and is not honoured is rejected', async (_, { value }) => {
    const decoded = (await checkedType()).decode(value, { version: '1' })
    expect(decoded).toMatchObject({ ok: false, errors: [expect.stringContaining('rbac')] })
  })

  test('with a filter that is not honoured and harmless to leave out is accepted with a warning', async () => {
    const { value } = apiListener({ name: 'a:80', httpFilters: [fault] })
    const decoded = (await checkedType()).decode(value, { version: '1' })
    expect(decoded).toMatchObject({ ok: true, warnings: [expect.stringContaining('fault')] })
  })

  test.each([
    ['%RESPONSE_CODE', false],
    ['%RESPONSE_CODE%\n', true],
  ])('with the access log format %j: accepted %s', async (accessLog, accepted) => {
    const { value } = apiListener({ name: 'a:80', accessLog })
    expect((await checkedType()).decode(value, { version: '1' }).ok).toBe(accepted)
  })

  test('that does not decode is rejected for that reason', async () => {
    expect((await checkedType()).decode(Uint8Array.of(0xff), { version: '1' }).ok).toBe(false)
  })
})

async function checkedType() {
  return checkedListenerType((await loadResourceTypes()).listener, new HttpFilterRegistry(), new FakeClock())
}
