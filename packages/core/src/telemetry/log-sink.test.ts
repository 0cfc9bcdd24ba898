import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Logger, silentLogger } from '../runtime/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { BufferedLogSink, LogSinks } from './log-sink.ts'

let clock: FakeClock
let warnings: string[]
let log: Logger

beforeEach(() => {
  clock = new FakeClock()
  warnings = []
  log = { ...silentLogger, warn: (message) => void warnings.push(message) }
})

/** Keeps what was written; with `hold` writes stay unfinished until `release`. */
class Kept extends Writable {
  readonly chunks: string[] = []
  hold = false
  release: () => void = () => {}

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.chunks.push(chunk.toString())
    if (this.hold) this.release = done
    else done()
  }
}

describe('a batch', () => {
  test('of a file goes out after 10 s', () => {
    const stream = new Kept()
    const sink = new BufferedLogSink('x', () => stream, { clock, log })
    sink.write('a\n')
    sink.write('b\n')
    clock.advance(9_999)
    expect(stream.chunks).toEqual([])
    clock.advance(1)
    expect(stream.chunks).toEqual(['a\nb\n'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('goes out at 64 KiB', () => {
    const stream = new Kept()
    const sink = new BufferedLogSink('x', () => stream, { clock, log })
    const line = `${'x'.repeat(1_023)}\n`
    for (let i = 0; i < 63; i++) sink.write(line)
    expect(stream.chunks).toEqual([])
    sink.write(line)
    expect(stream.chunks).toEqual([line.repeat(64)])
    expect(clock.pendingTimers).toBe(0)
  })

  test('of a standard stream goes out at the end of the turn', () => {
    const stream = new Kept()
    const sink = new BufferedLogSink('x', () => stream, { clock, log, flushMs: 0, borrowed: true })
    sink.write('a\n')
    sink.write('b\n')
    clock.advance(0)
    expect(stream.chunks).toEqual(['a\nb\n'])
  })

  test('does not open its stream before there is a line', () => {
    let opened = 0
    const sink = new BufferedLogSink('x', () => (opened++, new Kept()), { clock, log })
    sink.flush()
    expect(opened).toBe(0)
    sink.write('a\n')
    sink.flush()
    expect(opened).toBe(1)
  })
})

describe('a stream that does not take lines', () => {
  test('because its reader is slow drops them and counts, and goes on when it is read again', () => {
    const stream = new Kept()
    stream.hold = true
    const sink = new BufferedLogSink('x', () => stream, { clock, log, maxPendingBytes: 10 })
    for (const line of ['0123456789\n', 'lost 1\n', 'lost 2\n']) {
      sink.write(line)
      sink.flush()
    }
    expect(sink.dropped).toBe(2)
    stream.hold = false
    stream.release()
    sink.write('back\n')
    sink.flush()
    expect(stream.chunks).toEqual(['0123456789\n', 'back\n'])
    expect(sink.dropped).toBe(2)
    expect(warnings).toEqual([])
  })

  test('because it cannot be opened is given up with one warning', () => {
    const sink = new BufferedLogSink(
      'x',
      () => {
        throw new Error('no such place')
      },
      { clock, log },
    )
    for (let i = 0; i < 3; i++) {
      sink.write('a\n')
      sink.flush()
    }
    expect(sink.dropped).toBe(3)
    expect(warnings).toEqual(['access log x cannot be written and is given up: no such place'])
  })

  test('because its reader has gone away loses lines and nothing else', async () => {
    const server = createServer((socket) => socket.destroy())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const socket: Socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1')
    await once(socket, 'connect')
    const sink = new BufferedLogSink('x', () => socket, { clock, log, borrowed: true })
    while (sink.dropped === 0) {
      sink.write('a\n')
      sink.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    sink.write('b\n')
    expect(sink.dropped).toBeGreaterThanOrEqual(2)
    expect(warnings).toHaveLength(1)
    await sink.close()
    server.close()
  })
})

test('a borrowed stream keeps no listener of ours between writes', async () => {
  const stream = new Kept()
  const sink = new BufferedLogSink('x', () => stream, { clock, log, flushMs: 0, borrowed: true })
  for (let i = 0; i < 3; i++) {
    sink.write('a\n')
    sink.flush()
  }
  expect(stream.listenerCount('error')).toBe(1)
  await sink.close()
  expect(stream.listenerCount('error')).toBe(0)
  expect(stream.writable).toBe(true)
})

describe('files', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'inmesh-log-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  test('are appended to, and shared by all who name them', async () => {
    const path = join(dir, 'access.log')
    for (const word of ['one', 'two']) {
      const sinks = new LogSinks(clock, log)
      expect(sinks.open(path)).toBe(sinks.open(path))
      sinks.open(path).write(`${word}\n`)
      await sinks.close()
    }
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n')
  })

  test('that cannot be opened are given up', async () => {
    const sinks = new LogSinks(clock, log)
    const sink = sinks.open(join(dir, 'no', 'such', 'dir'))
    sink.write('a\n')
    await sink.close()
    sink.write('b\n')
    expect(sinks.dropped).toBe(2)
    expect(warnings).toHaveLength(1)
  })

  test('after closing, lines are dropped and counted', async () => {
    const sinks = new LogSinks(clock, log)
    const sink = sinks.open(join(dir, 'a.log'))
    await sinks.close()
    sink.write('late\n')
    expect(sink.dropped).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })
})
