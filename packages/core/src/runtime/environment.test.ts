import { isIP } from 'node:net'
import { describe, expect, it } from 'vitest'
import { readEnvironment } from './environment.ts'

describe('the environment', () => {
  it('is a copy of the process environment', () => {
    const { env } = readEnvironment()
    expect(env['PATH']).toBe(process.env['PATH'])
    expect(env).not.toBe(process.env)
  })

  it('names the host and only addresses that others may reach, IPv4 first', () => {
    const { host } = readEnvironment()
    expect(host.hostName).not.toBe('')
    const families = host.addresses.map((address) => isIP(address))
    expect(families).toEqual(families.toSorted((a, b) => a - b))
    expect(families).not.toContain(0)
    expect(host.addresses.filter((a) => a.startsWith('127.') || a === '::1' || a.startsWith('fe80:'))).toEqual([])
  })
})
