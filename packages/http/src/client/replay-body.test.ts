import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type BodySource, type Chunk, ReplayBody } from './replay-body.ts'

function replay(source: BodySource, limit?: number): { body: ReplayBody; lost: () => number } {
  let lost = 0
  const onLost = { onBodyLost: () => void lost++ }
  return { body: new ReplayBody(source, new AsyncResource('TEST'), onLost, limit), lost: () => lost }
}

async function all(body: AsyncIterable<Chunk>): Promise<string> {
  let text = ''
  for await (const chunk of body) text += String(chunk)
  return text
}

async function* chunks(...values: string[]): AsyncGenerator<string> {
  for (const value of values) {
    await Promise.resolve()
    yield value
  }
}

describe('a body that can be read once', () => {
  it.each<[string, () => BodySource]>([
    ['an async generator', () => chunks('ab', 'cd', 'ef')],
    ['an array', () => ['ab', 'cd', 'ef']],
    ['a stream', () => Readable.from(['ab', 'cd', 'ef'])],
  ])('is sent whole to each attempt (%s)', async (_, source) => {
    const { body, lost } = replay(source())
    expect(await all(body.open())).toBe('abcdef')
    expect(await all(body.open())).toBe('abcdef')
    expect(lost()).toBe(0)
  })

  it('is read on where an attempt gave up, with what came before', async () => {
    const { body } = replay(chunks('ab', 'cd', 'ef'))
    const first = body.open()[Symbol.asyncIterator]()
    expect((await first.next()).value).toBe('ab')
    await first.return?.()
    expect(await all(body.open())).toBe('abcdef')
  })

  it('gives each chunk to two attempts that wait for it at the same time', async () => {
    const { body } = replay(chunks('ab', 'cd'))
    expect(await Promise.all([all(body.open()), all(body.open())])).toEqual(['abcd', 'abcd'])
  })

  it('is lost once it is longer than the limit, and goes on to the attempt that reads it', async () => {
    const { body, lost } = replay(chunks('aaaa', 'bbbb', 'cccc'), 8)
    const reader = body.open()[Symbol.asyncIterator]()
    await reader.next()
    await reader.next()
    expect(lost()).toBe(0)
    expect((await reader.next()).value).toBe('cccc')
    expect(lost()).toBe(1)
    expect((await reader.next()).done).toBe(true)
    await expect(all(body.open())).rejects.toThrow('not kept')
  })

  it('is not kept when no attempt can follow, and nobody is told that it is lost', async () => {
    const { body, lost } = replay(chunks('ab', 'cd'))
    body.keepNoMore()
    expect(await all(body.open())).toBe('abcd')
    await expect(all(body.open())).rejects.toThrow('not kept')
    expect(lost()).toBe(0)
  })

  it('is sent whole by a last attempt that begins with what was kept', async () => {
    const { body } = replay(chunks('ab', 'cd', 'ef'))
    const first = body.open()[Symbol.asyncIterator]()
    await first.next()
    await first.next()
    body.keepNoMore()
    expect(await all(body.open())).toBe('abcdef')
  })

  it("fails each attempt with the source's own error", async () => {
    const failure = new Error('disk on fire')
    async function* failing(): AsyncGenerator<string> {
      yield 'ab'
      await Promise.resolve()
      throw failure
    }
    const { body } = replay(failing())
    await expect(all(body.open())).rejects.toBe(failure)
    expect(body.failure).toBe(failure)
    await expect(all(body.open())).rejects.toBe(failure)
  })

  it('survives a stream that fails before anybody reads it', async () => {
    const stream = new Readable({ read() {} })
    const { body } = replay(stream)
    const failure = new Error('gone')
    stream.destroy(failure)
    await new Promise((resolve) => stream.once('close', resolve))
    await expect(all(body.open())).rejects.toThrow()
    expect(body.failure).not.toBe(null)
  })

  it('tells the source to stop when nobody reads on', async () => {
    let stopped = false
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          await Promise.resolve()
          yield 'ab'
        }
      } finally {
        stopped = true
      }
    }
    const { body } = replay(endless())
    await body.open()[Symbol.asyncIterator]().next()
    body.close()
    await Promise.resolve()
    expect(stopped).toBe(true)
    const stream = new Readable({ read() {} })
    replay(stream).body.close()
    expect(stream.destroyed).toBe(true)
  })

  it('is read in the async context that it was given in, whoever reads', async () => {
    const als = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    async function* source(): AsyncGenerator<string> {
      seen.push(als.getStore())
      yield 'ab'
      await Promise.resolve()
      seen.push(als.getStore())
      yield 'cd'
    }
    const body = als.run('caller', () => replay(source()).body)
    expect(await als.run('somebody else', () => all(body.open()))).toBe('abcd')
    expect(seen).toEqual(['caller', 'caller'])
  })
})
