// Durations as Istio's YAML writes them: Go's time.ParseDuration (https://pkg.go.dev/time#ParseDuration), such as `1h30m`.

/** Milliseconds (fractions included) of a Go duration; null when `text` is not one. `0` needs no unit. */
export function parseDuration(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text
  if (body === '0') return 0
  if (!WHOLE.test(body)) return null
  let ms = 0
  for (const [, amount, unit] of body.matchAll(PART)) ms += Number(amount) * (UNIT_MS[unit as string] as number)
  // Nanoseconds are the finest a duration has: drops what binary fractions add.
  return (sign * Math.round(ms * 1e6)) / 1e6
}

const WHOLE = /^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}
