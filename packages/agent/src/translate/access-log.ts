// The access log of the mesh's configuration, as Envoy's file logger (istio pilot/pkg/model/telemetry_logging.go).
import { ISTIO_JSON_FIELDS, ISTIO_TEXT_FORMAT } from '@inmesh/core'
import { create, type JsonObject } from '@bufbuild/protobuf'
import { type AccessLog, AccessLogSchema } from '@inmesh/core/gen/envoy/config/accesslog/v3/accesslog_pb.ts'
import {
  type SubstitutionFormatString,
  SubstitutionFormatStringSchema,
} from '@inmesh/core/gen/envoy/config/core/v3/substitution_format_string_pb.ts'
import { FileAccessLogSchema } from '@inmesh/core/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import { pack, struct } from './encode.ts'

/** The access logs of each connection manager; none when `accessLogFile` is empty. */
export function accessLogs(mesh: MeshConfig): AccessLog[] {
  if (mesh.accessLogFile === '') return []
  const config = create(FileAccessLogSchema, {
    path: mesh.accessLogFile,
    accessLogFormat: { case: 'logFormat', value: format(mesh) },
  })
  const typedConfig = pack(FileAccessLogSchema, config)
  return [
    create(AccessLogSchema, {
      name: 'envoy.access_loggers.file',
      configType: { case: 'typedConfig', value: typedConfig },
    }),
  ]
}

function format(mesh: MeshConfig): SubstitutionFormatString {
  if (mesh.accessLogEncoding === 'JSON') {
    const fields = mesh.accessLogFormat === '' ? ISTIO_JSON_FIELDS : (JSON.parse(mesh.accessLogFormat) as JsonObject)
    return create(SubstitutionFormatStringSchema, { format: { case: 'jsonFormat', value: struct(fields) } })
  }
  const given = mesh.accessLogFormat
  const text = given === '' ? ISTIO_TEXT_FORMAT : given.endsWith('\n') ? given : `${given}\n`
  return create(SubstitutionFormatStringSchema, {
    format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } },
  })
}
