// Access logs of a connection manager (config/accesslog/v3): Envoy's file logger and its loggers for the standard streams.
import { FileAccessLogSchema, fromBinary, StderrAccessLogSchema, StdoutAccessLogSchema } from '../gen/messages.js'
import type { AccessLog } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts'
import type { SubstitutionFormatString } from '../gen/envoy/config/core/v3/substitution_format_string_pb.ts'
import { typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import { listenerSupport } from './listener.support.ts'
import type { AccessLogConfig } from './listener.ts'

/** The loggers that are known; others are reported and left out. */
export function decodeAccessLogs(logs: readonly AccessLog[], path: string, findings: Findings): AccessLogConfig[] {
  const decoded: AccessLogConfig[] = []
  for (const [i, log] of logs.entries()) {
    const at = `${path}[${i}]`
    const config = log.configType.value
    if (config === undefined) {
      findings.error(at, 'typed_config is missing')
      continue
    }
    const inside = `${at}.typed_config`
    switch (typeName(config)) {
      case FileAccessLogSchema.typeName: {
        const file = fromBinary(FileAccessLogSchema, config.value)
        listenerSupport.report(FileAccessLogSchema, file, inside, findings)
        if (file.path === '') findings.error(`${inside}.path`, 'is empty')
        decoded.push({ path: file.path, format: fileFormat(file.accessLogFormat, inside, findings) })
        break
      }
      case StdoutAccessLogSchema.typeName: {
        const stream = fromBinary(StdoutAccessLogSchema, config.value)
        listenerSupport.report(StdoutAccessLogSchema, stream, inside, findings)
        decoded.push({ path: '/dev/stdout', format: streamFormat(stream.accessLogFormat, inside, findings) })
        break
      }
      case StderrAccessLogSchema.typeName: {
        const stream = fromBinary(StderrAccessLogSchema, config.value)
        listenerSupport.report(StderrAccessLogSchema, stream, inside, findings)
        decoded.push({ path: '/dev/stderr', format: streamFormat(stream.accessLogFormat, inside, findings) })
        break
      }
      default:
        findings.value('ignored', at, `access logger ${typeName(config)} is not known`)
    }
  }
  return decoded
}

type Format = AccessLogConfig['format']

function fileFormat(
  format: ReturnType<typeof fromBinary<typeof FileAccessLogSchema>>['accessLogFormat'],
  path: string,
  findings: Findings,
): Format {
  switch (format.case) {
    case 'format':
      return { kind: 'text', text: format.value === '' ? ENVOY_TEXT_FORMAT : format.value }
    case 'jsonFormat':
    case 'typedJsonFormat':
      return { kind: 'json', fields: format.value }
    case 'logFormat':
      return substitutionFormat(format.value, `${path}.log_format`, findings)
    case undefined:
      return { kind: 'text', text: ENVOY_TEXT_FORMAT }
  }
}

function streamFormat(
  format: ReturnType<typeof fromBinary<typeof StdoutAccessLogSchema>>['accessLogFormat'],
  path: string,
  findings: Findings,
): Format {
  if (format.case === undefined) return { kind: 'text', text: ENVOY_TEXT_FORMAT }
  return substitutionFormat(format.value, `${path}.log_format`, findings)
}

function substitutionFormat({ format }: SubstitutionFormatString, path: string, findings: Findings): Format {
  switch (format.case) {
    case 'textFormat':
      return { kind: 'text', text: format.value }
    case 'jsonFormat':
      return { kind: 'json', fields: format.value }
    case 'textFormatSource': {
      const source = format.value.specifier
      if (source.case === 'inlineString') return { kind: 'text', text: source.value }
      if (source.case === 'inlineBytes') return { kind: 'text', text: Buffer.from(source.value).toString() }
      return { kind: 'text', text: ENVOY_TEXT_FORMAT }
    }
    case undefined:
      findings.error(path, 'has no format')
      return { kind: 'text', text: ENVOY_TEXT_FORMAT }
  }
}

/** What Envoy writes when a logger has no format. */
export const ENVOY_TEXT_FORMAT: string =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n'
