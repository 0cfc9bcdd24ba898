import { describe, expect, it } from 'vitest'
import { client, echo, upstream } from '../../../../test/fixtures/http-client.ts'

describe('fetch', () => {
  it('is the platform’s own: its classes, its redirects, its decompression', async () => {
    const server = await upstream((incoming, response) => {
      if (incoming.url === '/old') response.writeHead(302, { location: '/new' }).end()
      else response.end(`at ${incoming.url}`)
    })
    const { fetch, mesh } = client({ endpoints: [server.port] })
    const answer = await fetch(new Request('http://reviews/old'))
    expect(answer).toBeInstanceOf(globalThis.Response)
    expect(answer.redirected).toBe(true)
    expect(await answer.text()).toBe('at /new')
    expect(mesh.completed.length).toBe(2)
  })

  it('goes on to work when it takes the place of global fetch', async () => {
    const server = await upstream(echo)
    const { fetch } = client({ endpoints: [server.port] })
    const before = globalThis.fetch
    globalThis.fetch = fetch
    try {
      expect((await globalThis.fetch('http://reviews/')).status).toBe(200)
    } finally {
      globalThis.fetch = before
    }
  })
})
