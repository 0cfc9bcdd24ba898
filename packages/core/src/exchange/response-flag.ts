// Envoy's response flags as bits, with their short names as access logs and metrics print them, and what each means for
// an answer of ours (config.accesslog.v3 ResponseFlags, StreamInfo::CoreResponseFlag).

/** One bit each. */
export const ResponseFlag = {
  FailedLocalHealthCheck: 0x1,
  NoHealthyUpstream: 0x2,
  UpstreamRequestTimeout: 0x4,
  LocalReset: 0x8,
  UpstreamRemoteReset: 0x10,
  UpstreamConnectionFailure: 0x20,
  UpstreamConnectionTermination: 0x40,
  UpstreamOverflow: 0x80,
  NoRouteFound: 0x100,
  DelayInjected: 0x200,
  FaultInjected: 0x400,
  RateLimited: 0x800,
  UnauthorizedExternalService: 0x1000,
  RateLimitServiceError: 0x2000,
  DownstreamConnectionTermination: 0x4000,
  UpstreamRetryLimitExceeded: 0x8000,
  StreamIdleTimeout: 0x10000,
  InvalidEnvoyRequestHeaders: 0x20000,
  DownstreamProtocolError: 0x40000,
  UpstreamMaxStreamDurationReached: 0x80000,
  NoClusterFound: 0x100000,
  OverloadManager: 0x200000,
  UpstreamProtocolError: 0x400000,
  DurationTimeout: 0x800000,
} as const

// In the order of the bits.
const SHORT_NAMES = [
  'LH',
  'UH',
  'UT',
  'LR',
  'UR',
  'UF',
  'UC',
  'UO',
  'NR',
  'DI',
  'FI',
  'RL',
  'UAEX',
  'RLSE',
  'DC',
  'URX',
  'SI',
  'IH',
  'DPE',
  'UMSDR',
  'NC',
  'OM',
  'UPE',
  'DT',
] as const

const texts = new Map<number, string>([[0, '-']])

/** Short names of the set flags joined by commas, `-` for none: what `response_flags` carries. */
export function responseFlagsText(flags: number): string {
  let text = texts.get(flags)
  if (text === undefined) {
    text = SHORT_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(',')
    texts.set(flags, text)
  }
  return text
}
