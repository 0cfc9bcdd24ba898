import { describe, expect, it } from 'vitest'
import type { RequestContext } from '@inmesh/core'
import { AsyncRequestContext } from './request-context.ts'

const context = (requestId: string): RequestContext => ({ trace: {} as RequestContext['trace'], requestId })

describe('the context of the request being served', () => {
  it('is null outside of any', () => {
    expect(new AsyncRequestContext().current()).toBe(null)
  })

  it('is there in what the request starts, and only there', async () => {
    const carrier = new AsyncRequestContext()
    const seen = await Promise.all(
      ['a', 'b'].map((id) =>
        carrier.run(context(id), async () => {
          await new Promise((resolve) => setImmediate(resolve))
          return carrier.current()?.requestId
        }),
      ),
    )
    expect(seen).toEqual(['a', 'b'])
    expect(carrier.current()).toBe(null)
  })

  it('hands arguments and the result through', () => {
    const carrier = new AsyncRequestContext()
    const sum = carrier.apply(context('a'), (x: number, y: number) => `${carrier.current()?.requestId}${x + y}`, 1, 2)
    expect(sum).toBe('a3')
  })
})
